/* SPDX-License-Identifier: Apache-2.0 */
/* newer: see newer.h. */
#include "tests/vers/newer.h"
#include "emqxd/admin/op.h"
#include "emqxd/cluster/cluster.h"
#include "emqxd/core/worker.h"
#include "emqxd/link/link.h"
#include "emqxd/store/change.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

#include <pthread.h>

enum { NOTES = 64, NOTE = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char notes[NOTES][NOTE + 1];
static unsigned notes_n;

static void
keep(struct slice key, bool is_there)
{
	unsigned i = 0;

	pthread_mutex_lock(&lock);
	while (i < notes_n && !slice_eq_str(key, notes[i]))
		i++;
	if (!is_there && i < notes_n)
		memmove(notes[i], notes[--notes_n], sizeof notes[0]);
	if (is_there && i == notes_n && notes_n < NOTES && key.n <= NOTE) {
		memset(notes[i], 0, sizeof notes[i]);
		memcpy(notes[notes_n++], key.p, key.n);
	}
	pthread_mutex_unlock(&lock);
}

static em_err
on_recovered(struct slice key, struct slice blob)
{
	(void)blob;
	keep(key, true);
	return EM_OK;
}

static void
on_followed(struct slice key, struct slice blob, bool is_own)
{
	(void)is_own;
	keep(key, blob.p != NULL);
}

em_err
newer_birth(struct fault *f)
{
	(void)f;
	store_register(CHANGE_NOTE, on_recovered);
	store_follow(CHANGE_NOTE, on_followed);
	return EM_OK;
}

static em_err
list_call(struct op_ctx *op)
{
	for (unsigned i = 0; i < notes_n; i++) {
		row_str(op_row(op), "note", notes[i]);
		op_row_end(op);
	}
	return EM_OK;
}

const struct op op_NOTES_LIST = { .where = OP_ADMIN, .call = list_call };

/* On the link thread: to who does not know it as well. */
static void
on_news(struct letter *l)
{
	struct link_peer *p = NULL;

	while ((p = link_peer_next(cluster_house(), p)) != NULL)
		(void)!link_send(p, LINK_CTL, LINK_NEWS, SLICE_LIT("news"));
	mem_free(l);
}

static void
on_done(void *arg, em_err err)
{
	struct op_ctx *op = arg;
	struct letter *l = MEM_NEW(struct letter);

	l->open = on_news;
	worker_post(worker_link(), l);
	if (err == EM_OK) {
		row_text(op_row(op), "note", params_text(op->params, "text"));
		op_row_end(op);
	} else
		op_fault(op, err, "the note was not taken");
	op_done(op, err);
}

static em_err
add_call(struct op_ctx *op)
{
	uint8_t *blob;
	struct change *c =
	    change_put(CHANGE_NOTE, params_text(op->params, "text"), 0, &blob);

	change_send(&c, on_done, op);
	return EM_AGAIN;
}

const struct op op_NOTES_ADD = { .where = OP_ADMIN, .call = add_call };
