/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_conf: the fields of ctl.*, all of them ours.
 */
#include "emqxd/admin/ctl_conf.h"

#include <sys/un.h>

#define CTL(member_) CONF_MEMBER(struct ctl_conf, member_)

static const struct conf_word dangerous[] = { { "admin", CTL_DANGEROUS_ADMIN },
	{ "root", CTL_DANGEROUS_ROOT }, { NULL, 0 } };
static const struct conf_word compat[] = { { "5.8", CTL_COMPAT_5_8 },
	{ "4.4", CTL_COMPAT_4_4 }, { NULL, 0 } };

static const struct conf_field fields[] = {
	{ .path = "socket",
	    CTL(socket),
	    .type = CONF_TEXT,
	    .def = "/run/emqxd/ctl.sock",
	    .min = 1,
	    .max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1,
	    .reload = CONF_RESTART,
	    .help = "Path of the socket that emqx_ctl talks to" },
	{ .path = "mode",
	    CTL(mode_text),
	    .type = CONF_TEXT,
	    .def = "0660",
	    .reload = CONF_RESTART,
	    .help = "Access mode of the socket, octal" },
	{ .path = "admin_group",
	    CTL(admin_group),
	    .type = CONF_TEXT,
	    .def = "",
	    .reload = CONF_LIVE,
	    .help = "Group whose members may change things, beside root and emqxd's own "
		    "user" },
	{ .path = "read_group",
	    CTL(read_group),
	    .type = CONF_TEXT,
	    .def = "emqx",
	    .reload = CONF_LIVE,
	    .help = "Group whose members may look" },
	{ .path = "dangerous",
	    CTL(dangerous),
	    .type = CONF_ENUM,
	    .def = "admin",
	    .words = dangerous,
	    .reload = CONF_LIVE,
	    .help = "Who may run dangerous commands: everybody who may change things, or "
		    "only root" },
	{ .path = "require_yes",
	    CTL(require_yes),
	    .type = CONF_BOOL,
	    .def = "false",
	    .reload = CONF_LIVE,
	    .help = "Whether every dangerous command wants --yes without a terminal" },
	{ .path = "compat",
	    CTL(compat),
	    .type = CONF_ENUM,
	    .def = "5.8",
	    .words = compat,
	    .reload = CONF_LIVE,
	    .help = "Release of EMQX whose output emqx_ctl prints" },
};

static void
settle(void *self, struct conf_settling *in)
{
	struct ctl_conf *c = self;

	c->mode = 0;
	for (const char *p = c->mode_text; *p != '\0'; p++) {
		if (*p < '0' || *p > '7' || c->mode > 0777) {
			c->mode = UINT32_MAX;
			break;
		}
		c->mode = c->mode * 8 + (uint32_t)(*p - '0');
	}
	if (c->mode > 0777 || c->mode == 0)
		conf_settling_fault(in, "mode", "such as 0660", "this is no access mode");
}

const struct conf_section ctl_conf = {
	.id = CONF_CTL,
	.path = "ctl",
	.field = fields,
	.n = sizeof(fields) / sizeof(fields[0]),
	.size = sizeof(struct ctl_conf),
	.settle = settle,
};
