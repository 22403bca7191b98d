/* SPDX-License-Identifier: Apache-2.0 */
/* exclusive_wire: see exclusive_wire.h. */
#include "emqxd/takeover/exclusive_wire.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "emqxd/link/link.h"
#include "emqxd/session/exclusive.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

#define ASK_WAIT span_s(1)
#define BODY_MAX (3u * UINT16_MAX)
#define HELD_WAIT span_s(5)
#define HELD_BATCH (16u << 10)
#define HELD_MAX (HELD_BATCH + BODY_MAX) /* the last row of a batch may be long */
#define PACE span_s(2)                   /* until who did not answer is told again */

/* A peer that is told all. */
struct telling {
	struct str after; /* the filter up to which it knows */
	bool is_asked;    /* a batch is under way */
	bool is_due;      /* to be told from the beginning, at the next pace */
};

struct exclusive_wire {
	struct link_house *house;
	struct telling telling[NODES_MAX];
	struct timer pace;
};

static struct exclusive_wire *
self(void)
{
	return worker_slot(ROOM_TAKEOVER);
}

/* ---- telling what is held here */

static void
put_row(struct wbuf *w, const struct exclusive_row *row)
{
	wbuf_u64(w, row->stamp);
	wbuf_bytes16(w, row->filter);
	wbuf_bytes16(w, row->clientid);
}

static em_err
get_row(struct rbuf *r, struct exclusive_row *row)
{
	row->stamp = rbuf_u64(r);
	row->filter = rbuf_bytes16(r);
	row->clientid = rbuf_bytes16(r);
	if (r->err == EM_OK && (row->filter.n == 0 || row->clientid.n == 0))
		return EM_MALFORMED;
	return r->err;
}

static void on_pace(struct timer *t);

/* All of it again: something may not have arrived. */
static void
tell_later(struct exclusive_wire *w, const struct link_peer *p)
{
	if (link_peer_place(p) >= NODES_MAX)
		return;
	w->telling[link_peer_place(p)].is_due = true;
	if (!timer_is_armed(&w->pace))
		timer_arm(&w->pace, PACE, on_pace);
}

/* @rows of the peer's; what clients here have by right goes into @ours, unless NULL. */
static em_err
meet(struct link_peer *p, struct slice rows, struct wbuf *ours)
{
	struct rbuf r = rbuf_of(rows);
	struct exclusive_row theirs;

	while (rbuf_left(&r) > 0) {
		struct str clientid = { 0 };
		uint64_t stamp = 0;
		em_err err = get_row(&r, &theirs);

		if (err != EM_OK)
			return err;
		if (exclusive_meet(&theirs, link_peer_place(p), &clientid, &stamp) &&
		    ours != NULL)
			put_row(ours, &(struct exclusive_row){
					  theirs.filter, str_slice(&clientid), stamp });
		str_fini(&clientid);
	}
	return ours != NULL ? ours->err : EM_OK;
}

static void tell_on(struct exclusive_wire *w, struct link_peer *p);

static void
on_batch(struct link_peer *p, em_err err, struct slice body, void *arg)
{
	struct exclusive_wire *w = self();
	struct telling *t;

	(void)arg;
	if (w == NULL || link_peer_place(p) >= NODES_MAX)
		return;
	t = &w->telling[link_peer_place(p)];
	t->is_asked = false;
	if (err == EM_OK)
		err = meet(p, body, NULL);
	if (err == EM_OK)
		tell_on(w, p);
	else if (err != EM_UNSUPPORTED && link_peer_is_reachable(p))
		tell_later(w, p);
}

/* The next batch, if there is more. */
static void
tell_on(struct exclusive_wire *w, struct link_peer *p)
{
	struct telling *t = &w->telling[link_peer_place(p)];
	struct wbuf body = wbuf_growing(HELD_MAX);
	struct str clientid = { 0 };
	struct exclusive_row row;

	while (body.n < HELD_BATCH) {
		struct str filter = { 0 };

		str_reset(&clientid);
		if (!exclusive_next(str_slice(&t->after), &filter, &clientid, &row.stamp))
			break;
		row.filter = str_slice(&filter);
		row.clientid = str_slice(&clientid);
		put_row(&body, &row);
		str_fini(&t->after);
		t->after = filter;
	}
	str_fini(&clientid);
	t->is_asked =
	    body.n > 0 && link_request(p, LINK_EXCLUSIVE_HELD, wbuf_slice(&body),
			      HELD_WAIT, on_batch, NULL) == EM_OK;
	if (body.n == 0)
		str_fini(&t->after);
	else if (!t->is_asked)
		tell_later(w, p);
	wbuf_fini(&body);
}

void
exclusive_wire_reachable(struct link_peer *p)
{
	struct exclusive_wire *w = self();
	struct telling *t = &w->telling[link_peer_place(p)];

	if (t->is_asked) {
		tell_later(w, p);
		return;
	}
	t->is_due = false;
	str_reset(&t->after);
	tell_on(w, p);
}

static void
on_pace(struct timer *t)
{
	struct exclusive_wire *w = LIST_OWNER(t, struct exclusive_wire, pace);
	struct link_peer *p = NULL;

	while ((p = link_peer_next(w->house, p)) != NULL)
		if (link_peer_place(p) < NODES_MAX && link_peer_is_reachable(p) &&
		    w->telling[link_peer_place(p)].is_due)
			exclusive_wire_reachable(p);
}

static void
on_held(struct link_peer *from, struct link_ask how, struct slice body, void *arg)
{
	struct wbuf ours = wbuf_growing(LINK_FRAME_MAX / 2);
	em_err err = EM_TOOBIG;

	(void)arg;
	if (body.n <= HELD_MAX)
		err = meet(from, body, &ours);
	link_reply(how, err, err == EM_OK ? wbuf_slice(&ours) : SLICE_NONE);
	wbuf_fini(&ours);
}

/* One that was taken without asking. */
struct news {
	struct letter letter;
	size_t n;
	uint8_t bytes[];
};

static void
on_news_met(struct link_peer *p, em_err err, struct slice body, void *arg)
{
	(void)arg;
	if (err == EM_OK)
		err = meet(p, body, NULL);
	if (err != EM_OK && err != EM_UNSUPPORTED && self() != NULL)
		tell_later(self(), p);
}

static void
on_news(struct letter *l)
{
	struct news *n = LIST_OWNER(l, struct news, letter);
	struct link_peer *p = NULL;

	while (self() != NULL && (p = link_peer_next(self()->house, p)) != NULL)
		if (link_peer_is_reachable(p) &&
		    link_request(p, LINK_EXCLUSIVE_HELD, slice_of(n->bytes, n->n),
			HELD_WAIT, on_news_met, NULL) != EM_OK)
			tell_later(self(), p);
	mem_free(n);
}

static void
tell(const struct exclusive_row *row)
{
	struct wbuf w = wbuf_growing(BODY_MAX);
	struct news *n = NULL;

	put_row(&w, row);
	if (w.err == EM_OK)
		n = mem_new(sizeof *n + w.n);
	if (n != NULL) {
		*n = (struct news){ .letter.open = on_news, .n = w.n };
		memcpy(n->bytes, w.p, w.n);
		worker_post(worker_link(), &n->letter);
	}
	wbuf_fini(&w);
}

/* ---- claims */

/* A claim on its round; it comes back to its worker. */
struct round {
	struct letter letter;
	struct exclusive_claim *claim; /* of the worker that waits */
	uint16_t home;
	unsigned left; /* answers, and one more while it is sent */
	bool is_busy;
	struct wbuf body;
};

static void
on_back(struct letter *l)
{
	struct round *r = LIST_OWNER(l, struct round, letter);
	struct exclusive_claim *c = r->claim;
	bool is_busy = r->is_busy;

	wbuf_fini(&r->body);
	mem_free(r);
	exclusive_claimed(c, is_busy);
}

static void
answered(struct round *r)
{
	if (--r->left > 0)
		return;
	r->letter.open = on_back;
	worker_post(worker_get(r->home), &r->letter);
}

static void
on_reply(struct link_peer *p, em_err err, struct slice body, void *arg)
{
	struct round *r = arg;

	if (err != EM_OK && err != EM_UNSUPPORTED && self() != NULL)
		tell_later(self(), p); /* two may have it now */
	r->is_busy |= err == EM_OK && body.n > 0 && body.p[0] != 0;
	answered(r);
}

static void
on_ask(struct letter *l)
{
	struct round *r = LIST_OWNER(l, struct round, letter);
	struct link_peer *p = NULL;

	r->home = l->from;
	r->left = 1;
	while (self() != NULL && r->body.err == EM_OK &&
	       (p = link_peer_next(self()->house, p)) != NULL)
		if (link_peer_is_reachable(p) &&
		    link_request(p, LINK_EXCLUSIVE, wbuf_slice(&r->body), ASK_WAIT,
			on_reply, r) == EM_OK)
			r->left++;
	answered(r);
}

static void
ask(struct exclusive_claim *c)
{
	struct round *r = MEM_NEW(struct round);

	r->letter.open = on_ask;
	r->claim = c;
	r->body = wbuf_growing(BODY_MAX);
	wbuf_u64(&r->body, c->stamp);
	wbuf_bytes16(&r->body, c->filter);
	wbuf_bytes16(&r->body, c->clientid);
	worker_post(worker_link(), &r->letter);
}

static void
on_asked(struct link_peer *from, struct link_ask how, struct slice body, void *arg)
{
	struct rbuf r = rbuf_of(body);
	uint64_t stamp = rbuf_u64(&r);
	struct slice filter = rbuf_bytes16(&r), clientid = rbuf_bytes16(&r);
	uint8_t is_ours = 0;

	(void)arg;
	if (r.err != EM_OK || filter.n == 0) {
		link_reply(how, EM_MALFORMED, SLICE_NONE);
		return;
	}
	is_ours = exclusive_is_ours(filter, clientid, stamp, link_peer_site(from));
	link_reply(how, EM_OK, slice_of(&is_ours, 1));
}

void
exclusive_wire_start(struct link_house *house)
{
	struct exclusive_wire *w = MEM_NEW(struct exclusive_wire);

	w->house = house;
	worker_self()->slot[ROOM_TAKEOVER] = w;
	link_on(house, LINK_EXCLUSIVE, on_asked, NULL);
	link_on(house, LINK_EXCLUSIVE_HELD, on_held, NULL);
}

void
exclusive_wire_stop(void)
{
	struct exclusive_wire *w = self();

	worker_self()->slot[ROOM_TAKEOVER] = NULL;
	timer_cancel(&w->pace);
	for (unsigned i = 0; i < NODES_MAX; i++)
		str_fini(&w->telling[i].after);
	mem_free(w);
}

void
exclusive_wire_use(bool has_others)
{
	static const struct exclusive_remote remote = { ask, tell };

	exclusive_use(has_others ? &remote : NULL);
}
