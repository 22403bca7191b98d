/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_rows: what becomes rows here: parts of another node's groups and entries of the
 * order, each u8 which, u16 length, body.  Whatever comes is taken or refused; afterwards
 * the group can be given out and taken again by itself.
 */
#include "emqxd/core/alarm.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/worker.h"
#include "emqxd/store/ordered.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	em_err err; /* of the last import */
	bool is_over, is_last;
	struct wbuf part;
} got;

static char dir[] = "/dev/shm/emqxd-fuzz-rows-XXXXXX";

static void
turn(void)
{
	for (unsigned i = 0; i < 2; i++) {
		worker_act_as(i == 0 ? worker_store() : worker_get(0));
		loop_hurry(worker_self()->loop);
		loop_turn(worker_self()->loop);
	}
}

static void
on_imported(void *arg, em_err err)
{
	(void)arg;
	got.err = err;
	got.is_over = true;
}

static em_err
import_part(enum change_group g, struct slice part)
{
	got.is_over = false;
	store_import(g, part, on_imported, NULL);
	while (!got.is_over)
		turn();
	return got.err;
}

/* The group has no rows from here on. */
static void
empty(enum change_group g)
{
	uint8_t one[] = { 1, (uint8_t)g, 0, 0, 0, 0, 0, 255, 1 };
	uint8_t end[7 + 16] = { 1, (uint8_t)g, 0, 0, 0, 1, 1 };

	CHECK(import_part(g, slice_of(one, sizeof one)) == EM_OK);
	CHECK(import_part(g, slice_of(end, sizeof end)) == EM_OK);
}

static void
on_propose(enum change_group g, struct slice entry)
{
	(void)g;
	(void)entry;
}

static const struct store_order order = { .propose = on_propose };

static void
remove_dir(void)
{
	static const char *const file[] = { "data.mdb", "lock.mdb" };
	char path[sizeof dir + 16];

	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, file[i]);
		(void)!unlink(path);
	}
	(void)!rmdir(dir);
}

static void
begin(void)
{
	static const struct store_metrics metrics = { 0, 1, 2 };
	struct fault f = { .err = EM_OK };

	if (worker_current != NULL)
		return;
	CHECK(mkdtemp(dir) != NULL);
	atexit(remove_dir);
	worker_init(1);
	CHECK(jobs_start(1) == EM_OK);
	alarm_birth();
	CHECK(store_birth(dir, 1 << 26, &metrics, &f) == EM_OK);
	CHECK(store_recover(&f) == EM_OK);
	worker_act_as(worker_store());
	store_worker_birth();
	worker_act_as(worker_get(0));
}

/* ---- given out, and taken again */

static void
on_part(void *arg, em_err err, struct slice part, bool is_last)
{
	(void)arg;
	CHECK(err == EM_OK);
	got.part.n = 0;
	wbuf_bytes(&got.part, part);
	got.is_last = is_last;
	got.is_over = true;
}

static void
round_trip(enum change_group g)
{
	struct store_export *x = store_export_open(g);

	CHECK(x != NULL);
	got.is_last = false;
	got.part = wbuf_growing(1u << 26);
	while (!got.is_last) {
		got.is_over = false;
		store_export_next(x, on_part, NULL);
		while (!got.is_over)
			turn();
		CHECK(import_part(g, wbuf_slice(&got.part)) == EM_OK);
	}
	store_export_close(&x);
	wbuf_fini(&got.part);
	CHECK(!store_is_importing(g));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rbuf r = rbuf_of(slice_of(data, size));
	uint64_t index[CHANGE_GROUP_N] = { 0 };

	begin();
	for (unsigned g = 0; g < CHANGE_GROUP_N; g++)
		store_order((enum change_group)g, &order, 1);
	turn();
	for (unsigned g = 0; g < CHANGE_GROUP_N; g++)
		empty((enum change_group)g);
	while (rbuf_left(&r) > 0) {
		unsigned which = rbuf_u8(&r);
		enum change_group g = which & 1 ? CHANGE_GROUP_RET : CHANGE_GROUP_META;
		struct slice body = rbuf_bytes16(&r);

		if (r.err != EM_OK)
			break;
		if ((which & 2) != 0)
			(void)import_part(g, body);
		else
			store_apply_entry(g, ++index[g], body);
	}
	turn();
	for (unsigned g = 0; g < CHANGE_GROUP_N; g++)
		if (!store_is_importing((enum change_group)g))
			round_trip((enum change_group)g);
	for (unsigned g = 0; g < CHANGE_GROUP_N; g++)
		store_order_end((enum change_group)g);
	turn();
	return 0;
}
