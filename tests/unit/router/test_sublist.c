/* SPDX-License-Identifier: Apache-2.0 */
/* A subscriber's list: long and short, and while others move its memberships about. */
#include "tests/unit/router/ears.h"

#include <pthread.h>

/* ---- long lists, against a table */

#define EARS 3u
#define GROUPS 4u /* the first one: not shared */
#define FILTERS 400u

static struct ear ear[EARS];
static uint32_t wanted[EARS][GROUPS][FILTERS]; /* the subscription's id, or 0 */

static struct slice
group_name(unsigned g)
{
	static const char *name[GROUPS] = { "", "g", "h", "another group" };

	return slice_str(name[g]);
}

static struct slice
filter_name(char *text, size_t n, unsigned f)
{
	snprintf(text, n, "dev/%u/+", f);
	return slice_str(text);
}

static void
change(unsigned e, unsigned g, unsigned f, bool grows, uint32_t id)
{
	uint32_t *had = &wanted[e][g][f];
	char text[32];
	struct slice filter = filter_name(text, sizeof text, f);
	bool is_new;

	as(ear[e].s.home);
	if (grows) {
		OK(router_subscribe(&ear[e].s, group_name(g), filter,
		       (struct subopts){ .id = id }, &is_new) == EM_OK);
		EQ(is_new, *had == 0);
		*had = id;
	} else {
		EQ(router_unsubscribe(&ear[e].s, group_name(g), filter),
		    *had != 0 ? EM_OK : EM_NOTFOUND);
		*had = 0;
	}
	as(0);
}

/* Memberships come last; seats and memberships know where their entry stands. */
static void
check_places(struct subscriber *s)
{
	struct subscription *v = router_subscriptions(s);

	for (uint32_t i = 0; i < s->n; i++) {
		struct column *c = route_column(v[i].route, s->home);

		EQ(v[i].group != NULL, i >= s->n - s->shared);
		if (v[i].group == NULL)
			EQ(column_seats(c)[v[i].pos].index, i);
		else
			EQ(v[i].group->index, i);
	}
}

static void
look(unsigned e)
{
	char text[32];
	uint32_t n = 0;

	as(ear[e].s.home);
	for (unsigned g = 0; g < GROUPS; g++)
		for (unsigned f = 0; f < FILTERS; f++) {
			const struct subscription *sub = router_find(
			    &ear[e].s, group_name(g), filter_name(text, sizeof text, f));

			EQ(sub != NULL ? sub->opts.id : 0, wanted[e][g][f]);
			n += sub != NULL;
			if (sub == NULL)
				continue;
			OK(slice_eq(router_filter(sub), slice_str(text)));
			OK(slice_eq(router_group(sub), group_name(g)));
		}
	EQ(ear[e].s.n, n);
	check_places(&ear[e].s);
	as(0);
}

TEST(each_subscription_is_found_in_a_list_of_any_length)
{
	begin();
	rand_seed(3);
	for (unsigned e = 0; e < EARS; e++)
		ear[e].s.home = (uint16_t)(e % WORKERS);
	for (unsigned round = 1; round <= 24000; round++) {
		/* Seasons: many, then few. */
		bool grows = (round / 4000 % 2 == 0) == (rand_below(8) != 0);

		change((unsigned)rand_below(EARS), (unsigned)rand_below(GROUPS),
		    (unsigned)rand_below(FILTERS), grows, round);
		if (round % 200 == 0)
			look(round / 200 % EARS);
		if (round % 1000 == 0)
			turns(1);
	}
	for (unsigned e = 0; e < EARS; e++) {
		look(e);
		gone(&ear[e]);
		EQ(ear[e].s.cap, 0);
	}
	EQ(router_filters(), 0);
	EQ(router_shared_count(), 0);
}

TEST(all_memberships_go_online_and_away_with_their_session)
{
	struct ear away = { 0 }, other = { .s.home = 1 };
	char text[32];

	begin();
	set_online(&other, true);
	for (unsigned i = 0; i < 300; i++) {
		filter_name(text, sizeof text, i);
		sub(&away, i % 3 != 0 ? "g" : "", text, 0);
		sub(&other, "g", text, 0);
	}
	for (unsigned k = 0; k < 4; k++) {
		set_online(&away, k % 2 == 0);
		set_online(&other, k % 2 != 0);
		away.got = other.got = 0;
		for (unsigned i = 0; i < 300; i++)
			if (i % 3 != 0) {
				snprintf(text, sizeof text, "dev/%u/x", i);
				EQ(pub(text), 1);
			}
		turns(2);
		EQ(away.got, k % 2 == 0 ? 200 : 0);
		EQ(other.got, k % 2 == 0 ? 0 : 200);
	}
	gone(&away);
	gone(&other);
	EQ(away.s.shared, 0);
}

/* ---- while another worker's member comes and goes */

static struct ear here, there;
static _Atomic bool is_enough;

static void *
come_and_go(void *arg)
{
	as(1);
	qsbr_register();
	for (bool online = false; !atomic_load(&is_enough); online = !online)
		router_set_online(&there.s, online);
	qsbr_unregister();
	worker_act_as(NULL);
	return arg;
}

TEST(a_membership_is_found_while_the_group_changes)
{
	pthread_t t;
	unsigned missed = 0;

	begin();
	there.s.home = 1;
	set_online(&here, true);
	set_online(&there, true);
	sub(&here, "g", "job/+", 0);
	sub(&there, "g", "job/+", 0);
	for (unsigned i = 0; i < 8; i++) {
		char filter[8];

		snprintf(filter, sizeof filter, "own/%u", i);
		sub(&here, "", filter, 0);
	}
	OK(pthread_create(&t, NULL, come_and_go, NULL) == 0);
	for (unsigned i = 0; i < 1000000; i++) {
		router_set_online(&here.s, i % 2 != 0);
		missed +=
		    router_find(&here.s, slice_str("g"), slice_str("job/+")) == NULL;
	}
	atomic_store(&is_enough, true);
	pthread_join(t, NULL);
	EQ(missed, 0);
	gone(&here);
	gone(&there);
}
