/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote: see remote.h.
 *
 * A callback of a gather or a sink may end any call: after one nothing of the call
 * is touched.  A conversation whose piece could not be sent is broken: no more rows go,
 * and the asker gives up when it hears nothing, or when the link is lost.
 */
#include "emqxd/admin/remote.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "emqxd/admin/op.h"
#include "emqxd/admin/remote_wire.h"

#include <stdio.h>

#define PIECE_MAX (1u << 20)
#define CREDIT_ROWS 256u         /* rows that may be under way */
#define TAKEN_ROWS 64u           /* are told at least so often */
#define TAKEN_BYTES (64u << 10)  /* and so often */
#define AHEAD_BYTES (256u << 10) /* sent and not told of */
#define SERVED_MAX 256u          /* requests of all nodes */
#define SERVED_EACH 64u          /* of one */
#define STOP_WITHIN span_s(1)    /* as the control socket does */
#define FIRST span_s(5)          /* then it has said that it began, or its office hangs */
#define SILENCE span_s(25)       /* from then on; below the tool's own patience */

struct remote_call {
	struct list_node node;
	char *to;
	uint32_t id;
	const struct cmd *cmd;
	const struct remote_sink *sink;
	void *arg;
	struct remote_columns columns;
	uint32_t open;  /* rows that may still come */
	uint32_t rows;  /* came since the last credit */
	uint32_t bytes; /* of them */
	bool is_heard;  /* it has begun */
	struct timer timer;
};

struct served {
	struct list_node node;
	char *from;
	uint32_t id;
	struct gather *gather;
	size_t ahead; /* bytes that were sent and not taken */
	bool is_broken;
};

struct remote {
	const struct rpc_ops *ops;
	struct list_node calls, served;
	unsigned n_served, unfinished;
	bool is_closing;
	uint32_t last_id;
	size_t list_bytes;
};

static struct remote *
self(void)
{
	struct remote *r = worker_slot(ROOM_ADMIN);

	CHECK(r != NULL);
	return r;
}

void
remote_birth(const struct rpc_ops *ops)
{
	struct remote *r = MEM_NEW(struct remote);

	r->ops = ops;
	list_init(&r->calls);
	list_init(&r->served);
	worker_self()->slot[ROOM_ADMIN] = r;
}

static void
free_call(struct remote_call *c)
{
	timer_cancel(&c->timer);
	list_del(&c->node);
	mem_free(c->to);
	mem_free(c);
}

static void
free_served(struct served *s)
{
	self()->n_served--;
	list_del(&s->node);
	mem_free(s->from);
	mem_free(s);
}

/* Nobody waits for it any more. */
static void
leave_served(struct served *s)
{
	struct gather *g = s->gather;

	free_served(s);
	gather_leave(g);
}

static em_err
send_piece(const char *node, struct wbuf *w)
{
	const struct rpc_ops *ops = self()->ops;
	em_err err = w->err;

	if (err == EM_OK)
		err = ops != NULL ? ops->send(node, wbuf_slice(w)) : EM_UNREACHABLE;
	wbuf_fini(w);
	return err;
}

/* ---- asking */

static void
end_call(struct remote_call *c, const struct wire_end *end, const struct fault *f)
{
	const struct remote_sink *sink = c->sink;
	void *arg = c->arg;

	free_call(c);
	sink->on_end(arg, end, f);
}

static void
fail_call(struct remote_call *c, em_err err, const char *what)
{
	struct fault f = { .err = EM_OK };
	struct wire_end none = { .rows = 0 };

	fault_set(&f, err, "node '%s' %s", c->to, what);
	fault_hint(&f, "how it is: emqx_ctl cluster status");
	end_call(c, &none, &f);
	fault_clear(&f);
}

static void
on_silence(struct timer *t)
{
	struct remote_call *c = LIST_OWNER(t, struct remote_call, timer);
	char text[64], span[SPAN_TEXT_MAX];

	if (c->open == 0) /* it waits for us */
		timer_arm(t, SILENCE, on_silence);
	else {
		snprintf(text, sizeof text,
		    c->is_heard ? "said nothing more for %s" : "did not answer within %s",
		    span_print(c->is_heard ? SILENCE : FIRST, span));
		fail_call(c, EM_UNREACHABLE, text);
	}
}

void
remote_stop(void)
{
	struct remote *r = self();

	r->is_closing = true;
	LIST_EACH_SAFE (node, &r->served)
		leave_served(LIST_OWNER(node, struct served, node));
	while (!list_is_empty(&r->calls))
		fail_call(LIST_OWNER(r->calls.next, struct remote_call, node),
		    EM_CANCELLED, "is not waited for: emqxd stops");
}

static void
on_too_late(struct timer *t)
{
	(void)t;
}

void
remote_death(void)
{
	struct remote *r = self();
	mono_t until = mono_add(clock_mono(), STOP_WITHIN);
	struct timer timer = { .fn = NULL };

	if (!r->is_closing)
		remote_stop();
	timer_arm(&timer, STOP_WITHIN, on_too_late);
	while (r->unfinished > 0 && clock_mono().ns < until.ns)
		loop_turn(worker_self()->loop);
	timer_cancel(&timer);
	worker_self()->slot[ROOM_ADMIN] = NULL;
	mem_free(r);
}

/* What the other node must not act on again; --all-nodes only tells it that others answer
 * too. */
static void
copy_params(const struct params *from, struct params *to)
{
	to->cmd = from->cmd;
	for (size_t i = 0; i < from->v.n; i++) {
		const struct cmd_arg *arg = from->v.p[i].arg;

		if (strcmp(arg->name, "node") != 0 &&
		    params_add_word(to, arg, from->v.p[i].text, NULL) != EM_OK)
			UNREACHABLE(); /* the word was good before */
	}
}

static em_err
send_ask(
    struct remote_call *c, const struct wire_req *req, const struct gather_asker *who)
{
	struct wire_req asked = {
		.cmd = req->cmd, .flags = req->flags, .credit = CREDIT_ROWS
	};
	struct wbuf w = wbuf_growing(PIECE_MAX);

	copy_params(&req->params, &asked.params);
	remote_piece_begin(&w, PIECE_ASK, c->id);
	remote_req_put(&w, &asked, c->to, who->uid, who->pid);
	wire_req_fini(&asked);
	return send_piece(c->to, &w);
}

struct remote_call *
remote_ask(const char *node, const struct wire_req *req, const struct gather_asker *who,
    const struct remote_sink *sink, void *arg, struct fault *f)
{
	struct remote *r = self();
	struct remote_call *c = MEM_NEW(struct remote_call);
	em_err err;

	*c = (struct remote_call){ .to = mem_strdup(node),
		.id = ++r->last_id,
		.cmd = req->cmd,
		.sink = sink,
		.arg = arg,
		.columns = { .is_same = true },
		.open = CREDIT_ROWS };
	list_push(&r->calls, &c->node);
	err = r->is_closing ? EM_CANCELLED : send_ask(c, req, who);
	if (err == EM_OK) {
		timer_arm(&c->timer, FIRST, on_silence);
		return c;
	}
	fault_set(f, err, "node '%s' cannot be asked: %s", node, err_text(err));
	fault_hint(f, "how it is: emqx_ctl cluster status");
	free_call(c);
	return NULL;
}

void
remote_taken(struct remote_call *c)
{
	struct wbuf w = wbuf_growing(PIECE_MAX);

	if (c->rows < TAKEN_ROWS && c->bytes < TAKEN_BYTES)
		return;
	remote_piece_begin(&w, PIECE_CREDIT, c->id);
	wbuf_u32(&w, c->rows);
	wbuf_u32(&w, c->bytes);
	c->open += c->rows;
	c->rows = c->bytes = 0;
	(void)send_piece(c->to, &w); /* then the silence ends it */
}

void
remote_cancel(struct remote_call **cp)
{
	struct remote_call *c = *cp;
	struct wbuf w = wbuf_growing(PIECE_MAX);

	*cp = NULL;
	remote_piece_begin(&w, PIECE_CANCEL, c->id);
	(void)send_piece(c->to, &w);
	free_call(c);
}

static void
take_row(struct remote_call *c, struct slice body)
{
	struct wbuf w = wbuf_growing(PIECE_MAX);

	if (c->open == 0 ||
	    remote_row_get(body, c->cmd, &c->columns, c->to, &w) != EM_OK) {
		wbuf_fini(&w);
		fail_call(c, EM_PROTOCOL, "sent a row that cannot be read");
		return;
	}
	c->open--;
	c->rows++;
	c->bytes += (uint32_t)body.n;
	c->sink->on_row(c->arg, wbuf_slice(&w));
	wbuf_fini(&w);
}

/* The body of a frame as wire.h writes it, without the frame's head. */
static struct slice
frame_body(const struct wbuf *w, size_t at)
{
	return slice_from(wbuf_slice(w), at + IPC_FRAME_HEAD);
}

static void
take_end(struct remote_call *c, const struct piece *p)
{
	struct wire_end end = { .rows = 0 };
	struct fault f = { .err = EM_OK };
	em_err err = p->kind == PIECE_END ? wire_end_get(p->body, &end)
					  : wire_fault_get(p->body, &f);

	if (err != EM_OK)
		fail_call(c, EM_PROTOCOL, "sent an end that cannot be read");
	else
		end_call(c, &end, p->kind == PIECE_FAULT ? &f : NULL);
	fault_clear(&f);
}

static void
take_columns(struct remote_call *c, struct slice body)
{
	if (remote_columns_get(body, c->cmd, &c->columns) != EM_OK)
		fail_call(c, EM_PROTOCOL, "sent columns that cannot be read");
}

static void
on_answer(struct slice node, const struct piece *p)
{
	struct remote_call *c = NULL;

	LIST_EACH (at, &self()->calls) {
		struct remote_call *call = LIST_OWNER(at, struct remote_call, node);

		if (call->id == p->id && slice_eq_str(node, call->to))
			c = call;
	}
	if (c == NULL)
		return; /* it was cancelled */
	c->is_heard = true;
	timer_arm(&c->timer, SILENCE, on_silence);
	if (p->kind == PIECE_ROW)
		take_row(c, p->body);
	else if (p->kind == PIECE_COLUMNS)
		take_columns(c, p->body);
	else
		take_end(c, p);
}

/* ---- answering */

static void
answer_piece(struct served *s, struct wbuf *w)
{
	if (send_piece(s->from, w) != EM_OK)
		s->is_broken = true;
}

static void
on_row(void *arg, struct slice row)
{
	struct served *s = arg;
	struct wbuf w = wbuf_growing(PIECE_MAX);

	remote_piece_begin(&w, PIECE_ROW, s->id);
	wbuf_bytes(&w, row);
	s->ahead += row.n;
	answer_piece(s, &w);
}

static bool
has_room(void *arg)
{
	const struct served *s = arg;

	return !s->is_broken && s->ahead < AHEAD_BYTES;
}

static void
say_end(struct served *s, const struct wire_end *end, const struct fault *f)
{
	struct wbuf w = wbuf_growing(PIECE_MAX), frame = wbuf_growing(PIECE_MAX);

	if (f != NULL)
		wire_fault_put(&frame, s->id, f);
	else
		wire_end_put(&frame, s->id, end);
	remote_piece_begin(&w, f != NULL ? PIECE_FAULT : PIECE_END, s->id);
	wbuf_bytes(&w, frame_body(&frame, 0));
	answer_piece(s, &w);
	wbuf_fini(&frame);
}

static void
on_end(void *arg, const struct wire_end *end, const struct fault *f)
{
	struct served *s = arg;

	say_end(s, end, f);
	free_served(s);
}

static const struct gather_sink served_sink = {
	.on_row = on_row, .has_room = has_room, .on_end = on_end
};

/* "'x y' is not known to node 'b'", and which of the two is older. */
static void
refuse_unknown(const struct remote_req *req, const char *what, struct fault *f)
{
	struct str text = { 0 };
	int c = wire_version_cmp(req->version, SLICE_LIT(EMQXD_VERSION));

	str_add_escaped(&text, req->path);
	fault_set(f, EM_UNSUPPORTED, "node '%.*s' %s '%s'", SLICE_FMT(req->node), what,
	    str_get(&text));
	str_reset(&text);
	str_add_escaped(&text, req->version);
	if (c == 0)
		fault_hint(f, "both say version " EMQXD_VERSION " and differ");
	else
		fault_hint(f, "%s is older: " EMQXD_VERSION " there, %s here",
		    c > 0 ? "that node" : "this node", str_get(&text));
	str_fini(&text);
}

static em_err
read_request(const struct remote_req *req, struct wire_req *out, struct fault *f)
{
	struct pack_reader r = pack_reader_of(req->args);
	em_err err;

	out->cmd = cmd_find(req->path);
	out->flags = req->flags;
	out->credit = req->credit;
	if (out->cmd == NULL || out->cmd->local) {
		refuse_unknown(req, "does not know", f);
		return EM_UNSUPPORTED;
	}
	err = params_unpack(&out->params, out->cmd, &r, f);
	if (err == EM_USAGE && req->hash != cmd_hash(out->cmd)) {
		fault_clear(f);
		refuse_unknown(req, "has other arguments for", f);
		err = EM_UNSUPPORTED;
	}
	return err;
}

/* Only where a file of the asker would be needed is there nothing to answer with. */
static bool
has_files(const struct wire_req *req)
{
	for (size_t i = 0; i < req->params.v.n; i++) {
		cmd_type type = req->params.v.p[i].arg->type;

		if (type == CT_INFILE || type == CT_OUTFILE)
			return true;
	}
	return false;
}

static unsigned
count_served(struct slice node)
{
	unsigned n = 0;

	LIST_EACH (at, &self()->served)
		n += slice_eq_str(node, LIST_OWNER(at, struct served, node)->from);
	return n;
}

static void
start(struct served *s, const struct remote_req *req)
{
	struct remote *r = self();
	struct gather_asker who = { .uid = req->uid,
		.pid = req->pid,
		.list_bytes = &r->list_bytes,
		.unfinished = &r->unfinished,
		.is_far = true };
	struct wire_req asked = { .cmd = NULL };
	struct fault f = { .err = EM_OK };
	em_err err = read_request(req, &asked, &f);
	struct wbuf w = wbuf_growing(PIECE_MAX);
	struct gather *g;

	if (err == EM_OK && has_files(&asked))
		fault_set(&f, EM_UNSUPPORTED, "a file cannot be handed to another node");
	else if (err == EM_OK && r->n_served > SERVED_MAX)
		fault_set(
		    &f, EM_FULL, "more than %u requests of other nodes", SERVED_MAX);
	else if (err == EM_OK && count_served(slice_str(s->from)) > SERVED_EACH)
		fault_set(&f, EM_FULL, "more than %u requests of node '%s'", SERVED_EACH,
		    s->from);
	else if (err != EM_OK && f.err == EM_OK)
		fault_set(&f, err, "%s", err_text(err));
	if (f.err != EM_OK) {
		say_end(s, NULL, &f);
		free_served(s);
	} else {
		/* It also tells the asker that this office is there, and has begun. */
		remote_piece_begin(&w, PIECE_COLUMNS, s->id);
		remote_columns_put(&w, asked.cmd);
		answer_piece(s, &w);
		g = gather_start(&asked, op_get(asked.cmd->id), &who, &served_sink, s);
		if (g != NULL)
			s->gather = g;
	}
	wbuf_fini(&w);
	fault_clear(&f);
	wire_req_fini(&asked);
}

static struct served *
find_served(struct slice node, uint32_t id)
{
	LIST_EACH (at, &self()->served) {
		struct served *s = LIST_OWNER(at, struct served, node);

		if (s->id == id && slice_eq_str(node, s->from))
			return s;
	}
	return NULL;
}

static bool
take_ask(struct slice node, const struct piece *p)
{
	struct remote_req req;
	struct served *s;

	if (find_served(node, p->id) != NULL || remote_req_get(p->body, &req) != EM_OK)
		return false;
	s = MEM_NEW(struct served);
	s->from = mem_dup(node.p, node.n);
	s->id = p->id;
	list_push(&self()->served, &s->node);
	self()->n_served++;
	start(s, &req);
	return true;
}

static bool
take_credit(struct slice node, const struct piece *p)
{
	struct served *s = find_served(node, p->id);
	struct rbuf r = rbuf_of(p->body);
	uint32_t rows = rbuf_u32(&r), bytes = rbuf_u32(&r);

	if (r.err != EM_OK)
		return false;
	if (s == NULL)
		return true;
	s->ahead -= bytes < s->ahead ? bytes : s->ahead;
	gather_credit(s->gather, rows);
	return true;
}

void
remote_receive(struct slice node, struct slice bytes)
{
	struct served *s;
	bool ok = false;
	struct piece p;

	if (worker_slot(ROOM_ADMIN) == NULL || self()->is_closing)
		return; /* the office is closed */
	if (remote_piece_get(bytes, &p) == EM_OK) {
		switch (p.kind) {
		case PIECE_ASK: ok = take_ask(node, &p); break;
		case PIECE_CREDIT: ok = take_credit(node, &p); break;
		case PIECE_CANCEL:
			s = find_served(node, p.id);
			if (s != NULL)
				leave_served(s);
			ok = true;
			break;
		case PIECE_COLUMNS:
		case PIECE_ROW:
		case PIECE_END:
		case PIECE_FAULT:
			on_answer(node, &p);
			ok = true;
			break;
		}
	}
	if (!ok)
		LOG(WARN, "remote_malformed", "bytes", bytes.n);
}

/* One of that node, or NULL. */
static struct remote_call *
any_call(struct slice node)
{
	LIST_EACH (at, &self()->calls) {
		struct remote_call *c = LIST_OWNER(at, struct remote_call, node);

		if (slice_eq_str(node, c->to))
			return c;
	}
	return NULL;
}

void
remote_lost(struct slice node)
{
	struct remote_call *c;

	if (worker_slot(ROOM_ADMIN) == NULL)
		return;
	LIST_EACH_SAFE (at, &self()->served) {
		struct served *s = LIST_OWNER(at, struct served, node);

		if (slice_eq_str(node, s->from))
			leave_served(s);
	}
	while ((c = any_call(node)) != NULL)
		fail_call(c, EM_UNREACHABLE, "was lost");
}
