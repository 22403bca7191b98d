/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: file, then environment, then references, then checks: one snapshot, or
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

em_err
conf_load(
    const struct conf_load *how, struct conf_snapshot **out, struct conf_report *report)
{
	struct conf_snapshot *s = MEM_NEW(struct conf_snapshot);
	bool ok = true;

	CHECK(how->n <= CONF_ID_N);
	*out = NULL;
	tree_init(&s->tree);
	for (size_t i = 0; i < how->n; i++) {
		check_section(how->section[i]);
		s->section[s->sections++] = how->section[i];
	}
	if (how->file != NULL)
		ok = hocon_parse_file(&s->tree, how->file, report) == EM_OK;
	env_apply(&s->tree, how->environ, how->section, how->n, report);
	if (ok) {
		tree_resolve(&s->tree, how->environ, report);
		validate(s, how->before, report);
	}
	report_sort(report);
	if (report->fault.n > 0) {
		conf_snapshot_free(&s);
		return EM_MALFORMED;
	}
	*out = s;
	return EM_OK;
}
