/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ordering_restore: rows of a backup, part by part, into this node's store, as if another
 * node had given them out.
 */
#include "emqxd/ordering/ordering_inside.h"
#include "ipc/base/mem.h"

struct ordering_restoring {
	struct store_export *export;
	enum change_group group;
	char *dir;
	bool is_last; /* part */
	change_done_fn *done;
	void *arg;
};

static void
finish(struct ordering_restoring *r, em_err err)
{
	change_done_fn *done = r->done;
	void *arg = r->arg;

	ordering_restore_death(ordering_self());
	done(arg, err);
}

static void on_part(void *arg, em_err err, struct slice part, bool is_last);

static void
begin_group(struct ordering_restoring *r)
{
	r->export = store_export_open_backup(r->group, r->dir);
	store_export_next(r->export, on_part, r);
}

static void
on_imported(void *arg, em_err err)
{
	struct ordering_restoring *r = arg;

	if (err != EM_OK) {
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
	struct ordering_restoring *r = arg;

	r->is_last = is_last;
	if (err == EM_OK)
		store_import(r->group, part, on_imported, r);
	else
		finish(r, err);
}

void
ordering_restore(const char *dir, change_done_fn *done, void *arg)
{
	struct ordering_restoring *r = MEM_NEW(struct ordering_restoring);

	*r = (struct ordering_restoring){
		.dir = mem_strdup(dir), .done = done, .arg = arg
	};
	ordering_self()->restoring = r;
	ordering_begin_rows();
	begin_group(r);
}

void
ordering_restore_death(struct ordering *o)
{
	if (o->restoring == NULL)
		return;
	store_export_close(&o->restoring->export);
	mem_free(o->restoring->dir);
	MEM_FREE(o->restoring);
}
