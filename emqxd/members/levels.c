/* SPDX-License-Identifier: Apache-2.0 */
/* levels: see levels.h. */
#include "emqxd/members/levels.h"
#include "emqxd/members/groups.h"
#include "emqxd/members/inside.h"
#include "emqxd/members/members.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/level.h"
#include "emqxd/core/log.h"
#include "emqxd/core/timer.h"
#include "emqxd/store/ordered.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

#define LOOK span_s(1)
#define HOLD span_s(60)

struct levels {
	struct link_house *house;
	struct timer look;
	const char *product, *advertise; /* the caller's */
	unsigned held;                   /* by who asked to join last */
	mono_t until;
	bool is_writing; /* this node's row is under way */
};

static struct levels *
self(void)
{
	return members_inside()->levels;
}

static unsigned
level_of(const struct members_entry *e)
{
	return e->m.level != 0 ? e->m.level : 1;
}

/* Who says the least, or NULL: there is no member. */
static const struct members_entry *
least(void)
{
	const struct members_entry *out = NULL;
	unsigned n = members_count();

	for (unsigned i = 0; i < n; i++) {
		const struct members_entry *e = members_at(i);

		if (out == NULL || level_of(e) < level_of(out))
			out = e;
	}
	return out;
}

static bool
is_held(const struct levels *l)
{
	return l->held != 0 && clock_mono().ns < l->until.ns;
}

void
levels_follow(void)
{
	struct levels *l = self();
	const struct members_entry *e = least();
	unsigned level = e != NULL ? level_of(e) : LEVEL_MAX;

	if (l == NULL)
		return;
	if (level > LEVEL_MAX)
		level = LEVEL_MAX;
	if (is_held(l) && l->held < level)
		level = l->held;
	link_house_set_level(
	    l->house, e != NULL && level > LEVEL_MIN ? level : LEVEL_MIN);
	if (level == nodes_level())
		return;
	LOG(INFO, "cluster_level", "from", nodes_level(), "to", level);
	nodes_set_level(level);
	store_set_level(level);
}

void
levels_hold(unsigned level)
{
	struct levels *l = self();

	if (is_held(l) && l->held < level)
		level = l->held;
	l->held = level;
	l->until = mono_add(clock_mono(), HOLD);
	levels_follow();
}

/* ---- this node's row */

static void
on_written(void *arg, em_err err)
{
	struct members_room *room = members_inside();

	(void)arg;
	(void)err; /* it is looked at again */
	if (room != NULL && room->levels != NULL)
		room->levels->is_writing = false;
}

static bool
is_as_it_is(const struct levels *l, const struct member *m)
{
	return m->level == LEVEL_MAX && slice_eq_str(m->product, l->product) &&
	       slice_eq_str(m->address, l->advertise);
}

/* The row as it is, but for what a start with another version or address has changed. */
static void
write_row(struct levels *l, const struct member *before)
{
	struct member m = *before;
	struct change *c;

	m.level = LEVEL_MAX;
	m.product = slice_str(l->product);
	m.address = slice_str(l->advertise);
	c = members_change(&m);
	if (c == NULL)
		return; /* it is looked at again */
	l->is_writing = true;
	change_send(&c, on_written, NULL);
}

static void
on_look(struct timer *t)
{
	struct levels *l = LIST_OWNER(t, struct levels, look);
	const struct members_entry *me = members_me();

	timer_arm(t, LOOK, on_look);
	if (l->held != 0 && !is_held(l)) {
		l->held = 0;
		levels_follow();
	}
	if (me == NULL || l->is_writing || !members_inside()->ops->is_member() ||
	    !groups_have_quorum() || is_as_it_is(l, &me->m))
		return;
	write_row(l, &me->m);
}

/* ---- life */

void
levels_birth(struct link_house *h, const char *product, const char *advertise)
{
	struct levels *l = MEM_NEW(struct levels);

	l->house = h;
	l->product = product;
	l->advertise = advertise;
	members_inside()->levels = l;
	timer_arm(&l->look, LOOK, on_look);
	levels_follow();
}

void
levels_death(void)
{
	timer_cancel(&self()->look);
	MEM_FREE(members_inside()->levels);
}

em_err
levels_check(struct fault *f)
{
	const struct members_entry *me = members_me(), *e = least();

	if (me == NULL || me->m.site != nodes_site() || level_of(e) <= LEVEL_MAX)
		return EM_OK;
	fault_set(f, EM_TOONEW,
	    "emqxd " EMQXD_VERSION " is too old for the cluster of this node: all its "
	    "members have had emqxd %.*s or newer (level %u, here up to %d)",
	    SLICE_FMT(e->m.product), level_of(e), LEVEL_MAX);
	fault_hint(f,
	    "start it with that version again; or, to go back for good, leave the "
	    "cluster with it first");
	return EM_TOONEW;
}
