/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay: blocks of records.
 *
 * A block is filled during the turn and posted at LOOP_POST, or when it is full.  One
 * that has little in it goes as a copy of the right size, and stays here for the next
 * turn: what waits at a slow receiver is then what was written, not what was reserved.
 * No record outlasts the turn here, since the routes that it names are only good until
 * then, or once its letter is on its way.
 * The letter's bytes, for the mailbox's mark, are that memory and the large payloads
 * that its records refer to.
 *
 * The receiver rebuilds a message from each record; its slices point into the block,
 * which therefore lives until LOOP_BURY, when everything that was taken uncopied has
 * been written.
 */
#include "emqxd/router/relay.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/slab.h"
#include "emqxd/model/metrics.h"
#include "emqxd/router/dispatch.h"
#include "emqxd/router/remote.h"
#include "ipc/base/check.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

#define BLOCK_SIZE 32768u
#define BLOCK_SMALL 4096u       /* up to here a copy is posted */
#define REFERRED_MAX (1u << 20) /* of large payloads a block */

struct relay_block {
	struct letter letter;
	struct relay_block *next; /* among the opened ones */
	uint32_t size, used;      /* of the records */
	uint32_t referred;        /* bytes of payloads that are not in it */
	_Alignas(8) uint8_t record[];
};

/* What a record is for. */
enum record_kind {
	RECORD_COLUMNS,
	RECORD_MEMBER,
	RECORD_NODES, /* turn.nodes: their places */
	RECORD_GROUP /* turn.start: the place, turn.nodes: who was asked; targets: text */
};

/* A slice by its place behind the targets. */
struct piece {
	uint32_t at, n;
};

struct record {
	uint32_t size; /* with its bytes; a multiple of 8 */
	uint32_t targets;
	struct message *kept; /* a large one, with a reference; then there are no bytes */
	mono_t expires;
	wall_t at;
	uint64_t publisher;
	struct share_turn turn; /* of a member's, nodes' or group's */
	struct piece topic, payload, props, from;
	uint32_t wire_n; /* the frame is the first of the bytes */
	uint8_t wire_version, qos;
	uint8_t kind : 2, retain : 1;
	void *target[]; /* routes, one member and a debt, or the room of a text; then the
			   bytes */
};

/* The room is a multiple of the targets' size. */
struct group_text {
	uint32_t group, filter; /* bytes */
	uint8_t text[];
};

_Static_assert(sizeof(struct record) == 96, "a message to another worker, and its bytes");

static void
post(struct router_worker *here, unsigned to)
{
	struct relay_block *b = here->outgoing[to];
	uint32_t referred = b->referred;

	if (b->used <= BLOCK_SMALL) {
		struct relay_block *small = slab_new(sizeof *b + b->used);

		memcpy(small, b, sizeof *b + b->used);
		small->size = small->used;
		b->used = b->referred = 0;
		b = small;
	} else
		here->outgoing[to] = NULL;
	b->letter.bytes = (uint32_t)sizeof *b + b->size + referred;
	worker_post(worker_get(to), &b->letter);
}

static inline void
post_what_there_is(struct router_worker *here, unsigned to)
{
	if (here->outgoing[to] != NULL && here->outgoing[to]->used > 0)
		post(here, to);
}

/* At LOOP_POST, before the loop posts its letters. */
static void
post_all(void *arg)
{
	struct router_worker *here = arg;

	for (unsigned to = 0; to < worker_count(); to++)
		post_what_there_is(here, to);
	post_what_there_is(here, worker_link()->id);
}

static void
block_free(struct relay_block *b)
{
	slab_free(b, sizeof *b + b->size);
}

/* At LOOP_BURY. */
static void
bury_opened(void *arg)
{
	struct router_worker *here = arg;
	struct relay_block *b = here->opened;

	here->opened = NULL;
	while (b != NULL) {
		struct relay_block *next = b->next;

		block_free(b);
		b = next;
	}
}

void
relay_birth(struct router_worker *here)
{
	struct loop *loop = worker_self()->loop;

	here->outgoing = mem_new_array(worker_all(), sizeof(struct relay_block *));
	loop_at_turn(loop, LOOP_POST, post_all, here);
	loop_at_turn(loop, LOOP_BURY, bury_opened, here);
}

void
relay_death(struct router_worker *here)
{
	post_all(here);
	bury_opened(here);
	for (unsigned to = 0; to < worker_all(); to++)
		if (here->outgoing[to] != NULL)
			block_free(here->outgoing[to]);
	MEM_FREE(here->outgoing);
}

static void on_letter(struct letter *l);

/* The block for @to with room for @size bytes, or NULL. */
static struct relay_block *
block_with_room(struct router_worker *here, unsigned to, size_t size)
{
	struct relay_block *b = here->outgoing[to];
	size_t room = BLOCK_SIZE - sizeof *b;

	if (b != NULL && b->used > 0 &&
	    (b->size - b->used < size || b->referred >= REFERRED_MAX))
		post(here, to);
	b = here->outgoing[to]; /* it stays when there was little in it */
	if (b != NULL && b->size - b->used >= size)
		return b;
	if (b != NULL)
		block_free(b);
	here->outgoing[to] = NULL;
	if (size > room)
		room = size;
	b = room < UINT32_MAX / 2 ? slab_try(sizeof *b + room) : NULL;
	if (b == NULL)
		return NULL;
	*b = (struct relay_block){ .letter = { .open = on_letter },
		.size = (uint32_t)room };
	here->outgoing[to] = b;
	return b;
}

static struct record *
record_at(struct relay_block *b, uint32_t at)
{
	return (struct record *)(void *)(b->record + at);
}

/* Where a slice is, behind the targets: in the frame, or copied to @used. */
static inline struct piece
put(uint8_t *bytes, uint32_t *used, const struct message *m, struct slice s)
{
	struct piece piece = { *used, (uint32_t)s.n };
	size_t in_wire = (uintptr_t)s.p - (uintptr_t)m->wire.p;

	if (s.n == 0)
		return piece;
	if (in_wire < m->wire.n && s.n <= m->wire.n - in_wire) {
		piece.at = (uint32_t)in_wire;
		return piece;
	}
	memcpy(bytes + *used, s.p, s.n);
	*used += (uint32_t)s.n;
	return piece;
}

/* The message's bytes into a record; how many they are. */
static uint32_t
put_bytes(struct record *rec, const struct message *m)
{
	uint8_t *bytes = (uint8_t *)&rec->target[rec->targets];
	uint32_t used = (uint32_t)m->wire.n;

	rec->wire_n = used;
	if (used > 0)
		memcpy(bytes, m->wire.p, used);
	rec->topic = put(bytes, &used, m, m->topic);
	rec->payload = put(bytes, &used, m, m->payload);
	rec->props = put(bytes, &used, m, m->props);
	rec->from = put(bytes, &used, m, m->from);
	return used;
}

/* A record for @m with room for its targets, at the end of the block for @to. */
static struct record *
record_new(struct router_worker *here, unsigned to, size_t targets, struct message *m)
{
	bool is_large = m->payload.n >= MESSAGE_LARGE;
	size_t size = sizeof(struct record) + targets * sizeof(void *);
	size_t most = is_large ? 0 : m->wire.n + message_bytes(m) + m->from.n;
	struct message *kept = is_large ? message_keep(m) : NULL;
	struct relay_block *b = block_with_room(here, to, size + most + 7);
	struct record *rec;

	if (b == NULL || (is_large && kept == NULL)) {
		message_unref(&kept);
		return NULL;
	}
	rec = record_at(b, b->used);
	*rec = (struct record){
		.targets = (uint32_t)targets,
		.kept = kept,
		.expires = m->expires,
		.at = m->at,
		.publisher = m->publisher,
		.wire_version = m->wire_version,
		.qos = m->qos,
		.retain = m->retain,
	};
	if (is_large)
		b->referred += kept->size;
	else
		size += put_bytes(rec, m);
	rec->size = (uint32_t)(size + 7) & ~7u;
	b->used += rec->size;
	return rec;
}

static bool
has_column(const struct route *r, unsigned to)
{
	return (atomic_load_explicit(&r->workers, memory_order_relaxed) >> to & 1) != 0;
}

static void
count_lost(uint64_t n)
{
	metric_add(METRIC_DELIVERY_DROPPED, n);
	metric_add(METRIC_DELIVERY_DROPPED_NO_MEMORY, n);
}

/* There is no memory for a record: all subscribers of these columns go without. */
static unsigned
lose(unsigned to, struct memo_routes routes)
{
	uint64_t lost = 0;
	unsigned n = 0;

	for (size_t i = 0; i < routes.n; i++) {
		struct column *c = route_column(routes.v[i], to);

		if (c == NULL)
			continue;
		lost += column_count(c);
		n++;
	}
	count_lost(lost);
	return n;
}

unsigned
relay_columns(
    struct router_worker *here, unsigned to, struct memo_routes routes, struct message *m)
{
	struct record *rec = record_new(here, to, routes.n, m);
	unsigned n = 0;

	if (EM_UNLIKELY(rec == NULL))
		return lose(to, routes);
	/* Room for all of them; those that the worker has no part in are left out. */
	for (size_t i = 0; i < routes.n; i++) {
		rec->target[i] = NULL;
		if (has_column(routes.v[i], to)) {
			rec->target[i] = routes.v[i];
			n++;
		}
	}
	return n;
}

void
relay_member(struct router_worker *here, struct share_member *member,
    struct share_turn turn, struct message *m)
{
	/* That of a large one goes with its kept form. */
	uint32_t debt = m->payload.n < MESSAGE_LARGE ? m->debt : 0;
	struct record *rec =
	    record_new(here, member->worker, EM_UNLIKELY(debt != 0) ? 2 : 1, m);

	if (EM_UNLIKELY(rec == NULL)) {
		count_lost(1);
		return;
	}
	rec->kind = RECORD_MEMBER;
	rec->turn = turn;
	rec->target[0] = member;
	if (EM_LIKELY(debt == 0))
		return;
	memcpy(&rec->target[1], &debt, sizeof debt);
	m->debt = 0;
}

unsigned
relay_nodes(struct router_worker *here, uint64_t places, struct message *m)
{
	unsigned n = (unsigned)__builtin_popcountll(places);
	struct record *rec = record_new(here, worker_link()->id, 0, m);

	if (EM_UNLIKELY(rec == NULL)) {
		count_lost(n);
		return n;
	}
	rec->kind = RECORD_NODES;
	rec->turn.nodes = places;
	return n;
}

void
relay_group(struct router_worker *here, unsigned place, uint64_t tried,
    const struct route *r, struct slice group, struct message *m)
{
	struct slice filter = route_filter(r);
	size_t room = sizeof(struct group_text) + group.n + filter.n;
	struct record *rec = record_new(
	    here, worker_link()->id, (room + sizeof(void *) - 1) / sizeof(void *), m);
	struct group_text *g;

	if (EM_UNLIKELY(rec == NULL)) {
		count_lost(1);
		return;
	}
	rec->kind = RECORD_GROUP;
	rec->turn = (struct share_turn){ .start = place, .nodes = tried };
	g = (struct group_text *)(void *)rec->target;
	g->group = (uint32_t)group.n;
	g->filter = (uint32_t)filter.n;
	memcpy(g->text, group.p, group.n);
	memcpy(g->text + group.n, filter.p, filter.n);
}

static struct slice
slice_at(const uint8_t *bytes, struct piece p)
{
	return p.n > 0 ? slice_of(bytes + p.at, p.n) : SLICE_NONE;
}

static uint32_t
debt_of(const struct record *rec)
{
	uint32_t debt = 0;

	if (EM_UNLIKELY(rec->kind == RECORD_MEMBER && rec->targets == 2))
		memcpy(&debt, &rec->target[1], sizeof debt);
	return debt;
}

/* The message as its publisher's worker had it. */
static struct message
message_of(const struct record *rec)
{
	const uint8_t *bytes = (const uint8_t *)&rec->target[rec->targets];

	return (struct message){
		.topic = slice_at(bytes, rec->topic),
		.payload = slice_at(bytes, rec->payload),
		.props = slice_at(bytes, rec->props),
		.from = slice_at(bytes, rec->from),
		.wire = slice_of(bytes, rec->wire_n),
		.expires = rec->expires,
		.at = rec->at,
		.publisher = rec->publisher,
		.wire_version = rec->wire_version,
		.qos = rec->qos,
		.retain = rec->retain,
		.debt = debt_of(rec),
	};
}

/* On the link thread. */
static void
hand_over(struct router_worker *here, const struct record *rec, struct message *m)
{
	const struct router_remote *remote = inside_remote(here->router);
	const struct group_text *g = (const struct group_text *)(const void *)rec->target;

	if (remote == NULL) /* alone again: those who wanted it have gone */
		return;
	if (rec->kind == RECORD_NODES)
		remote->forward(rec->turn.nodes, m);
	else
		remote->forward_shared(rec->turn.start, rec->turn.nodes,
		    slice_of(g->text, g->group), slice_of(g->text + g->group, g->filter),
		    m);
}

static void
deliver(struct router_worker *here, const struct record *rec, struct message *m)
{
	if (rec->kind == RECORD_MEMBER) {
		share_receive(here, rec->target[0], rec->turn, m);
		return;
	}
	if (rec->kind != RECORD_COLUMNS) {
		hand_over(here, rec, m);
		return;
	}
	for (uint32_t i = 0; i < rec->targets; i++)
		if (rec->target[i] != NULL)
			dispatch_column(here, rec->target[i], m);
}

static void
open_record(struct router_worker *here, const struct record *rec)
{
	struct message *kept = rec->kept;
	struct message view;

	if (kept != NULL) {
		deliver(here, rec, kept);
		message_unref(&kept);
		return;
	}
	view = message_of(rec);
	deliver(here, rec, &view);
	message_done(&view);
}

/* A letter to a worker whose part in the room has ended: nobody is there any more. */
static void
discard(struct relay_block *b)
{
	for (uint32_t at = 0; at < b->used; at += record_at(b, at)->size)
		message_unref(&record_at(b, at)->kept);
	block_free(b);
}

static void
on_letter(struct letter *l)
{
	struct relay_block *b = LIST_OWNER(l, struct relay_block, letter);
	struct router_worker *here = inside_worker();

	if (EM_UNLIKELY(here == NULL)) {
		discard(b);
		return;
	}
	here->is_busy = true;
	for (uint32_t at = 0; at < b->used; at += record_at(b, at)->size)
		open_record(here, record_at(b, at));
	here->is_busy = false;
	b->next = here->opened;
	here->opened = b;
}
