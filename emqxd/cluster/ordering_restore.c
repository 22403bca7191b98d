/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ordering_restore: rows of a backup, part by part, into this node's store, as if another
 * node had given them out.
 */
#include "emqxd/cluster/ordering_inside.h"
#include "ipc/base/mem.h"

struct restoring {
	struct store_export *export;
	enum change_group group;
	char *dir;
	bool is_last; /* part */
	change_done_fn *done;
	void *arg;
};

static void
finish(struct restoring *r, em_err err)
{
	store_export_close(&r->export);
	if (ordering_self() != NULL)
		r->done(r->arg, err);
	mem_free(r->dir);
	mem_free(r);
}

static void on_part(void *arg, em_err err, struct slice part, bool is_last);

static void
begin_group(struct restoring *r)
{
	r->export = store_export_open_backup(r->group, r->dir);
	store_export_next(r->export, on_part, r);
}

static void
on_imported(void *arg, em_err err)
{
	struct restoring *r = arg;

	if (err != EM_OK || ordering_self() == NULL) {
		finish(r, err);
		return;
	}
	if (!r->is_last) {
		store_export_next(r->export, on_part, r);
		return;
	}
	store_export_close(&r->export);
	if (r->group + 1 == CHANGE_GROUP_N) {
		finish(r, EM_OK);
		return;
	}
	r->group = (enum change_group)(r->group + 1);
	begin_group(r);
}

static void
on_part(void *arg, em_err err, struct slice part, bool is_last)
{
	struct restoring *r = arg;

	r->is_last = is_last;
	if (err == EM_OK)
		store_import(r->group, part, on_imported, r);
	else
		finish(r, err);
}

void
ordering_restore(const char *dir, change_done_fn *done, void *arg)
{
	struct restoring *r = MEM_NEW(struct restoring);

	*r = (struct restoring){ .dir = mem_strdup(dir), .done = done, .arg = arg };
	ordering_begin_rows();
	begin_group(r);
}
