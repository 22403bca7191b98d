/* SPDX-License-Identifier: Apache-2.0 */
/* ordering: proposals there, entries here: see ordering.h. */
#include "emqxd/ordering/ordering.h"
#include "emqxd/ordering/ordering_inside.h"
#include "emqxd/core/log.h"
#include "emqxd/model/member.h"
#include "emqxd/model/nodes.h"
#include "emqxd/store/entry.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"

#define PACE span_s(1)

_Static_assert((int)CSTORE_META == (int)CHANGE_GROUP_META &&
		   (int)CSTORE_RET == (int)CHANGE_GROUP_RET &&
		   (int)CSTORE_GROUP_N == (int)CHANGE_GROUP_N &&
		   (int)CSTORE_NAME_MAX > (int)NODES_NAME_MAX,
    "groups have one number, and nodes one name");

struct ordering *
ordering_self(void)
{
	return node_slot(ROOM_ORDERING);
}

/* ---- from the store's thread */

struct note {
	struct letter letter;
	enum cstore_group group;
	uint64_t index; /* 0: bytes are to be proposed */
	size_t n;
	uint8_t bytes[];
};

static void
post(enum change_group g, uint64_t index, struct slice bytes, letter_fn *open)
{
	struct note *n = mem_try(sizeof *n + bytes.n);

	if (n == NULL)
		return; /* it is proposed again, and the next index says more */
	*n = (struct note){ .letter.open = open,
		.group = (enum cstore_group)g,
		.index = index,
		.n = bytes.n };
	if (bytes.n > 0)
		memcpy(n->bytes, bytes.p, bytes.n);
	worker_post(worker_link(), &n->letter);
}

/* To the child of whoever leads.  What does not get there is proposed again. */
static void
propose(struct ordering *o, enum cstore_group g, struct slice entry, bool may_forward)
{
	const struct cstore_status *s = cstore_status(o->cstore, g);
	struct link_peer *leader;
	uint8_t *room;

	if (s->state == CSTORE_LEADER) {
		(void)!cstore_propose(o->cstore, g, entry, 0);
		return;
	}
	if (!may_forward || s->leader[0] == '\0')
		return;
	leader = link_peer_find(o->house, slice_str(s->leader));
	if (leader == NULL ||
	    link_room(leader, LINK_CTL, LINK_ORDER_PROPOSE, 1 + entry.n, &room) != EM_OK)
		return;
	room[0] = (uint8_t)g;
	memcpy(room + 1, entry.p, entry.n);
}

static void
on_proposal(struct letter *l)
{
	struct note *n = LIST_OWNER(l, struct note, letter);
	struct ordering *o = ordering_self();

	if (o != NULL && o->cstore != NULL)
		propose(o, n->group, slice_of(n->bytes, n->n), true);
	mem_free(n);
}

static void
on_applied(struct letter *l)
{
	struct note *n = LIST_OWNER(l, struct note, letter);
	struct ordering *o = ordering_self();

	if (o != NULL && o->cstore != NULL)
		cstore_applied(o->cstore, n->group, n->index);
	mem_free(n);
}

static void
from_store_propose(enum change_group g, struct slice entry)
{
	post(g, 0, entry, on_proposal);
}

static void
from_store_applied(enum change_group g, uint64_t index)
{
	post(g, index, SLICE_NONE, on_applied);
}

static const struct store_order ops = { from_store_propose, from_store_applied };

/* ---- from other nodes */

/* Would it remove this node, which leads?  Who asked for that takes it for dead; and a leader
 * that removes itself may be gone before the others know that this is agreed on. */
static bool
removes_me(struct slice entry)
{
	struct entry_head head;
	struct rbuf r = entry_open(entry, &head);

	for (uint16_t i = 0; i < head.n; i++) {
		struct entry_change c;
		struct member m;

		entry_next(&r, CHANGE_GROUP_META, head.site, &c);
		if (c.kind == CHANGE_MEMBER && slice_eq_str(c.key, nodes_me()) &&
		    (c.what != ENTRY_PUT ||
			(member_read(c.key, c.blob, &m) == EM_OK && m.is_cleaned)))
			return true;
	}
	return false;
}

static void
on_propose(struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	struct ordering *o = ordering_self();
	struct rbuf r = rbuf_of(body);
	uint8_t g = rbuf_u8(&r);
	struct slice entry = rbuf_rest(&r);
	em_err err;

	(void)ask;
	(void)arg;
	if (o == NULL || o->cstore == NULL || r.err != EM_OK || g >= CSTORE_GROUP_N)
		return;
	/* What is in the log cannot be taken out of it again. */
	err = store_check_entry((enum change_group)g, entry, link_peer_site(from));
	if (err == EM_OK && g == CSTORE_META && removes_me(entry))
		err = EM_STATE;
	if (err != EM_OK || entry.n > CSTORE_ENTRY_MAX)
		LOG(WARN, "cluster_proposal_refused", "node", link_peer_name(from),
		    "bytes", entry.n, "error", err_name(err != EM_OK ? err : EM_TOOBIG));
	else
		propose(o, (enum cstore_group)g, entry, false);
}

/* ---- from the child */

static void
want(struct ordering *o, enum cstore_group g, uint64_t index)
{
	o->wants[g] = true;
	o->wanted[g] = index;
	ordering_fetch_wanted(o);
}

static void
on_down(void)
{
	for (unsigned g = 0; g < CHANGE_GROUP_N; g++)
		store_set_leader((enum change_group)g, false);
}

void
ordering_on_event(const struct cstore_event *e)
{
	struct ordering *o = ordering_self();
	enum change_group g = (enum change_group)e->group;

	if (o == NULL || o->cstore == NULL)
		return;
	switch (e->kind) {
	case CSTORE_ENTRY: store_apply_entry(g, e->index, e->bytes); break;
	case CSTORE_MARKER:
		LOG(INFO, "cluster_rows_missing", "group", store_group_name(g), "index",
		    e->index);
		want(o, e->group, e->index);
		break;
	case CSTORE_STATE:
		store_set_leader(g, e->name[0] != '\0');
		ordering_fetch_wanted(o);
		break;
	case CSTORE_DOWN: on_down(); break;
	case CSTORE_UP:
	case CSTORE_OPENED:
	case CSTORE_CONNECT:
	case CSTORE_PROPOSED: break;
	}
}

/* ---- life */

static void
on_pace(struct timer *t)
{
	struct ordering *o = LIST_OWNER(t, struct ordering, pace);

	ordering_fetch_wanted(o);
	ordering_fetch_tidy(o);
	timer_arm(t, PACE, on_pace);
}

void
ordering_birth(struct link_house *h)
{
	struct ordering *o = MEM_NEW(struct ordering);

	o->house = h;
	node_slot_set(ROOM_ORDERING, o);
	link_on(h, LINK_ORDER_PROPOSE, on_propose, NULL);
	ordering_fetch_birth(o);
	timer_arm(&o->pace, PACE, on_pace);
}

void
ordering_death(void)
{
	struct ordering *o = ordering_self();

	if (o == NULL)
		return;
	timer_cancel(&o->pace);
	ordering_fetch_death(o);
	ordering_restore_death(o);
	node_slot_set(ROOM_ORDERING, NULL);
	mem_free(o);
}

void
ordering_begin_rows(void)
{
	for (unsigned g = 0; g < CHANGE_GROUP_N; g++)
		store_order((enum change_group)g, &ops, nodes_site());
}

void
ordering_start(struct cstore *c)
{
	struct ordering *o = ordering_self();

	CHECK(o->cstore == NULL && c != NULL);
	o->cstore = c;
	ordering_begin_rows();
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++) {
		enum cstore_group group = (enum cstore_group)g;

		if (cstore_status(c, group)->leader[0] != '\0')
			store_set_leader((enum change_group)g, true);
		if (store_is_importing((enum change_group)g))
			want(o, group, store_applied((enum change_group)g));
	}
}

void
ordering_stop(void)
{
	struct ordering *o = ordering_self();

	o->cstore = NULL;
	for (unsigned g = 0; g < CHANGE_GROUP_N; g++) {
		o->wants[g] = false;
		store_order_end((enum change_group)g);
	}
}

void
ordering_pause(void)
{
	struct ordering *o = ordering_self();

	o->cstore = NULL;
	for (unsigned g = 0; g < CHANGE_GROUP_N; g++) {
		o->wants[g] = false;
		store_set_leader((enum change_group)g, false);
	}
}

bool
ordering_is_started(void)
{
	const struct ordering *o = ordering_self();

	return o != NULL && o->cstore != NULL;
}
