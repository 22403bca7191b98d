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

em_err
rights_check(
    enum wire_access access, uid_t uid, const struct wire_req *req, struct fault *f)
{
	const struct ctl_conf *conf = conf_get(CONF_CTL);
	bool is_write = params_is_write(&req->params);
	enum params_danger danger = params_danger(&req->params, NULL);
	enum wire_access wanted = danger != PARAMS_SAFE ? WIRE_ACCESS_ALL
				  : is_write            ? WIRE_ACCESS_WRITE
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
	if ((req->flags & (WIRE_REQ_YES | WIRE_REQ_DRY_RUN)) == 0 &&
	    (danger == PARAMS_YES || (danger == PARAMS_ASK && conf->require_yes))) {
		fault_set(f, EM_USAGE, "not without --yes");
		fault_hint(f, "--dry-run says what would happen");
		return EM_USAGE;
	}
	return EM_OK;
}
