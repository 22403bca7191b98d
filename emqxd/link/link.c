/* SPDX-License-Identifier: Apache-2.0 */
/* link: see link.h.  The house, sending, and what comes in. */
#include "emqxd/link/link.h"
#include "emqxd/link/link_inside.h"
#include "emqxd/link/link_tls.h"
#include "emqxd/core/log.h"
#include "emqxd/model/metrics.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"

#include <stdio.h>

struct kind_row {
	const char *name;
	unsigned channels;
};

static const struct kind_row kinds[LINK_KIND_N] = {
#define FRAME(id_, number_, name_, channels_, help_) [number_] = { name_, channels_ },
#include "emqxd/link/frame.def"
#undef FRAME
};

const char *
link_kind_name(unsigned kind)
{
	return kind < LINK_KIND_N ? kinds[kind].name : NULL;
}

/* ---- the house */

static void
at_deliver(void *arg)
{
	link_conn_take_late(arg);
}

static void
at_flush(void *arg)
{
	link_conn_flush_all(arg);
}

static void
at_bury(void *arg)
{
	struct link_house *h = arg;

	link_conn_bury(h);
	link_raft_bury(h);
	link_peer_bury(h);
}

static void
put_text(char *out, size_t size, const char *text)
{
	CHECK(strlen(text) < size);
	snprintf(out, size, "%s", text);
}

struct link_house *
link_house_new(const struct link_house_conf *conf)
{
	struct link_house *h = MEM_NEW(struct link_house);

	h->loop = worker_self()->loop;
	h->mine = (struct link_facts){ .protocol_min = LINK_PROTOCOL_MIN,
		.protocol_max = LINK_PROTOCOL_MAX,
		.site = conf->site,
		.incarnation = conf->incarnation,
		.table = conf->table };
	put_text(h->mine.product, sizeof h->mine.product, conf->product);
	put_text(h->mine.cluster, sizeof h->mine.cluster, conf->cluster);
	put_text(h->mine.name, sizeof h->mine.name, conf->name);
	put_text(h->mine.address, sizeof h->mine.address, conf->advertise);
	h->cookie = mem_strdup(conf->cookie);
	h->buffer = conf->buffer;
	h->tls = conf->tls;
	h->scratch = mem_new(LINK_SCRATCH);
	list_init(&h->all);
	list_init(&h->fresh);
	list_init(&h->dirty);
	list_init(&h->late);
	list_init(&h->dials);
	list_init(&h->dead_conns);
	loop_at_turn(h->loop, LOOP_DELIVER, at_deliver, h);
	loop_at_turn(h->loop, LOOP_FLUSH, at_flush, h);
	loop_at_turn(h->loop, LOOP_BURY, at_bury, h);
	timer_arm(&h->beat, LINK_BEAT, link_peer_beat);
	link_door_open(h, conf->door);
	return h;
}

void
link_house_set_level(struct link_house *h, unsigned level)
{
	CHECK(level >= LINK_PROTOCOL_MIN && level <= LINK_PROTOCOL_MAX);
	h->mine.protocol_min = (uint8_t)level;
}

void
link_house_stop(struct link_house *h)
{
	if (h->is_stopped)
		return;
	h->is_stopped = true;
	timer_cancel(&h->beat);
	link_door_close(h);
	for (unsigned i = 0; i < LINK_GUESTS_MAX; i++)
		if (h->guest[i] != NULL)
			link_guest_close(&(struct link_peer *){ h->guest[i] });
	for (unsigned i = 0; i < NODES_MAX; i++)
		if (h->member[i] != NULL)
			link_peer_del(&(struct link_peer *){ h->member[i] });
	while (!list_is_empty(&h->all))
		link_conn_end(
		    LIST_OWNER(h->all.next, struct link_conn, all), EM_CANCELLED, NULL);
	link_dial_cancel_all(h);
}

void
link_house_free(struct link_house **hp)
{
	struct link_house *h = *hp;

	if (h == NULL)
		return;
	link_house_stop(h);
	at_bury(h);
	link_tls_free(&h->tls);
	mem_free(h->scratch);
	explicit_bzero(h->cookie, strlen(h->cookie));
	mem_free(h->cookie);
	MEM_FREE(*hp);
}

/* ---- registering */

void
link_on(struct link_house *h, enum link_kind kind, link_frame_fn *fn, void *arg)
{
	CHECK(kind < LINK_KIND_N && kinds[kind].name != NULL && h->on[kind].fn == NULL);
	h->on[kind] = (struct link_handler){ fn, arg };
}

void
link_on_peer(struct link_house *h, link_event_fn *fn, void *arg)
{
	CHECK(h->events_n < LINK_EVENTS_MAX);
	h->event[h->events_n].fn = fn;
	h->event[h->events_n++].arg = arg;
}

void
link_on_raft(struct link_house *h, link_raft_accept_fn *fn, void *arg)
{
	h->on_raft = fn;
	h->on_raft_arg = arg;
}

void
link_emit(struct link_peer *p, enum link_event event)
{
	struct link_house *h = p->house;

	for (unsigned i = 0; i < h->events_n; i++)
		h->event[i].fn(p, event, h->event[i].arg);
}

/* ---- sending */

em_err
link_room(struct link_peer *p, enum link_channel channel, enum link_kind kind, size_t n,
    uint8_t **out)
{
	struct link_conn *c;

	CHECK(channel == LINK_CTL || channel == LINK_DATA);
	CHECK(kind < LINK_ASKED);
	*out = NULL;
	c = p->way[p->is_guest ? LINK_CTL : channel].conn;
	return c != NULL ? link_conn_room(c, kind, n, out) : EM_UNREACHABLE;
}

em_err
link_send(struct link_peer *p, enum link_channel channel, enum link_kind kind,
    struct slice body)
{
	uint8_t *room;
	em_err err = link_room(p, channel, kind, body.n, &room);

	if (err == EM_OK && body.n > 0)
		memcpy(room, body.p, body.n);
	return err;
}

uint64_t
link_pending(const struct link_peer *p, enum link_channel channel)
{
	CHECK(channel == LINK_CTL || channel == LINK_DATA);
	return p->way[channel].conn != NULL ? p->way[channel].conn->out.bytes : 0;
}

void
link_hold(struct link_peer *p, bool is_held)
{
	struct link_conn *c = p->from[LINK_DATA];

	p->is_held = is_held;
	if (c == NULL || c->is_held == is_held)
		return;
	c->is_held = is_held;
	link_conn_resume(c);
}

/* ---- what comes in */

static void
pass_over(struct link_conn *c, const struct link_frame *f, struct link_ask ask)
{
	metric_inc(METRIC_CLUSTER_LINK_UNKNOWN);
	LOG(DEBUG, "cluster_frame_unknown", "node", c->peer->name, "kind", f->kind);
	if (ask.number != 0 && c->channel != LINK_DATA)
		link_ask_put_reply(c, ask.number, EM_UNSUPPORTED, SLICE_NONE);
}

/* Frames that the links themselves know. */
static bool
is_own(struct link_conn *c, const struct link_frame *f)
{
	switch (f->kind) {
	case LINK_PING: link_peer_on_ping(c, f->body); return true;
	case LINK_PONG: link_peer_on_pong(c, f->body); return true;
	case LINK_DEAF: link_peer_on_deaf(c); return true;
	case LINK_REPLY: link_ask_on_reply(c, f->body); return true;
	default: return false;
	}
}

void
link_dispatch(struct link_conn *c, const struct link_frame *f)
{
	const struct link_handler *on = &c->house->on[f->kind];
	const struct kind_row *row = &kinds[f->kind];
	struct link_ask ask = { .house = c->house, .conn = c->id };
	struct rbuf r = rbuf_of(f->body);
	bool is_asked = f->kind >= LINK_ASKED;

	CHECK(c->peer != NULL);
	if (is_asked)
		ask.number = rbuf_u32(&r);
	if (r.err != EM_OK || (is_asked && ask.number == 0) ||
	    (row->name != NULL && (row->channels & 1u << c->channel) == 0)) {
		link_conn_fail(c, EM_PROTOCOL, "%s sent a frame that cannot be (%u)",
		    c->where, f->kind);
		return;
	}
	if (is_own(c, f))
		return;
	if (on->fn == NULL)
		pass_over(c, f, ask);
	else
		on->fn(c->peer, ask, rbuf_rest(&r), on->arg);
}
