/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_conf: the control socket and what its callers may: ctl.*.
 */
#ifndef ADMIN_CTL_CONF_H
#define ADMIN_CTL_CONF_H

#include "emqxd/conf/section.h"

enum ctl_dangerous { CTL_DANGEROUS_ADMIN, CTL_DANGEROUS_ROOT };
enum ctl_compat { CTL_COMPAT_5_8, CTL_COMPAT_4_4 };

struct ctl_conf {
	const char *socket;
	const char *mode_text;   /* "0660" */
	uint32_t mode;           /* the same as a number */
	const char *admin_group; /* may write; "": root and the daemon's user only */
	const char *read_group;  /* may read */
	enum ctl_dangerous dangerous;
	enum ctl_compat compat;
	bool require_yes;
};

extern const struct conf_section ctl_conf;

#endif
