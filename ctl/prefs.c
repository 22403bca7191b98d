/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prefs: flags only ever add to what the command line of the program asked for;
 * of values the line's own wins.
 */
#include "ctl/prefs.h"
#include "ipc/base/mem.h"

#include <unistd.h>

static char *
take_text(const struct params *tool, const char *name, const char *base)
{
	struct slice text = params_text(tool, name);

	return params_has(tool, name) ? mem_dup(text.p, text.n) : mem_strdup(base);
}

static render_format
format_of(const struct params *tool, render_format base)
{
	if (params_has(tool, "output"))
		return render_find_format(params_text(tool, "output"));
	if (params_bool(tool, "json"))
		return RENDER_JSON;
	if (params_bool(tool, "wide"))
		return RENDER_WIDE;
	return base;
}

static color_when
color_of(const struct params *tool, color_when base)
{
	struct slice word = params_text(tool, "color");

	if (slice_eq_str(word, "always"))
		return COLOR_ALWAYS;
	if (slice_eq_str(word, "never"))
		return COLOR_NEVER;
	return word.n > 0 ? COLOR_AUTO : base;
}

void
prefs_init(struct prefs *out, const struct prefs *base, const struct params *tool)
{
	static const struct prefs none = { .render = { .format = RENDER_AUTO } };
	const struct prefs *b = base != NULL ? base : &none;
	bool compat44 = b->render.compat44;

	if (params_has(tool, "compat"))
		compat44 = slice_eq_str(params_text(tool, "compat"), "4.4");
	*out = (struct prefs){
		.render = {
			.format = format_of(tool, b->render.format),
			.no_trunc = b->render.no_trunc || params_bool(tool, "no-trunc"),
			.no_header = b->render.no_header || params_bool(tool, "no-header"),
			.utc = b->render.utc || params_bool(tool, "utc"),
			.compat44 = compat44,
		},
		.color = color_of(tool, b->color),
		.quiet = b->quiet || params_bool(tool, "quiet"),
		.yes = b->yes || params_bool(tool, "yes"),
		.dry_run = b->dry_run || params_bool(tool, "dry-run"),
		.legacy_names =
		    b->legacy_names || params_bool(tool, "legacy-names") || compat44,
		.keep_going = b->keep_going || params_bool(tool, "keep-going"),
		.timeout = params_span(tool, "timeout", b->timeout),
		.socket = take_text(tool, "socket", b->socket),
		.file = take_text(tool, "file", b->file),
	};
}

void
prefs_fini(struct prefs *p)
{
	MEM_FREE(p->socket);
	MEM_FREE(p->file);
}

struct talk
prefs_talk(const struct prefs *p)
{
	return (struct talk){ color_is_on(p->color, STDERR_FILENO), p->quiet };
}
