/* SPDX-License-Identifier: Apache-2.0 */
/* rights: see rights.h. */
#include "emqxd/admin/rights.h"
#include "emqxd/conf/snapshot.h"
#include "emqxd/admin/ctl_conf.h"

#include <unistd.h>

static bool
is_in(const char *group, int sock)
{
	gid_t gid;

	return group[0] != '\0' && peer_group_find(group, &gid) == EM_OK &&
	       peer_has_group(sock, gid);
}

bool
rights_is_own(const struct peer_cred *cred)
{
	return cred->uid == 0 || cred->uid == geteuid();
}

enum wire_access
rights_of(const struct peer_cred *cred, int sock)
{
	const struct ctl_conf *conf = conf_get(CONF_CTL);

	if (rights_is_own(cred))
		return WIRE_ACCESS_ALL;
	if (is_in(conf->admin_group, sock))
		return conf->dangerous == CTL_DANGEROUS_ADMIN ? WIRE_ACCESS_ALL
							      : WIRE_ACCESS_WRITE;
	return is_in(conf->read_group, sock) ? WIRE_ACCESS_READ : WIRE_ACCESS_NONE;
}

static bool
is_dangerous(const struct wire_req *req)
{
	const struct cmd *cmd = req->cmd;

	switch (cmd->dangerous) {
	case DANGER_NONE: return false;
	case DANGER_ASK:
	case DANGER_ALL: return true;
	case DANGER_MANY: return params_count(&req->params, cmd->args[0].name) > 1;
	}
	UNREACHABLE();
}

/* Of a dangerous one: more than EMQX's own forms of a command, which run as ever. */
static bool
wants_yes(const struct wire_req *req)
{
	const struct cmd *cmd = req->cmd;

	return cmd->dangerous == DANGER_MANY ||
	       (cmd->dangerous == DANGER_ALL &&
		   !params_has(&req->params, cmd->args[0].name));
}

em_err
rights_check(
    enum wire_access access, uid_t uid, const struct wire_req *req, struct fault *f)
{
	const struct ctl_conf *conf = conf_get(CONF_CTL);
	bool is_write = params_is_write(&req->params), is_asked = is_dangerous(req);
	enum wire_access wanted = is_asked   ? WIRE_ACCESS_ALL
				  : is_write ? WIRE_ACCESS_WRITE
					     : WIRE_ACCESS_READ;

	if (access < wanted) {
		fault_set(f, EM_DENIED, "user %u may not %s here", (unsigned)uid,
		    is_write ? "change anything" : "ask");
		fault_hint(f, "%s",
		    is_write ? err_hint(EM_DENIED)
			     : "root, the daemon's own user, or a member "
			       "of ctl.read_group may");
		return EM_DENIED;
	}
	if (is_asked && (req->flags & (WIRE_REQ_YES | WIRE_REQ_DRY_RUN)) == 0 &&
	    (conf->require_yes || wants_yes(req))) {
		fault_set(f, EM_USAGE, "not without --yes");
		fault_hint(f, "--dry-run says what would happen");
		return EM_USAGE;
	}
	return EM_OK;
}
