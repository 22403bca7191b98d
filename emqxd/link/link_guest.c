/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link_guest: nodes that are no members, or not yet: one connection each, dialled by us
 * or come to us, that both sides use as a CTL.  It dies with its connection.
 */
#include "emqxd/link/link_inside.h"
#include "ipc/base/mem.h"

#include <stdio.h>

struct opening {
	struct link_house *house;
	link_guest_fn *fn;
	void *arg;
};

static unsigned
count_in(const struct link_house *h, unsigned *all)
{
	unsigned in = 0;

	*all = 0;
	for (unsigned i = 0; i < LINK_GUESTS_MAX; i++) {
		if (h->guest[i] == NULL)
			continue;
		++*all;
		in += !h->guest[i]->way[LINK_CTL].conn->is_dialled;
	}
	return in;
}

bool
link_guest_has_room(const struct link_house *h)
{
	unsigned all;

	return count_in(h, &all) < LINK_GUESTS_IN && all < LINK_GUESTS_MAX;
}

struct link_peer *
link_guest_enter(struct link_conn *c)
{
	struct link_house *h = c->house;
	struct link_peer *p;
	unsigned i = 0;

	while (i < LINK_GUESTS_MAX && h->guest[i] != NULL)
		i++;
	if (i == LINK_GUESTS_MAX) {
		link_conn_fail(c, EM_BUSY, "too many guests");
		return NULL;
	}
	p = link_peer_new(h, slice_str(c->hello->theirs.name));
	p->is_guest = true;
	p->index = i;
	snprintf(p->address, sizeof p->address, "%s", c->hello->theirs.address);
	link_peer_learn(p, c);
	c->peer = p;
	p->way[LINK_CTL].conn = c;
	if (!c->is_dialled)
		p->from[LINK_CTL] = c;
	h->guest[i] = p;
	return p;
}

static void
forget(struct link_peer *p)
{
	struct link_house *h = p->house;

	p->is_deleted = true;
	h->guest[p->index] = NULL;
	p->way[LINK_CTL].conn = p->from[LINK_CTL] = NULL;
	p->next_dead = h->dead_peers;
	h->dead_peers = p;
}

void
link_guest_lost(struct link_conn *c)
{
	struct link_peer *p = c->peer;

	if (p->is_deleted)
		return;
	forget(p);
	link_emit(p, LINK_GUEST_GONE);
}

void
link_guest_close(struct link_peer **pp)
{
	struct link_peer *p = *pp;
	struct link_conn *c = p->way[LINK_CTL].conn;

	*pp = NULL;
	CHECK(p->is_guest);
	if (p->is_deleted)
		return;
	forget(p);
	link_conn_end(c, EM_CANCELLED, NULL);
}

static void
on_dialled(struct link_conn *c, const struct fault *f, void *arg)
{
	struct opening *o = arg;
	struct fault full = { .err = EM_OK };
	struct link_peer *p = c != NULL ? link_guest_enter(c) : NULL;

	if (c != NULL && p == NULL)
		fault_set(&full, EM_BUSY,
		    "too many nodes that are no members are asked just now");
	o->fn(p, full.err != EM_OK ? &full : f, o->arg);
	fault_clear(&full);
	mem_free(o);
}

void
link_guest_open(struct link_house *h, struct slice address, link_guest_fn *fn, void *arg)
{
	struct opening *o = MEM_NEW(struct opening);
	char text[LINK_ADDRESS_MAX + 1];

	*o = (struct opening){ .house = h, .fn = fn, .arg = arg };
	if (address.n > LINK_ADDRESS_MAX) {
		(void)link_dial_refuse(
		    h, EM_TOOBIG, "the address is too long", on_dialled, o);
		return;
	}
	snprintf(text, sizeof text, "%.*s", (int)address.n, (const char *)address.p);
	(void)link_dial_start(h, text, LINK_JOIN, "", on_dialled, o);
}
