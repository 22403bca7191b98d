/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export: all rows of a group for another node, in parts as import.c wants them.
 *
 * One reading transaction, so that the rows and the index that they are at belong together.
 * A part is read on a jobs thread and given out on the thread that asked; nothing is read
 * meanwhile, so who asks slowly costs pages of the file, and no memory.
 */
#include "emqxd/core/jobs.h"
#include "emqxd/core/log.h"
#include "emqxd/core/worker.h"
#include "emqxd/store/change_inside.h"
#include "emqxd/store/kv_copy.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/stat.h>

enum { VERSION = 1, ROWS = 0, END = 1, ROW_MAX = 1 << 30, STAND_MAX = 511 };

struct store_export {
	struct job job;
	struct letter letter;
	struct kv_reader *reader;
	char *dir;     /* of a backup, or NULL */
	struct kv *kv; /* the same, once it is open */
	enum change_group group;
	unsigned tables, at; /* how many, and the one that is read */
	uint8_t table[TABLE_N];
	uint8_t after[STAND_MAX]; /* stand of the last row in it */
	size_t after_n;
	uint32_t part;
	unsigned rows; /* in this part */
	struct wbuf out;
	em_err err;
	bool is_last;
	bool is_busy, is_closed; /* the asker's */
	struct worker *asker;
	store_part_fn *fn;
	void *arg;
};

struct store_export *
store_export_open(enum change_group g)
{
	struct kv_reader *reader;
	struct store_export *x;

	CHECK(g < CHANGE_GROUP_N);
	if (kv_reader_open(store_self()->kv, &reader) != EM_OK)
		return NULL;
	x = MEM_NEW(struct store_export);
	x->reader = reader;
	x->group = g;
	x->tables = import_tables(g, x->table);
	return x;
}

struct store_export *
store_export_open_backup(enum change_group g, const char *dir)
{
	struct store_export *x = MEM_NEW(struct store_export);

	CHECK(g < CHANGE_GROUP_N);
	x->dir = mem_strdup(dir);
	x->group = g;
	x->tables = import_tables(g, x->table);
	return x;
}

static void
free_export(struct store_export *x)
{
	kv_reader_close(&x->reader);
	kv_close(&x->kv);
	mem_free(x->dir);
	wbuf_fini(&x->out);
	mem_free(x);
}

/* ---- on a jobs thread */

static em_err
on_row(struct slice stand, struct slice value, void *arg)
{
	struct store_export *x = arg;

	if (x->rows > 0 && x->out.n + 6 + stand.n + value.n > STORE_PART_MAX)
		return EM_AGAIN;
	x->rows++;
	wbuf_bytes16(&x->out, stand);
	wbuf_u32(&x->out, (uint32_t)value.n);
	wbuf_bytes(&x->out, value);
	CHECK(stand.n <= sizeof x->after);
	memcpy(x->after, stand.p, stand.n);
	x->after_n = stand.n;
	if (x->out.err != EM_OK)
		return x->out.err;
	return x->out.n >= STORE_PART_MAX ? EM_AGAIN : EM_OK;
}

static void
begin_part(struct store_export *x, uint8_t what)
{
	wbuf_u8(&x->out, VERSION);
	wbuf_u8(&x->out, (uint8_t)x->group);
	wbuf_u32(&x->out, x->part++);
	wbuf_u8(&x->out, what);
}

static em_err
read_rows(struct store_export *x)
{
	struct slice after = slice_of(x->after, x->after_n);
	size_t flag_at;
	em_err err;

	begin_part(x, ROWS);
	wbuf_u8(&x->out, import_wire_number(x->table[x->at]));
	flag_at = x->out.n;
	wbuf_u8(&x->out, 0);
	if (x->out.err != EM_OK)
		return x->out.err;
	err = kv_reader_rows(x->reader, x->table[x->at], after, on_row, x);
	if (err == EM_AGAIN)
		return EM_OK;
	if (err != EM_OK)
		return err;
	x->out.p[flag_at] = 1;
	x->at++;
	x->after_n = 0;
	return EM_OK;
}

static em_err
open_backup(struct store_export *x)
{
	struct fault f = { .err = EM_OK };
	struct stat st;
	uint64_t used, max;
	em_err err;

	/* What is not there would be made. */
	if (stat(x->dir, &st) != 0)
		return err_from_errno(errno);
	store_size(&used, &max);
	err = kv_open_copy(x->dir, change_table_name, TABLE_N, max, &x->kv, &f);
	if (err != EM_OK)
		LOG(ERROR, "store_backup_unusable", "dir", x->dir, "why", f.text);
	fault_clear(&f);
	return err == EM_OK ? kv_reader_open(x->kv, &x->reader) : err;
}

/* The row of the group in the raft table: how far it is. */
static em_err
on_raft(struct slice stand, struct slice value, void *arg)
{
	struct store_export *x = arg;
	struct rbuf r = rbuf_of(value);
	uint64_t applied, clock;

	if (!slice_eq_str(slice_from(stand, 1), store_group_name(x->group)))
		return EM_OK;
	(void)rbuf_u8(&r);
	applied = rbuf_u64(&r);
	clock = rbuf_u64(&r);
	(void)rbuf_u64(&r);
	if (rbuf_u8(&r) != 0 || r.err != EM_OK)
		return EM_STATE; /* its own rows are being fetched */
	wbuf_u64(&x->out, applied);
	wbuf_u64(&x->out, clock);
	return EM_EXISTS;
}

static em_err
read_end(struct store_export *x)
{
	em_err err;

	begin_part(x, END);
	if (x->dir != NULL) { /* of no order any more */
		wbuf_u64(&x->out, 0);
		wbuf_u64(&x->out, 0);
		x->is_last = true;
		return x->out.err;
	}
	err = kv_reader_rows(x->reader, TABLE_RAFT, SLICE_NONE, on_raft, x);
	x->is_last = true;
	if (err == EM_EXISTS)
		return x->out.err;
	return err == EM_OK ? EM_STATE : err;
}

static void
read_part(struct job *j)
{
	struct store_export *x = LIST_OWNER(j, struct store_export, job);

	x->out = wbuf_growing(ROW_MAX);
	x->rows = 0;
	x->err = x->reader == NULL ? open_backup(x) : EM_OK;
	if (x->err == EM_OK)
		x->err = x->at < x->tables ? read_rows(x) : read_end(x);
	worker_post_now(x->asker, &x->letter);
}

/* ---- on the asker's */

static void
on_part(struct letter *l)
{
	struct store_export *x = LIST_OWNER(l, struct store_export, letter);
	struct wbuf part = x->out;
	em_err err = x->err;

	x->is_busy = false;
	if (x->is_closed) {
		free_export(x);
		return;
	}
	/* It may close or go on in the call. */
	x->out = wbuf_growing(ROW_MAX);
	x->fn(x->arg, err, err == EM_OK ? wbuf_slice(&part) : SLICE_NONE, x->is_last);
	wbuf_fini(&part);
}

void
store_export_next(struct store_export *x, store_part_fn *fn, void *arg)
{
	CHECK(!x->is_busy && !x->is_closed && !x->is_last);
	x->is_busy = true;
	x->asker = worker_self();
	x->fn = fn;
	x->arg = arg;
	x->letter = (struct letter){ .open = on_part };
	x->job = (struct job){ .run = read_part };
	jobs_post(&x->job);
}

void
store_export_close(struct store_export **xp)
{
	struct store_export *x = *xp;

	if (x == NULL)
		return;
	*xp = NULL;
	x->is_closed = true;
	if (!x->is_busy)
		free_export(x);
}
