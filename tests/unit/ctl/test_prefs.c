/* SPDX-License-Identifier: Apache-2.0 */
/* The tool's own options. */
#include "ctl/prefs.h"
#include "ipc/cmdline.h"
#include "tests/unit/tap.h"

static struct prefs prefs;

/* The options of a line upon those of the program. */
static void
parse(const struct prefs *base, const char *a, const char *b)
{
	struct slice words[] = { slice_str(a), slice_str(b) };
	struct cmdline line;

	OK(cmdline_parse(&line, words, b != NULL ? 2 : 1, 0, NULL) == EM_OK);
	prefs_init(&prefs, base, &line.tool);
	cmdline_fini(&line);
}

TEST(each_format_has_its_name)
{
	const struct cmd_arg *o = cmd_find_tool_opt(SLICE_LIT("output"), '\0');

	OK(o != NULL);
	for (size_t i = 0; o->values[i] != NULL; i++) {
		parse(NULL, "-o", o->values[i]);
		OK(prefs.render.format != RENDER_AUTO);
		EQ(prefs.render.format, render_find_format(slice_str(o->values[i])));
		prefs_fini(&prefs);
	}
}

TEST(short_forms_stand_for_long_ones)
{
	parse(NULL, "--json", NULL);
	EQ(prefs.render.format, RENDER_JSON);
	prefs_fini(&prefs);
	parse(NULL, "-w", "-q");
	EQ(prefs.render.format, RENDER_WIDE);
	OK(prefs.quiet);
	prefs_fini(&prefs);
}

TEST(compat_44_includes_the_old_names)
{
	parse(NULL, "--compat", "4.4");
	OK(prefs.render.compat44 && prefs.legacy_names);
	prefs_fini(&prefs);
	parse(NULL, "--legacy-names", NULL);
	OK(!prefs.render.compat44 && prefs.legacy_names);
	prefs_fini(&prefs);
}

TEST(a_line_adds_to_what_the_program_was_told)
{
	struct prefs base = { .render = { .format = RENDER_JSON, .utc = true },
		.color = COLOR_NEVER,
		.timeout = span_s(5) };

	parse(&base, "-o", "csv");
	EQ(prefs.render.format, RENDER_CSV);
	OK(prefs.render.utc && prefs.color == COLOR_NEVER);
	EQ(prefs.timeout.ns, span_s(5).ns);
	prefs_fini(&prefs);
	parse(&base, "--timeout", "2m");
	EQ(prefs.render.format, RENDER_JSON);
	EQ(prefs.timeout.ns, span_s(120).ns);
	prefs_fini(&prefs);
}
