/* SPDX-License-Identifier: Apache-2.0 */
/* exclusive_wire: see exclusive_wire.h. */
#include "emqxd/takeover/exclusive_wire.h"
#include "emqxd/core/worker.h"
#include "emqxd/link/link.h"
#include "emqxd/session/exclusive.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

#define ASK_WAIT span_s(1)
#define BODY_MAX (3u * UINT16_MAX)

struct exclusive_wire {
	struct link_house *house;
};

/* A claim on its round; it comes back to its worker. */
struct round {
	struct letter letter;
	struct exclusive_claim *claim; /* of the worker that waits */
	uint16_t home;
	unsigned left; /* answers, and one more while it is sent */
	bool is_busy;
	struct wbuf body;
};

static struct exclusive_wire *
self(void)
{
	return worker_slot(ROOM_TAKEOVER);
}

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

	(void)p;
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
}

void
exclusive_wire_stop(void)
{
	struct exclusive_wire *w = self();

	worker_self()->slot[ROOM_TAKEOVER] = NULL;
	mem_free(w);
}

void
exclusive_wire_use(bool has_others)
{
	static const struct exclusive_remote remote = { ask };

	exclusive_use(has_others ? &remote : NULL);
}
