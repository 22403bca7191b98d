/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prefs: what the tool's own options ask for.  Those of the program's command
 * line hold for a whole shell or script; a line of it may add its own.
 */
#ifndef CTL_PREFS_H
#define CTL_PREFS_H

#include "ctl/color.h"
#include "ctl/render.h"
#include "ctl/talk.h"
#include "ipc/params.h"

struct prefs {
	struct render_opts render;
	color_when color;
	bool quiet, yes, dry_run, legacy_names, keep_going;
	span_t timeout; /* ns == 0: not given */
	char *socket;   /* owned, or NULL: the usual place */
	char *file;     /* owned: run its lines; or NULL */
};

/* Sets @out from @base (NULL: defaults) and the options given in @tool.  prefs_fini
 * afterwards. */
void prefs_init(struct prefs *out, const struct prefs *base, const struct params *tool);
void prefs_fini(struct prefs *p);
/* How to speak on stderr. */
struct talk prefs_talk(const struct prefs *p);

#endif
