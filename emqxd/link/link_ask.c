/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link_ask: requests and their replies.  A request hangs on the connection that it went
 * out on and ends with it.  Body of a request: u32 number, then what is asked; of a reply:
 * u32 number, u8 length, the error's name (numbers of errors differ between versions),
 * then the rest.
 */
#include "emqxd/link/link_inside.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"

struct ask {
	struct list_node node;
	struct timer timer;
	struct link_conn *conn;
	uint32_t number;
	link_reply_fn *fn;
	void *arg;
};

static void
finish(struct ask *a, em_err err, struct slice body)
{
	list_del(&a->node);
	a->conn->asks_n--;
	timer_cancel(&a->timer);
	a->fn(a->conn->peer, err, body, a->arg);
	mem_free(a);
}

static void
on_timeout(struct timer *t)
{
	finish(LIST_OWNER(t, struct ask, timer), EM_TIMEOUT, SLICE_NONE);
}

em_err
link_request(struct link_peer *p, enum link_kind kind, struct slice body, span_t timeout,
    link_reply_fn *on_reply, void *arg)
{
	struct link_conn *c = p->way[LINK_CTL].conn;
	struct wbuf w;
	struct ask *a;
	uint8_t *room;
	em_err err;

	CHECK(kind >= LINK_ASKED && on_reply != NULL);
	if (c == NULL)
		return EM_UNREACHABLE;
	if (c->asks_n >= LINK_ASKS_MAX)
		return EM_FULL;
	if (body.n >= LINK_FRAME_MAX - 4)
		return EM_TOOBIG;
	err = link_conn_room(c, kind, 4 + body.n, &room);
	if (err != EM_OK)
		return err;
	a = MEM_NEW(struct ask);
	*a = (struct ask){ .conn = c, .fn = on_reply, .arg = arg };
	a->number = ++c->last_ask != 0 ? c->last_ask : ++c->last_ask;
	w = wbuf_fixed(room, 4 + body.n);
	wbuf_u32(&w, a->number);
	wbuf_bytes(&w, body);
	list_push(&c->asks, &a->node);
	c->asks_n++;
	timer_arm(&a->timer, timeout, on_timeout);
	return EM_OK;
}

static em_err
err_named(struct slice name)
{
	for (unsigned e = 0; e < EM_ERR_N; e++)
		if (slice_eq_str(name, err_name((em_err)e)))
			return (em_err)e;
	return EM_FAILED;
}

void
link_ask_on_reply(struct link_conn *c, struct slice body)
{
	struct rbuf r = rbuf_of(body);
	uint32_t number = rbuf_u32(&r);
	struct slice name = rbuf_bytes(&r, rbuf_u8(&r));
	struct slice rest = rbuf_rest(&r);

	if (r.err != EM_OK) {
		link_conn_fail(c, r.err, "%s sent a reply that is none", c->where);
		return;
	}
	LIST_EACH (n, &c->asks) {
		struct ask *a = LIST_OWNER(n, struct ask, node);

		if (a->number == number) {
			finish(a, err_named(name), rest);
			return;
		}
	}
	/* It came after its time. */
}

void
link_ask_fail_all(struct link_conn *c)
{
	while (!list_is_empty(&c->asks))
		finish(LIST_OWNER(c->asks.next, struct ask, node), EM_UNREACHABLE,
		    SLICE_NONE);
}

void
link_ask_put_reply(struct link_conn *c, uint32_t number, em_err err, struct slice body)
{
	struct slice name = slice_str(err_name(err));
	size_t n = 5 + name.n + body.n;
	struct wbuf w;
	uint8_t *room;

	if (n >= LINK_FRAME_MAX) {
		link_ask_put_reply(c, number, EM_TOOBIG, SLICE_NONE);
		return;
	}
	/* Who asks and does not read the replies has no more of us. */
	err = link_conn_room(c, LINK_REPLY, n, &room);
	if (err != EM_OK) {
		link_conn_fail(c, err, "%s does not read what it asked for", c->where);
		return;
	}
	w = wbuf_fixed(room, n);
	wbuf_u32(&w, number);
	wbuf_u8(&w, (uint8_t)name.n);
	wbuf_bytes(&w, name);
	wbuf_bytes(&w, body);
}

void
link_reply(struct link_ask ask, em_err err, struct slice body)
{
	if (ask.number == 0)
		return;
	LIST_EACH (n, &ask.house->all) {
		struct link_conn *c = LIST_OWNER(n, struct link_conn, all);

		if (c->id == ask.conn && c->step == LINK_CONN_UP) {
			link_ask_put_reply(c, ask.number, err, body);
			return;
		}
	}
}
