/* SPDX-License-Identifier: Apache-2.0 */
/* retainer: the retained messages: how many, which, one of them, and away with them. */
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"
#include "emqxd/admin/admin.h"
#include "emqxd/admin/op.h"
#include "emqxd/cluster/errand.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/topic.h"
#include "emqxd/retain/retain.h"
#include "emqxd/store/ordered.h"

#include <inttypes.h>

#define PAYLOAD_MAX 4096u /* bytes of a payload that are shown */
#define COUNT_OF_EMQX 1000
#define A_TURN 256u            /* messages that a cleaning looks at */
#define PROOF_LIMIT span_s(4)  /* that the others are waited for at its begin */
#define AGREE_LIMIT span_s(10) /* and at its end */

static em_err
info_call(struct op_ctx *op)
{
	bool is_durable = retain_is_durable(SLICE_LIT("t"));
	struct row_writer *row = op_row(op);
	uint64_t used, max;

	store_size(&used, &max);
	row_str(row, "node", admin_house()->node);
	row_int(row, "messages", (int64_t)retain_count());
	row_int(row, "bytes", (int64_t)retain_bytes());
	row_str(row, "storage", is_durable ? "disc" : "ram");
	row_int(row, "store_bytes", (int64_t)used);
	row_int(row, "store_max", (int64_t)max);
	op_row_end(op);
	return EM_OK;
}

const struct op op_RETAINER_INFO = { .where = OP_ADMIN, .call = info_call };

/* ---- topics, show */

static span_t
left_of(const struct message *m)
{
	return m->expires.ns == INT64_MAX ? SPAN_INFINITE
					  : span_ns(m->expires.ns - clock_mono().ns);
}

static void
common_cells(struct row_writer *row, const struct message *m)
{
	row_text(row, "topic", m->topic);
	row_int(row, "qos", m->qos);
	row_int(row, "payload_size", (int64_t)m->payload.n);
	row_text(row, "from", m->from);
	row_time(row, "published_at", m->at);
	row_span(row, "expires_in", left_of(m));
}

struct walk {
	struct str at;      /* the topic that was last */
	int64_t skip, left; /* EMQX's form: topics START COUNT */
};

static em_err
topics_open(struct op_ctx *op)
{
	struct walk *w = MEM_NEW(struct walk);

	str_add_slice(&w->at, op->after);
	if (op->after.n == 0)
		w->skip = params_int(op->params, "start", 1) - 1;
	w->left = params_int(op->params, "count",
	    params_has(op->params, "start") ? COUNT_OF_EMQX : INT64_MAX);
	op->state = w;
	return EM_OK;
}

static em_err
topics_step(struct op_ctx *op)
{
	struct walk *w = op->state;

	while (!op_is_full(op)) {
		struct message *m = w->left > 0 ? retain_after(str_slice(&w->at)) : NULL;

		if (m == NULL)
			return EM_OK;
		str_reset(&w->at);
		str_add_slice(&w->at, m->topic);
		if (!message_is_expired(m, clock_mono()) && w->skip-- <= 0) {
			w->left--;
			common_cells(op_row(op), m);
			op_row_end(op);
		}
		message_unref(&m);
	}
	return EM_AGAIN;
}

static void
topics_close(struct op_ctx *op)
{
	struct walk *w = op->state;

	str_fini(&w->at);
	MEM_FREE(op->state);
}

const struct op op_RETAINER_TOPICS = { .where = OP_ADMIN,
	.keeps_order = true,
	.seeks = true,
	.open = topics_open,
	.step = topics_step,
	.close = topics_close };

static em_err
wrong_kind(struct op_ctx *op, struct slice name, const char *what)
{
	struct str text = { 0 };

	str_add_escaped(&text, name);
	op_fault(op, EM_USAGE, "'%s' is %s", str_get(&text), what);
	str_fini(&text);
	return EM_USAGE;
}

static em_err
show_call(struct op_ctx *op)
{
	struct slice topic = params_text(op->params, "topic");
	struct retain_cursor *c;
	struct row_writer *row;
	struct message *m;
	bool done;

	if (!topic_name_is_valid(topic)) {
		(void)wrong_kind(
		    op, topic, "a filter, and what is shown is the message of one topic");
		fault_hint(&op->fault, "list them: emqx_ctl retainer topics");
		return EM_USAGE;
	}
	c = retain_open(topic);
	m = retain_next(c, &done);
	retain_close(&c);
	if (m == NULL) {
		op_no(op, "retained message of topic", topic);
		fault_hint(&op->fault, "list them: emqx_ctl retainer topics");
		return EM_NOTFOUND;
	}
	row = op_row(op);
	common_cells(row, m);
	row_text(row, "payload", slice_head(m->payload, PAYLOAD_MAX));
	op_row_end(op);
	message_unref(&m);
	return EM_OK;
}

const struct op op_RETAINER_SHOW = { .where = OP_ADMIN, .call = show_call };

/* ---- clean: some each turn, then one answer when the disk has it
 *
 * In a cluster the deletions are agreed on, and wait for a quorum however long it takes: so
 * there must be one before the first.  A leader that has just lost the others does not know
 * it yet: the proof is a change of nothing that comes back.  Should the quorum be lost on the
 * way, who asked is told. */

struct cleaning {
	struct letter letter;
	struct op_ctx *op; /* NULL: it was told that it takes too long */
	struct timer limit;
	struct retain_cursor *cursor; /* of a filter; NULL: everything, from `at` on */
	struct str at;
	uint64_t cleaned;
	bool is_dry;
};

/* Nothing is kept under the name of a shared subscription, unless somebody published there. */
static em_err
cleaned_nothing(struct op_ctx *op)
{
	struct slice filter = params_text(op->params, "topic");
	struct topic_filter t;

	if (topic_filter_parse(filter, &t) != EM_OK || t.group.n == 0)
		return EM_OK;
	(void)wrong_kind(op, filter, "a shared subscription, and no topic begins so");
	fault_hint(&op->fault, "its topics: emqx_ctl retainer clean '%.*s'",
	    SLICE_FMT(t.filter));
	return EM_USAGE;
}

/* The next message, or NULL; *done: there is none. */
static struct message *
next_of(struct cleaning *c, bool *done)
{
	struct message *m;

	if (c->cursor != NULL)
		return retain_next(c->cursor, done);
	m = retain_after(str_slice(&c->at));
	*done = m == NULL;
	if (m != NULL) {
		str_reset(&c->at);
		str_add_slice(&c->at, m->topic);
	}
	return m;
}

static void
free_cleaning(struct cleaning *c)
{
	retain_close(&c->cursor);
	str_fini(&c->at);
	mem_free(c);
}

static void
on_limit(struct timer *t)
{
	struct cleaning *c = LIST_OWNER(t, struct cleaning, limit);
	struct op_ctx *op = c->op;

	c->op = NULL;
	op_fault(op, EM_TIMEOUT,
	    "most members have not agreed yet: %" PRIu64
	    " message%s %s gone on this node alone; they go everywhere when most do, or "
	    "come back here if emqxd is restarted before",
	    c->cleaned, c->cleaned == 1 ? "" : "s", c->cleaned == 1 ? "is" : "are");
	fault_hint(&op->fault, "how the members are: emqx_ctl cluster status");
	op_done(op, EM_TIMEOUT);
}

static void
on_flushed(void *arg, em_err err)
{
	struct cleaning *c = arg;
	struct op_ctx *op = c->op;
	uint64_t cleaned = c->cleaned;

	if (worker_self() == worker_admin())
		timer_cancel(&c->limit);
	free_cleaning(c);
	if (op == NULL || node_slot(ROOM_ADMIN) == NULL) {
		if (err != EM_OK) /* who asked is gone, with all others */
			LOG(WARN, "retained_clean_undone", "messages", cleaned, "error",
			    err_name(err), "why",
			    "some of them may be here again after the next start");
		return;
	}
	if (err != EM_OK) {
		op_done(op, op_fault(op, err,
				"cleaned until a restart only: the disk "
				"takes no changes"));
		return;
	}
	err = cleaned == 0 ? cleaned_nothing(op) : EM_OK;
	if (err == EM_OK) {
		row_int(op_row(op), "cleaned", (int64_t)cleaned);
		op_row_end(op);
	}
	op_done(op, err);
}

static void
flush(struct cleaning *c)
{
	struct change *change =
	    c->is_dry || node_slot(ROOM_ADMIN) == NULL ? NULL : change_flush();

	if (change == NULL) {
		on_flushed(c, EM_OK);
		return;
	}
	if (store_is_ordered(
		CHANGE_GROUP_RET)) /* alone it is the disk that takes so long */
		timer_arm(&c->limit, AGREE_LIMIT, on_limit);
	change_send(&change, on_flushed, c);
}

/* What is cleaned in a cluster is the cluster's, and $SYS/ each node's own. */
static bool
is_spared(const struct cleaning *c, struct slice topic)
{
	return c->cursor == NULL && store_is_ordered(CHANGE_GROUP_RET) &&
	       slice_starts(topic, SLICE_LIT("$SYS/"));
}

static void
on_turn(struct letter *l)
{
	struct cleaning *c = LIST_OWNER(l, struct cleaning, letter);
	bool done = node_slot(ROOM_ADMIN) == NULL;

	for (unsigned i = 0; i < A_TURN && !done; i++) {
		struct message *m = next_of(c, &done);

		if (m == NULL)
			continue;
		if (!is_spared(c, m->topic) &&
		    (c->is_dry || retain_clear(m->topic, NULL) == EM_OK))
			c->cleaned++;
		message_unref(&m);
	}
	if (done)
		flush(c);
	else
		worker_post(worker_self(), &c->letter);
}

/* Most members agree: then it begins. */
static void
on_proved(void *arg, em_err err)
{
	struct cleaning *c = arg;
	struct op_ctx *op = c->op;

	if (worker_self() == worker_admin())
		timer_cancel(&c->limit);
	if (op != NULL && node_slot(ROOM_ADMIN) != NULL && err == EM_OK) {
		worker_post(worker_self(), &c->letter);
		return;
	}
	free_cleaning(c);
	if (op != NULL && node_slot(ROOM_ADMIN) != NULL)
		op_done(op, op_fault(op, err, "nothing is cleaned: %s", err_text(err)));
}

static em_err
no_quorum(struct op_ctx *op)
{
	op_fault(op, EM_NOQUORUM, "%s", err_text(EM_NOQUORUM));
	fault_hint(&op->fault, "%s", err_hint(EM_NOQUORUM));
	return EM_NOQUORUM;
}

/* By now it is known whether there is a quorum. */
static void
on_late_status(struct errand *e)
{
	struct op_ctx *op = e->arg;
	em_err err = e->err;

	if (err != EM_OK)
		op_fault(op, err, "%s", str_get(&e->text));
	else if (!e->rows[0].has_quorum)
		err = no_quorum(op);
	else
		err = op_fault(op, EM_TIMEOUT,
		    "most members take too long to agree; nothing is cleaned");
	errand_free(&e);
	op_done(op, err);
}

static void
on_proof_limit(struct timer *t)
{
	struct cleaning *c = LIST_OWNER(t, struct cleaning, limit);
	struct op_ctx *op = c->op;

	c->op = NULL; /* freed when the change comes back */
	errand_send(errand_new(ERRAND_STATUS, on_late_status, op));
}

static em_err
begin(struct cleaning *c)
{
	/* No topic is called so: there is no row, and nothing happens to it. */
	struct change *proof =
	    c->is_dry ? NULL : change_expire(CHANGE_RETAINED, SLICE_LIT("#"));

	if (c->is_dry) {
		worker_post(worker_self(), &c->letter);
		return EM_OK;
	}
	if (proof == NULL)
		return op_fault(c->op, EM_NOMEM, "%s", err_text(EM_NOMEM));
	timer_arm(&c->limit, PROOF_LIMIT, on_proof_limit);
	change_send(&proof, on_proved, c);
	return EM_OK;
}

/* Is there a quorum, as far as this node knows? */
static void
on_status(struct errand *e)
{
	struct cleaning *c = e->arg;
	struct op_ctx *op = c->op;
	em_err err = e->err;

	if (err != EM_OK) { /* the process ends */
		op_fault(op, err, "%s", str_get(&e->text));
	} else if (!e->rows[0].has_quorum) {
		err = no_quorum(op);
	}
	errand_free(&e);
	if (err == EM_OK)
		err = begin(c);
	if (err == EM_OK)
		return;
	free_cleaning(c);
	op_done(op, err);
}

static em_err
clean_call(struct op_ctx *op)
{
	struct slice filter = params_text(op->params, "topic");
	struct cleaning *c;

	if (filter.n > 0 && !topic_filter_is_valid(filter))
		return op_fault(op, EM_USAGE, "this is no topic filter");
	c = MEM_NEW(struct cleaning);
	c->op = op;
	c->is_dry = op_is_dry_run(op);
	c->letter.open = on_turn;
	if (filter.n > 0)
		c->cursor = retain_open(filter);
	if (store_is_ordered(CHANGE_GROUP_RET))
		errand_send(errand_new(ERRAND_STATUS, on_status, c));
	else
		worker_post(worker_self(), &c->letter);
	return EM_AGAIN;
}

const struct op op_RETAINER_CLEAN = {
	.where = OP_ADMIN, .call = clean_call, .can_dry_run = true
};
