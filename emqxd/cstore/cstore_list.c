/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cstore_list: does libraft count by the list of members that its log says?  A node whose
 * last change of the members was never agreed on, and that is started again before it hears
 * so, takes that change for agreed (libraft 0.15): when the leader takes it out of the log,
 * the list stays.  It would then call for votes, or refuse its own, by a list that nobody
 * else has.  What the log says is right, and is what libraft reads at its start: so the
 * process ends when the two have differed for a second, and is started again.
 */
#include "emqxd/cstore/cstore_raft.h"

#include <endian.h>

#define DIFFERS (1000 / CSTORE_TICK_MS) /* ticks: a write goes in between */

/* The form of it in the log: u8 1, u64 n, then n times u64 id, address with its NUL, u8
 * role; little-endian. */
bool
cstore_list_is(const struct raft_configuration *conf, struct slice entry)
{
	const uint8_t *at = entry.p, *end = at + entry.n, *nul;
	uint64_t n = 0;

	if (entry.n < 9 || at[0] != 1)
		return false;
	memcpy(&n, at + 1, 8);
	if (le64toh(n) != conf->n)
		return false;
	at += 9;
	for (unsigned i = 0; i < conf->n; i++) {
		const struct raft_server *s = &conf->servers[i];
		uint64_t id = 0;

		if (end - at < 10)
			return false;
		memcpy(&id, at, 8);
		at += 8;
		nul = memchr(at, 0, (size_t)(end - at));
		if (nul == NULL || end - nul < 2 || le64toh(id) != s->id ||
		    strcmp((const char *)at, s->address) != 0 || nul[1] != s->role)
			return false;
		at = nul + 2;
	}
	return true;
}

void
cstore_list_tick(struct cstore_raft *g)
{
	const struct raft_entry *e = raft_compat_last_change(&g->raft);
	bool differs =
	    e != NULL && g->writing == 0 &&
	    !cstore_list_is(&g->raft.configuration, slice_of(e->buf.base, e->buf.len));

	g->differs = differs ? g->differs + 1 : 0;
	if (g->differs > DIFFERS)
		cstore_child_die(
		    g->child, "the members are not those that %s says", g->folder);
}
