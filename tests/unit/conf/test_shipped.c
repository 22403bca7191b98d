/* SPDX-License-Identifier: Apache-2.0 */
/* packaging/emqx.conf, read from the top of the tree. */
#include "tests/unit/conf/fixture.h"

#include <ctype.h>
#include <stdio.h>

/* Is it a setting that is commented out inside a block: "  # key = value"? */
static char *
setting_in(char *line)
{
	char *p = line;

	while (*p == ' ')
		p++;
	if (p == line || strncmp(p, "# ", 2) != 0)
		return NULL;
	for (p += 2; *p == ' '; p++)
		;
	if (*p == '}')
		return p;
	line = p;
	while (islower((unsigned char)*p) || *p == '_' || *p == '.')
		p++;
	return p > line && (strncmp(p, " = ", 3) == 0 || strncmp(p, " {", 2) == 0) ? line
										   : NULL;
}

static unsigned
read_shipped(bool uncomment, struct str *out)
{
	FILE *file = fopen("packaging/emqx.conf", "r");
	unsigned settings = 0;
	char line[256];

	OK(file != NULL);
	while (fgets(line, sizeof(line), file) != NULL) {
		char *setting = uncomment ? setting_in(line) : NULL;

		str_add(out, setting != NULL ? setting : line);
		settings += setting != NULL;
	}
	fclose(file);
	return settings;
}

TEST(the_shipped_file_sets_nothing)
{
	struct str text = { 0 };
	struct conf_shown v;
	struct loaded l;
	size_t at = 0;

	read_shipped(false, &text);
	l = fixture_takes(str_get(&text));
	EQ(l.report.warning.n, 0);
	while (conf_show_next(l.s, SLICE_NONE, &at, &v)) {
		OK(v.is_default);
		conf_shown_fini(&v);
	}
	fixture_free(&l);
	str_fini(&text);
}

TEST(the_shipped_file_shows_the_defaults)
{
	struct loaded l, plain = fixture_takes("");
	struct str text = { 0 };
	struct conf_shown v, want;
	size_t at = 0, at_plain = 0;

	OK(read_shipped(true, &text) > 40);
	l = fixture_takes(str_get(&text));
	while (conf_show_next(plain.s, SLICE_NONE, &at_plain, &want)) {
		OK(conf_show_next(l.s, SLICE_NONE, &at, &v));
		if (strcmp(v.path, "log.rooms") != 0) { /* an example, not the default */
			STR_EQ(v.path, want.path);
			STR_EQ(str_get(&v.value), str_get(&want.value));
		}
		conf_shown_fini(&v);
		conf_shown_fini(&want);
	}
	fixture_free(&l);
	fixture_free(&plain);
	str_fini(&text);
}
