/* SPDX-License-Identifier: Apache-2.0 */
/* whole: all rows of a group, fetched and imported. */
#ifndef TESTS_UNIT_STORE_WHOLE_H
#define TESTS_UNIT_STORE_WHOLE_H

#include "tests/unit/store/parts.h"

struct fetch {
	bytes_list parts;
	em_err err;
	bool is_over, is_there;
};

static inline void
on_part(void *arg, em_err err, struct slice part, bool is_last)
{
	struct fetch *f = arg;

	f->err = err;
	f->is_over = is_last || err != EM_OK;
	f->is_there = true;
	if (err == EM_OK)
		keep(&f->parts, RET, part);
}

static inline void
next_part(struct store_export *x, struct fetch *f)
{
	f->is_there = false;
	store_export_next(x, on_part, f);
	while (!f->is_there)
		turn(worker_get(0));
}

static inline struct fetch
fetch(enum change_group g)
{
	struct store_export *x = store_export_open(g);
	struct fetch f = { .err = EM_OK };

	while (!f.is_over)
		next_part(x, &f);
	store_export_close(&x);
	OK(f.err == EM_OK);
	return f;
}

static inline bool
is_equal(const struct fetch *a, const struct fetch *b)
{
	if (a->parts.n != b->parts.n)
		return false;
	for (size_t i = 0; i < a->parts.n; i++)
		if (!slice_eq(bytes_at(&a->parts, i), bytes_at(&b->parts, i)))
			return false;
	return true;
}

static em_err imported;

static inline void
on_imported(void *arg, em_err err)
{
	(void)arg;
	imported = err;
}

static inline em_err
import_part(const struct fetch *f, size_t i)
{
	imported = EM_AGAIN;
	store_import(RET, bytes_at(&f->parts, i), on_imported, NULL);
	settle();
	return imported;
}

static inline void
import_all(const struct fetch *f)
{
	for (size_t i = 0; i < f->parts.n; i++)
		EQ(import_part(f, i), EM_OK);
}

#endif
