/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: file, then what was set over it, then environment, then references, then checks: one snapshot, or
 * faults.  A file that cannot be parsed is not checked further: what is missing
 * behind the fault would only be guessed at.
 */
#include "emqxd/conf/load.h"
#include "ipc/base/mem.h"
#include "emqxd/conf/env.h"
#include "emqxd/conf/hocon_parse.h"
#include "emqxd/conf/report.h"
#include "emqxd/conf/snapshot_body.h"

static void
check_section(const struct conf_section *s)
{
	CHECK(s->id < CONF_ID_N);
	CHECK(!section_is_array(s) || s->name_at + sizeof(char *) <= s->size);
	for (size_t i = 0; i < s->n; i++) {
		CHECK(value_field_is_sound(&s->field[i]));
		CHECK(s->field[i].at + s->field[i].size <= s->size);
		CHECK(s->field[i].help != NULL);
	}
}

static bool
read_text(const struct conf_load *how, struct conf_tree *t, struct conf_report *report)
{
	em_err err = EM_OK;

	if (how->text.p != NULL)
		err = hocon_parse_text(t, how->file, how->text, report);
	else if (how->file != NULL)
		err = hocon_parse_file(t, how->file, report);
	return err == EM_OK;
}

/* The layer above the file. */
static bool
read_over(
    const struct conf_load *how, struct conf_snapshot *s, struct conf_report *report)
{
	if (how->over_text.p == NULL)
		return true;
	s->over = tree_keep(&s->tree, slice_str(how->over));
	return hocon_parse_text(&s->tree, how->over, how->over_text, report) == EM_OK;
}

em_err
conf_load(
    const struct conf_load *how, struct conf_snapshot **out, struct conf_report *report)
{
	struct conf_snapshot *s = MEM_NEW(struct conf_snapshot);
	struct keys keys;
	bool ok;

	CHECK(how->n <= CONF_ID_N);
	CHECK(how->text.p == NULL || how->file != NULL);
	*out = NULL;
	tree_init(&s->tree);
	for (size_t i = 0; i < how->n; i++) {
		check_section(how->section[i]);
		s->section[s->sections++] = how->section[i];
	}
	ok = read_text(how, &s->tree, report);
	ok = ok && read_over(how, s, report);
	keys_init(&keys, how->section, how->n);
	env_apply(&s->tree, how->environ, &keys, report);
	if (ok) {
		tree_resolve(&s->tree, how->environ, report);
		validate(s, how->before, &keys, report);
	}
	keys_fini(&keys);
	report_sort(report);
	if (report->fault.n > 0) {
		conf_snapshot_free(&s);
		return EM_MALFORMED;
	}
	*out = s;
	return EM_OK;
}
