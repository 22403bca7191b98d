/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_compat: what differs between the releases of libraft: 0.15 (Debian 12) and 0.17 to
 * 0.22 (Debian 13), whose transport has a version and whose progress of the others is out
 * of sight.
 */
#ifndef CSTORE_RAFT_COMPAT_H
#define CSTORE_RAFT_COMPAT_H

#include <raft.h>
#include <raft/uv.h>

#ifdef RAFT_REQUEST_VOTE_VERSION /* from the release on that has the other two as well */

static inline void
raft_compat_transport(struct raft_uv_transport *t)
{
	t->version = 1;
}

/* What the leader knows of the member's log: not told. */
static inline raft_index
raft_compat_match(const struct raft *r, unsigned i)
{
	(void)i;
	return r->last_applied;
}

/* Not told either: nobody waits for it. */
static inline bool
raft_compat_has(const struct raft *r, unsigned i, raft_index index)
{
	(void)r, (void)i, (void)index;
	return true;
}

static inline void
raft_compat_set_next(struct raft *r, unsigned i, raft_index believed, raft_index next)
{
	(void)r, (void)i, (void)believed, (void)next;
}

/* Not told. */
static inline const struct raft_entry *
raft_compat_last_change(const struct raft *r)
{
	(void)r;
	return NULL;
}

/* Not told: that of the node. */
static inline raft_term
raft_compat_last_term(const struct raft *r)
{
	return r->current_term;
}

#else

static inline void
raft_compat_transport(struct raft_uv_transport *t)
{
	(void)t;
}

/* The index up to which the leader knows the i-th member's log to be the same. */
static inline raft_index
raft_compat_match(const struct raft *r, unsigned i)
{
	return r->leader_state.progress[i].match_index;
}

/* Has the i-th member said that it has that entry? */
static inline bool
raft_compat_has(const struct raft *r, unsigned i, raft_index index)
{
	return r->leader_state.progress[i].match_index >= index;
}

/* The i-th member was sent less than libraft believes: only what is before @next. */
static inline void
raft_compat_set_next(struct raft *r, unsigned i, raft_index believed, raft_index next)
{
	struct raft_progress *p = &r->leader_state.progress[i];

	if (p->next_index == believed && p->match_index < next)
		p->next_index = next;
}

/* The last change of the members in the log; NULL: there is none behind the snapshot. */
static inline const struct raft_entry *
raft_compat_last_change(const struct raft *r)
{
	const struct raft_log *l = &r->log;

	for (size_t i = l->back; i != l->front;) {
		i = i > 0 ? i - 1 : l->size - 1;
		if (l->entries[i].type == RAFT_CHANGE)
			return &l->entries[i];
	}
	return NULL;
}

/* The term of the last entry in the log. */
static inline raft_term
raft_compat_last_term(const struct raft *r)
{
	const struct raft_log *l = &r->log;

	if (l->front == l->back)
		return l->snapshot.last_term;
	return l->entries[l->back > 0 ? l->back - 1 : l->size - 1].term;
}

#endif

#endif
