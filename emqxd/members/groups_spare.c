/* SPDX-License-Identifier: Apache-2.0 */
/*
 * groups_spare: may a voter give up its vote?  It may where most of those that vote
 * without it run: else nobody could agree on anything behind it.
 *
 * The leader decides, by the links that it has: when it is asked (GROUP_STATE with a Raft
 * id, groups_watch.c) and again when the vote is to go, so that of two that leave at once
 * one is refused.  Of a leader that is too old to say, this node's own links count.
 */
#include "emqxd/members/groups_inside.h"
#include "emqxd/members/members.h"
#include "emqxd/core/clock.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

#define ANSWER span_s(3)
#define UNDER_WAY span_s(10) /* a vote that goes is counted no more */

static bool
is_heard(uint64_t raft_id)
{
	const struct members_entry *e = members_find_raft(raft_id);

	return e != NULL &&
	       (e->place == 0 || (e->peer != NULL && link_peer_is_reachable(e->peer)));
}

static bool
is_voter(enum cstore_group g, uint64_t raft_id)
{
	const struct cstore_status *s = cstore_status(groups_cstore(), g);
	bool votes = false;

	for (unsigned i = 0; i < s->members_n; i++)
		votes = votes ||
			(s->member[i].id == raft_id && s->member[i].role == CSTORE_VOTER);
	return votes;
}

/* Its vote goes already. */
static bool
is_going(enum cstore_group g, uint64_t raft_id)
{
	const struct groups_part *part = &groups()->part[g];

	return part->spared == raft_id && part->spared_until.ns > clock_mono().ns;
}

bool
groups_spare_check(enum cstore_group g, uint64_t raft_id, struct str *missing)
{
	const struct cstore_status *s = cstore_status(groups_cstore(), g);
	unsigned voters = 0, run = 0;
	bool is_settled = true;

	for (unsigned i = 0; i < s->members_n; i++) {
		const struct cstore_member *m = &s->member[i];

		if (m->role != CSTORE_VOTER || m->id == raft_id || is_going(g, m->id))
			continue;
		voters++;
		is_settled = is_settled && members_find_raft(m->id) != NULL;
		if (is_heard(m->id))
			run++;
		else
			str_addf(missing, "%s%s", missing->n > 0 ? ", " : "", m->name);
	}
	if (!is_settled)
		str_reset(missing);
	return !is_voter(g, raft_id) || 2 * run > voters;
}

em_err
groups_spare_take(enum cstore_group g, uint64_t raft_id, struct str *missing)
{
	struct groups_part *part = &groups()->part[g];

	if (!is_voter(g, raft_id)) /* yet: one that is let in */
		return EM_OK;
	if (!groups_spare_check(g, raft_id, missing)) {
		if (missing->n > 0)
			return EM_DENIED;
		str_add(missing, "who votes is changing just now");
		return EM_BUSY;
	}
	part->spared = raft_id;
	part->spared_until = mono_add(clock_mono(), UNDER_WAY);
	return EM_OK;
}

void
groups_spare_keep(enum cstore_group g, uint64_t raft_id)
{
	struct groups_part *part = &groups()->part[g];

	if (part->spared == raft_id)
		part->spared = 0;
}

/* ---- asking */

struct spare {
	unsigned left; /* answers that are not there yet */
	uint64_t raft_id;
	em_err err; /* the first that is not OK */
	struct str missing;
	groups_spare_fn *done;
	void *arg;
};

struct spare_ask {
	struct spare *of;
	enum cstore_group g;
};

static void
one_answered(struct spare *q, em_err err, struct slice missing)
{
	if (err != EM_OK && q->err == EM_OK) {
		q->err = err;
		str_add_escaped(&q->missing, missing);
	}
	if (--q->left > 0)
		return;
	q->done(q->arg, q->err, str_get(&q->missing));
	str_fini(&q->missing);
	mem_free(q);
}

static void
check_here(struct spare *q, enum cstore_group g)
{
	struct str missing = { 0 };
	bool may = groups_spare_check(g, q->raft_id, &missing);

	one_answered(q, may ? EM_OK : EM_STATE, str_slice(&missing));
	str_fini(&missing);
}

static void
on_answer(struct link_peer *p, em_err err, struct slice body, void *arg)
{
	struct spare_ask *a = arg;
	struct rbuf r = rbuf_of(body);
	unsigned n;
	bool may;
	struct slice missing;

	(void)p;
	(void)rbuf_u64(&r);
	n = rbuf_u8(&r);
	for (unsigned i = 0; i < n; i++) {
		(void)rbuf_u64(&r);
		(void)rbuf_u8(&r);
	}
	may = rbuf_u8(&r) != 0;
	missing = rbuf_bytes16(&r);
	if (err != EM_OK || groups() == NULL || groups_cstore() == NULL)
		one_answered(a->of, EM_NOQUORUM, SLICE_NONE);
	else if (r.err != EM_OK)
		check_here(a->of, a->g);
	else
		one_answered(a->of, may ? EM_OK : EM_STATE, missing);
	mem_free(a);
}

static void
ask(struct spare *q, enum cstore_group g)
{
	struct groups *all = groups();
	struct link_peer *p;
	uint8_t body[9];
	struct wbuf w = wbuf_fixed(body, sizeof body);
	struct spare_ask *a;

	if (all->part[g].leads) {
		check_here(q, g);
		return;
	}
	p = link_peer_find(all->house, slice_str(groups_leader(g)));
	a = MEM_NEW(struct spare_ask);
	*a = (struct spare_ask){ q, g };
	wbuf_u8(&w, (uint8_t)g);
	wbuf_u64(&w, q->raft_id);
	if (p != NULL && link_request(p, LINK_GROUP_STATE, wbuf_slice(&w), ANSWER,
			     on_answer, a) == EM_OK)
		return;
	mem_free(a);
	one_answered(q, EM_NOQUORUM, SLICE_NONE);
}

void
groups_spare_ask(uint64_t raft_id, groups_spare_fn *done, void *arg)
{
	struct spare *q = MEM_NEW(struct spare);

	q->raft_id = raft_id;
	q->done = done;
	q->arg = arg;
	q->left = CSTORE_GROUP_N;
	/* The last one may free it. */
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++)
		ask(q, (enum cstore_group)g);
}
