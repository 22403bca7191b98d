/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward: what waits for each node, and what comes from it.
 *
 * A batch is written to while the turn lasts.  What the link does not take stands in a
 * queue of whole frames, and then everything does, so that the order is kept.
 *
 * Both ends count the records that are lost with a link: all but those of which a copy is
 * kept.  When DATA is up again BEGIN says the number of the next one, and who lacks some
 * before it has lost them.
 */
#include "emqxd/routes/forward.h"
#include "emqxd/routes/forward_record.h"
#include "emqxd/routes/lent.h"
#include "emqxd/routes/owed.h"
#include "emqxd/routes/pieces.h"
#include "emqxd/routes/repick.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/timer.h"
#include "emqxd/model/debt.h"
#include "emqxd/model/metrics.h"
#include "ipc/base/check.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

#define BATCH 61440u              /* bytes that make a frame */
#define RECORD_MAX (300u << 20)   /* one message */
#define SCRATCH_KEPT (256u << 10) /* memory that stays for the next message */
#define QUEUE_MARK (1u << 20)     /* bytes in a queue: publishers are paused */
#define QUEUE_MIN (8u << 20)      /* and how many it has room for at least */
#define KEPT_MAX (4u << 20) /* bytes of a group's messages that wait for their ACK */
#define LOOK span_ms(10)    /* between two looks whether there is room again */

struct peer {
	unsigned place;
	bool is_up, has_begun, is_held, must_ack;
	struct wbuf batch;
	uint32_t in_batch;   /* records */
	uint32_t counted;    /* of them */
	struct pieces queue; /* frames */
	bool is_in_parts;    /* the link has the first of a large record, not the last */
	struct pieces kept;  /* records */
	uint32_t unkept;     /* that were to be kept, and there was no room */
	uint64_t unkept_to;  /* the last one's number */
	struct lent lent;    /* records that it has, and no member yet */
	uint64_t taken;      /* number of its last record of a group */
	struct wbuf part;    /* of a large record from it */
	uint64_t sent;       /* counted records that the link took */
	uint64_t life, came; /* its incarnation, and its counted records that came */
};

struct forward {
	struct forward_conf conf;
	struct peer *peer[NODES_MAX];
	struct owed owed;
	struct pieces again; /* records of nodes that are lost: others get them */
	struct wbuf scratch;
	uint64_t number; /* of the last record of a group */
	struct timer look;
	bool has_work;
};

static struct forward *
forward_here(void)
{
	return worker_slot(ROOM_FORWARD);
}

static struct peer *
peer_of(struct forward *f, unsigned place)
{
	CHECK(place > 0 && place < NODES_MAX);
	if (f->peer[place] == NULL) {
		struct peer *p = MEM_NEW(struct peer);

		p->place = place;
		p->batch = wbuf_growing(BATCH * 2);
		p->part = wbuf_growing(RECORD_MAX);
		lent_init(&p->lent);
		f->peer[place] = p;
	}
	return f->peer[place];
}

static void
count_dropped(uint64_t n)
{
	metric_add(METRIC_MESSAGES_FORWARD_DROPPED, n);
}

/* ---- to the link */

/* Bytes in a peer's queue: what is under way when publishers are told to wait has room. */
static size_t
queue_max(const struct forward *f)
{
	return f->conf.buffer / 2 > QUEUE_MIN ? f->conf.buffer / 2 : QUEUE_MIN;
}

/* Is it missed by the other end when it does not come?  Of the others a copy is kept. */
static bool
is_counted(const struct message *m, bool is_of_group)
{
	return !is_of_group || m->qos == 0;
}

/* The first frame of a DATA that is up; false: it does not take it yet. */
static bool
begin(struct forward *f, struct peer *p)
{
	const struct forward_links *links = &f->conf.links;
	uint8_t bytes[16];
	struct wbuf w = wbuf_fixed(bytes, sizeof bytes);

	if (!p->is_up || p->has_begun)
		return p->is_up;
	wbuf_u64(&w, f->conf.incarnation);
	wbuf_u64(&w, p->sent);
	p->has_begun =
	    links->send(links->arg, p->place, FORWARD_BEGIN, wbuf_slice(&w)) == EM_OK;
	return p->has_begun;
}

/* To the link; false: it does not take it. */
static bool
pass(struct forward *f, struct peer *p, enum forward_frame frame, uint32_t counted,
    struct slice bytes)
{
	const struct forward_links *links = &f->conf.links;

	if (!begin(f, p) || links->send(links->arg, p->place, frame, bytes) != EM_OK)
		return false;
	p->is_in_parts = frame == FORWARD_PART && bytes.p[0] == 0;
	p->sent += counted;
	return true;
}

/* Sends it, or lets it wait.  False: it is lost. */
static bool
give(struct forward *f, struct peer *p, enum forward_frame frame, uint32_t counted,
    struct slice bytes)
{
	struct piece *piece;

	if (p->queue.first == NULL && pass(f, p, frame, counted, bytes))
		return true;
	if (p->queue.bytes > queue_max(f))
		return false;
	f->has_work = true;
	piece = pieces_add(&p->queue, frame, 0, SLICE_NONE, bytes);
	if (piece != NULL)
		piece->counted = counted;
	return piece != NULL;
}

static void
send_batch(struct forward *f, struct peer *p)
{
	if (p->batch.n == 0)
		return;
	if (!give(f, p, FORWARD_BATCH, p->counted, wbuf_slice(&p->batch)))
		count_dropped(p->in_batch);
	p->batch.n = 0;
	p->in_batch = p->counted = 0;
}

/* One that is larger than a frame may be. */
static bool
send_parts(struct forward *f, struct peer *p, uint32_t counted, struct slice record)
{
	if (p->queue.bytes > queue_max(f) || !pieces_add_parts(&p->queue, FORWARD_PART,
						 f->conf.frame_max - 64, counted, record))
		return false;
	f->has_work = true;
	return true;
}

/* What waits, as far as the link takes it. */
static void
send_queue(struct forward *f, struct peer *p)
{
	while (p->queue.first != NULL) {
		const struct piece *first = p->queue.first;

		if (!pass(f, p, (enum forward_frame)first->frame, first->counted,
			slice_of(first->bytes, first->n)))
			return;
		pieces_drop_first(&p->queue);
	}
}

/* Is it to go there at all? */
static bool
is_wanted(const struct forward *f, const struct peer *p, const struct message *m)
{
	const struct forward_links *links = &f->conf.links;

	if (!p->is_up && !nodes_is_running(p->place))
		return false;
	if (m->qos > 0)
		return true;
	return p->is_up && p->queue.first == NULL &&
	       links->pending(links->arg, p->place) < f->conf.buffer / 4 * 3;
}

/* False: there is no memory. */
static bool
add_to_batch(struct peer *p, uint32_t counted, struct slice record)
{
	wbuf_bytes(&p->batch, record);
	if (p->batch.err != EM_OK) {
		p->batch.err = EM_OK;
		return false;
	}
	p->in_batch++;
	p->counted += counted;
	return true;
}

/* The record in @f->scratch. */
static void
add(struct forward *f, struct peer *p, const struct message *m, bool is_of_group)
{
	struct slice record = wbuf_slice(&f->scratch);
	uint32_t counted = is_counted(m, is_of_group);
	bool is_lost = false;

	if (!is_wanted(f, p, m)) {
		count_dropped(1);
		return;
	}
	metric_inc(METRIC_MESSAGES_FORWARD);
	f->has_work = true;
	if (p->batch.n > 0 && p->batch.n + record.n > BATCH)
		send_batch(f, p);
	if (record.n > f->conf.frame_max - 64)
		is_lost = !send_parts(f, p, counted, record);
	else if (record.n > BATCH)
		is_lost = !give(f, p, FORWARD_BATCH, counted, record);
	else
		is_lost = !add_to_batch(p, counted, record);
	if (is_lost)
		count_dropped(1);
}

/* A large one, written to where the link sends it from.  False: it goes the other way. */
static bool
add_large(
    struct forward *f, struct peer *p, const struct forward_record *record, size_t size)
{
	const struct forward_links *links = &f->conf.links;
	uint8_t *room;
	struct wbuf w;

	send_batch(f, p); /* what came before it */
	if (p->queue.first != NULL || !begin(f, p) ||
	    links->room(links->arg, p->place, FORWARD_BATCH, size, &room) != EM_OK)
		return false;
	w = wbuf_fixed(room, size);
	if (!forward_record_put(&w, record, clock_mono()) || w.n != size)
		UNREACHABLE(); /* the turn has one time */
	p->sent++;
	metric_inc(METRIC_MESSAGES_FORWARD);
	f->has_work = true;
	return true;
}

/* To those nodes that take it so; those that are left. */
static uint64_t
add_large_to(struct forward *f, uint64_t places, const struct forward_record *record)
{
	size_t size = forward_record_size(&record->m);
	uint64_t left = 0;

	for (; places != 0; places &= places - 1) {
		struct peer *p = peer_of(f, (unsigned)__builtin_ctzll(places));

		if (!is_wanted(f, p, &record->m))
			count_dropped(1);
		else if (!add_large(f, p, record, size))
			left |= places & -places;
	}
	return left;
}

/* False: there is nothing to send. */
static bool
write_record(struct forward *f, const struct forward_record *record)
{
	f->scratch.n = 0;
	if (forward_record_put(&f->scratch, record, clock_mono()))
		return true;
	if (f->scratch.err != EM_OK) {
		count_dropped(1);
		f->scratch.err = EM_OK;
	}
	return false;
}

static void
shrink_scratch(struct forward *f)
{
	if (f->scratch.cap > SCRATCH_KEPT)
		wbuf_fini(&f->scratch);
}

void
forward_nodes(uint64_t places, struct message *m)
{
	struct forward *f = forward_here();
	struct forward_record record = { .m = *m };

	CHECK(f != NULL);
	if (m->payload.n >= MESSAGE_LARGE && m->payload.n < f->conf.frame_max / 2 &&
	    !message_is_expired(m, clock_mono()))
		places = add_large_to(f, places, &record);
	if (places == 0 || !write_record(f, &record))
		return;
	for (; places != 0; places &= places - 1)
		add(f, peer_of(f, (unsigned)__builtin_ctzll(places)), m, false);
	shrink_scratch(f);
}

void
forward_mark(struct forward *f, unsigned place, uint64_t number)
{
	struct peer *p = peer_of(f, place);
	uint8_t bytes[8];
	struct wbuf w = wbuf_fixed(bytes, sizeof bytes);

	wbuf_u64(&w, number);
	send_batch(f, p);
	(void)give(f, p, FORWARD_MARK, 0, wbuf_slice(&w));
}

static void
note_unkept(struct peer *p, uint64_t number)
{
	p->unkept++;
	p->unkept_to = number;
}

/* For the case that its node is lost. */
static void
keep(struct forward *f, struct peer *p, uint64_t number)
{
	if (pieces_add(&p->kept, FORWARD_BATCH, number, SLICE_NONE,
		wbuf_slice(&f->scratch)) == NULL)
		note_unkept(p, number);
	while (p->kept.bytes > KEPT_MAX) {
		note_unkept(p, p->kept.first->number);
		pieces_drop_first(&p->kept);
	}
}

void
forward_group(unsigned place, uint64_t tried, struct slice group, struct slice filter,
    struct message *m)
{
	struct forward *f = forward_here();
	struct forward_record record = {
		.m = *m, .group = group, .filter = filter, .tried = tried
	};

	CHECK(f != NULL);
	/* It was lost after it was picked: what was kept for it has been picked again. */
	if (EM_UNLIKELY(!nodes_is_running(place))) {
		if (!router_redispatch(group, filter, m))
			count_dropped(1);
		return;
	}
	record.number = ++f->number;
	if (!write_record(f, &record))
		return;
	if (m->qos > 0 && is_wanted(f, peer_of(f, place), m))
		keep(f, peer_of(f, place), record.number);
	add(f, peer_of(f, place), m, true);
	shrink_scratch(f);
}

/* ---- from the link */

static void
hold(struct forward *f, struct peer *p, bool is_held)
{
	if (p->is_held == is_held)
		return;
	p->is_held = is_held;
	f->has_work = true;
	f->conf.links.hold(f->conf.links.arg, p->place, is_held);
}

/* One that came, and whose ACK had not yet come there when DATA broke. */
static bool
is_again(const struct peer *p, const struct forward_record *rec)
{
	return rec->group.n > 0 && rec->m.qos > 0 && rec->number <= p->taken;
}

static void
on_batch(struct forward *f, struct peer *p, struct rbuf *r)
{
	struct forward_record rec;

	while (forward_record_next(r, &rec, clock_mono())) {
		struct router_result result;

		if (is_again(p, &rec)) {
			p->must_ack = f->has_work = true;
			message_done(&rec.m);
			continue;
		}
		metric_inc(METRIC_MESSAGES_FORWARD_RECEIVED);
		p->came += is_counted(&rec.m, rec.group.n > 0);
		if (rec.group.n == 0) {
			result = router_remote_publish(&rec.m);
		} else {
			if (rec.m.qos > 0)
				rec.m.debt = owed_add(&f->owed, p->place, rec.number);
			result =
			    router_remote_share(rec.group, rec.filter, rec.tried, &rec.m);
			p->taken = rec.number;
			p->must_ack = f->has_work = true;
		}
		if (result.receivers == 0) /* who was here has gone */
			count_dropped(1);
		message_done(&rec.m);
		if (result.is_full != NULL)
			hold(f, p, true);
	}
}

static void
on_part(struct forward *f, struct peer *p, struct rbuf *r)
{
	bool is_last = rbuf_u8(r) != 0;
	struct rbuf whole;

	wbuf_bytes(&p->part, rbuf_rest(r));
	if (!is_last)
		return;
	whole = rbuf_of(wbuf_slice(&p->part));
	if (p->part.err != EM_OK)
		count_dropped(1);
	else
		on_batch(f, p, &whole);
	if (whole.err != EM_OK)
		rbuf_fail(r);
	wbuf_fini(&p->part);
}

static void
on_ack(struct peer *p, struct rbuf *r)
{
	uint64_t number = rbuf_u64(r);

	if (r->err != EM_OK)
		return;
	while (p->kept.first != NULL && p->kept.first->number <= number) {
		struct piece *record = pieces_take(&p->kept);

		lent_add(&p->lent, &record);
	}
	if (p->unkept_to <= number)
		p->unkept = 0;
}

/* A DATA of it is up: what it sent before and did not come will not come any more. */
static void
on_begin(struct peer *p, struct rbuf *r)
{
	uint64_t life = rbuf_u64(r), sent = rbuf_u64(r);

	if (r->err != EM_OK)
		return;
	if (life == p->life && sent > p->came) {
		metric_add(METRIC_MESSAGES_FORWARD_LOST, sent - p->came);
		LOG(WARN, "forward_messages_lost", "node", nodes_name(p->place),
		    "messages", sent - p->came);
	}
	if (life != p->life)
		p->taken = 0;
	p->life = life;
	p->came = sent;
	wbuf_fini(&p->part);
}

static void
on_mark(struct forward *f, struct peer *p, struct rbuf *r)
{
	uint64_t number = rbuf_u64(r);

	if (r->err == EM_OK && f->conf.on_mark != NULL)
		f->conf.on_mark(f->conf.links.arg, p->place, number);
}

void
forward_on_frame(
    struct forward *f, unsigned place, enum forward_frame frame, struct slice body)
{
	struct peer *p = peer_of(f, place);
	struct rbuf r = rbuf_of(body);

	switch (frame) {
	case FORWARD_BATCH: on_batch(f, p, &r); break;
	case FORWARD_PART: on_part(f, p, &r); break;
	case FORWARD_ACK: on_ack(p, &r); break;
	case FORWARD_MARK: on_mark(f, p, &r); break;
	case FORWARD_BEGIN: on_begin(p, &r); break;
	case FORWARD_DONE: lent_on_done(&p->lent, &r); break;
	case FORWARD_OWED: lent_on_owed(&p->lent, &r); break;
	case FORWARD_FRAME_N: UNREACHABLE();
	}
	if (r.err == EM_OK)
		return;
	count_dropped(1);
	LOG(WARN, "forward_frame_malformed", "node", nodes_name(place), "frame",
	    (unsigned)frame);
}

/* ---- peers */

/* What is left of a large record whose first parts were lost with the link. */
static void
drop_rest(struct peer *p)
{
	while (p->is_in_parts) {
		p->is_in_parts = p->queue.first->bytes[0] == 0;
		count_dropped(p->queue.first->counted);
		pieces_drop_first(&p->queue);
	}
}

static void
end_batch(struct pieces *to, struct wbuf *batch)
{
	if (batch->n > 0 &&
	    pieces_add(to, FORWARD_BATCH, 0, SLICE_NONE, wbuf_slice(batch)) == NULL)
		count_dropped(1);
	batch->n = 0;
}

/* Records of groups that were not acknowledged may be lost with the DATA that was: they go
 * again, before what waits; the other end knows which of them it has. */
static void
send_kept_again(struct forward *f, struct peer *p)
{
	struct wbuf batch = wbuf_growing(f->conf.frame_max);
	struct pieces again = { .bytes = 0 };
	size_t most = f->conf.frame_max - 64;

	for (const struct piece *k = p->kept.first; k != NULL; k = k->next) {
		struct slice record = slice_of(k->bytes, k->n);
		bool is_large = record.n > most;

		if (is_large || batch.n + record.n > BATCH)
			end_batch(&again, &batch);
		if (!is_large)
			wbuf_bytes(&batch, record);
		else if (!pieces_add_parts(&again, FORWARD_PART, most, 0, record))
			count_dropped(1);
	}
	end_batch(&again, &batch);
	wbuf_fini(&batch);
	if (again.first == NULL)
		return;
	pieces_join(&again, &p->queue);
	p->queue = again;
}

void
forward_up(struct forward *f, unsigned place, bool is_up)
{
	struct peer *p = peer_of(f, place);

	drop_rest(p);
	if (is_up && !p->is_up)
		send_kept_again(f, p);
	p->is_up = is_up;
	p->has_begun = false;
	f->has_work = true;
	(void)begin(f, p);
}

void
forward_ctl(struct forward *f, unsigned place, bool is_up)
{
	(void)peer_of(f, place);
	owed_up(&f->owed, place, is_up);
	f->has_work = true;
}

/* All but the rest of a large record that has begun: the link may still stand. */
static void
drop_queue(struct peer *p)
{
	struct piece **at = &p->queue.first;
	bool has_begun = p->is_in_parts;

	while (has_begun) {
		has_begun = (*at)->bytes[0] == 0;
		at = &(*at)->next;
	}
	p->queue.last = at;
	while (*at != NULL) {
		struct piece *gone = *at;

		count_dropped(gone->counted);
		p->queue.bytes -= gone->n;
		*at = gone->next;
		mem_free(gone);
	}
}

void
forward_lost(struct forward *f, unsigned place)
{
	struct peer *p = peer_of(f, place);

	send_batch(f, p);
	drop_queue(p);
	count_dropped(p->unkept);
	p->unkept = 0;
	repick_add(&f->again, &p->kept);
	/* The rest of a large one may still come: it is for nobody. */
	if (p->part.n > 0) {
		wbuf_fini(&p->part);
		p->part.err = EM_CANCELLED;
	}
	p->must_ack = false;
	f->has_work = true;
}

void
forward_dead(struct forward *f, unsigned place)
{
	struct pieces lost = { .bytes = 0 };

	count_dropped(lent_take_all(&peer_of(f, place)->lent, &lost));
	repick_add(&f->again, &lost);
	f->has_work = true;
}

void
forward_forget(struct forward *f, unsigned place)
{
	struct lent *l = &peer_of(f, place)->lent;

	lent_fini(l);
	lent_init(l);
}

/* ---- turns */

static void
on_paid(uint32_t debt)
{
	struct forward *f = forward_here();

	owed_paid(&f->owed, debt);
	f->has_work = true;
}

static bool
tell_owed(void *arg, unsigned place, bool is_all, struct slice body)
{
	const struct forward_links *links = &((struct forward *)arg)->conf.links;

	return links->send(links->arg, place, is_all ? FORWARD_OWED : FORWARD_DONE,
		   body) == EM_OK;
}

static void
answer(struct forward *f, struct peer *p)
{
	const struct forward_links *links = &f->conf.links;
	uint8_t bytes[8];
	struct wbuf w = wbuf_fixed(bytes, sizeof bytes);

	if (!p->must_ack)
		return;
	wbuf_u64(&w, p->taken);
	if (links->send(links->arg, p->place, FORWARD_ACK, wbuf_slice(&w)) == EM_OK)
		p->must_ack = false;
}

static void
on_look(struct timer *t)
{
	LIST_OWNER(t, struct forward, look)->has_work = true;
}

/* What waits of this peer; true: look again soon. */
static bool
turn_of_peer(struct forward *f, struct peer *p)
{
	bool is_late;

	send_queue(f, p);
	send_batch(f, p);
	answer(f, p);
	/* What is over was taken before. */
	is_late = p->must_ack || owed_tell(&f->owed, p->place, tell_owed, f);
	if (p->is_held && !repick_must_wait())
		hold(f, p, false);
	return p->queue.first != NULL || p->is_held || is_late;
}

/* True: look again soon; else what is left has the next turn. */
static bool
turn_of_lost(struct forward *f)
{
	if (f->again.first == NULL)
		return false;
	if (repick_must_wait())
		return true;
	if (!repick_some(&f->again))
		return false;
	f->has_work = true;
	loop_hurry(worker_self()->loop);
	return false;
}

/* At LOOP_DELIVER. */
static void
turn(void *arg)
{
	struct forward *f = arg;
	bool must_look;
	uint64_t full = 0;

	if (!f->has_work)
		return;
	f->has_work = false;
	must_look = turn_of_lost(f);
	for (unsigned i = 0; i < NODES_MAX; i++) {
		struct peer *p = f->peer[i];

		if (p == NULL)
			continue;
		must_look |= turn_of_peer(f, p);
		if (p->queue.bytes > QUEUE_MARK)
			full |= UINT64_C(1) << i;
	}
	router_remote_set_full(full);
	if (must_look && !timer_is_armed(&f->look))
		timer_arm(&f->look, LOOK, on_look);
}

struct forward *
forward_new(const struct forward_conf *conf)
{
	struct forward *f = MEM_NEW(struct forward);

	CHECK(forward_here() == NULL && conf->frame_max > BATCH * 2);
	f->conf = *conf;
	f->number = conf->incarnation;
	f->scratch = wbuf_growing(RECORD_MAX);
	loop_at_turn(worker_self()->loop, LOOP_DELIVER, turn, f);
	worker_self()->slot[ROOM_FORWARD] = f;
	debt_use(on_paid);
	return f;
}

void
forward_free(struct forward **fp)
{
	struct forward *f = *fp;

	worker_self()->slot[ROOM_FORWARD] = NULL;
	debt_use(NULL);
	owed_fini(&f->owed);
	pieces_drop_all(&f->again);
	timer_cancel(&f->look);
	router_remote_set_full(0);
	for (unsigned i = 0; i < NODES_MAX; i++) {
		struct peer *p = f->peer[i];

		if (p == NULL)
			continue;
		pieces_drop_all(&p->queue);
		pieces_drop_all(&p->kept);
		lent_fini(&p->lent);
		wbuf_fini(&p->batch);
		wbuf_fini(&p->part);
		mem_free(p);
	}
	wbuf_fini(&f->scratch);
	MEM_FREE(*fp);
}
