/* SPDX-License-Identifier: Apache-2.0 */
/* exclusive: who of two clients keeps a filter, when nodes meet and when sessions move. */
#include "emqxd/core/clock.h"
#include "emqxd/model/nodes.h"
#include "emqxd/session/exclusive.h"
#include "tests/unit/session/house.h"

#define FILTER SLICE_LIT("x/1")
#define SITE 500u

static struct str told; /* "a=x/1 " */
static struct exclusive_claim *asked;
static unsigned place; /* of another node, of a lower site */
static em_err claimed;
static struct guest a, b;

static void
on_ask(struct exclusive_claim *c)
{
	asked = c;
}

static void
on_tell(const struct exclusive_row *row)
{
	str_addf(&told, "%.*s=%.*s ", SLICE_FMT(row->clientid), SLICE_FMT(row->filter));
}

static void
on_done(struct exclusive_claim *c, em_err err)
{
	(void)c;
	claimed = err;
}

static void
begin(void)
{
	static const struct exclusive_remote others = { on_ask, on_tell };

	if (worker_current == NULL) {
		house_begin();
		nodes_birth("here@x", SITE);
		OK(nodes_add(SLICE_LIT("there@x"), SITE - 1, &place) == EM_OK);
	}
	exclusive_use(&others);
	str_reset(&told);
	claimed = EM_CANCELLED;
	house_open(&a, "a", 100);
	house_open(&b, "b", 100);
}

static void
end(void)
{
	session_kick(a.session, END_KICKED);
	session_kick(b.session, END_KICKED);
	house_turn();
	OK(exclusive_stamp(FILTER, SLICE_LIT("a")) == 0);
	str_fini(&told);
}

static em_err
subscribe(struct guest *g)
{
	return session_subscribe(g->session, SLICE_NONE, FILTER,
	    (struct subopts){ .qos = 1, .exclusive = true });
}

static uint64_t
stamp_of(const char *id)
{
	return exclusive_stamp(FILTER, slice_str(id));
}

/* What the node there says of its client, and what it hears of it. */
static bool
meet(const char *id, uint64_t stamp)
{
	struct str clientid = { 0 };
	uint64_t ours = 0;
	bool is_ours =
	    exclusive_meet(&(struct exclusive_row){ FILTER, slice_str(id), stamp }, place,
		&clientid, &ours);

	OK(!is_ours ||
	    (slice_eq_str(str_slice(&clientid), "a") && ours == stamp_of("a")));
	str_fini(&clientid);
	house_turn();
	return is_ours;
}

TEST(of_two_that_have_it_the_earlier_one_keeps_it)
{
	uint64_t lost, since;

	begin();
	OK(subscribe(&a) == EM_OK);
	OK(strcmp(told.p, "a=x/1 ") == 0);
	lost = metric_sum(METRIC_SESSION_EXCLUSIVE_ENDED);
	since = stamp_of("a");
	OK(since != 0);
	OK(meet("other", since + 1));
	OK(stamp_of("a") == since && house_pub("x/1", 0) == 1);
	OK(!meet("a", 1)); /* it is the same client */
	OK(stamp_of("a") == since);
	OK(!meet("other", since - 1));
	OK(stamp_of("a") == 0 && house_pub("x/1", 0) == 0);
	OK(metric_sum(METRIC_SESSION_EXCLUSIVE_ENDED) == lost + 1);
	OK(subscribe(&b) == EM_OK);
	end();
}

TEST(of_the_same_moment_the_lower_site_keeps_it)
{
	begin();
	OK(subscribe(&a) == EM_OK);
	OK(!meet("other", stamp_of("a")));
	OK(stamp_of("a") == 0);
	end();
}

TEST(a_claim_that_another_goes_before_is_refused)
{
	struct exclusive_claim c = {
		.filter = FILTER, .clientid = SLICE_LIT("a"), .done = on_done
	};

	begin();
	OK(exclusive_claim(&c) == EM_OK && asked == &c);
	OK(!meet("other", c.stamp - 1));
	exclusive_claimed(&c, false);
	OK(claimed == EM_BUSY && stamp_of("a") == 0);
	OK(exclusive_claim(&c) == EM_OK);
	OK(meet("other", c.stamp + 1));
	exclusive_claimed(&c, false);
	OK(claimed == EM_OK && stamp_of("a") == c.stamp);
	exclusive_give(FILTER, c.clientid);
	end();
}

static struct exclusive_claim two[2];

/* Both are under way. */
static void
claim_twice(void)
{
	begin();
	for (unsigned i = 0; i < 2; i++) {
		two[i] = (struct exclusive_claim){
			.filter = FILTER, .clientid = SLICE_LIT("a"), .done = on_done
		};
		OK(exclusive_claim(&two[i]) == EM_OK && asked == &two[i]);
	}
	OK(two[0].stamp == two[1].stamp);
	OK(two[0].is_new && !two[1].is_new);
}

static em_err
answered(unsigned i, bool is_busy)
{
	exclusive_claimed(&two[i], is_busy);
	return claimed;
}

TEST(of_two_claims_of_one_client_neither_takes_what_is_anothers)
{
	for (unsigned first = 0; first < 2; first++) {
		claim_twice();
		OK(answered(first, true) == EM_BUSY);
		OK(stamp_of("a") == 0);
		OK(answered(1 - first, true) == EM_BUSY);
		OK(stamp_of("a") == 0);
		end();
	}
}

TEST(of_two_claims_of_one_client_the_first_answer_is_for_both)
{
	for (unsigned first = 0; first < 2; first++) {
		claim_twice();
		OK(answered(first, false) == EM_OK);
		OK(answered(1 - first, true) == EM_OK); /* of one that has just met us */
		OK(stamp_of("a") == two[0].stamp);
		exclusive_give(FILTER, SLICE_LIT("a"));
		end();
	}
}

TEST(a_claim_that_is_of_no_use_leaves_what_another_one_brought)
{
	claim_twice();
	OK(answered(1, false) == EM_OK && subscribe(&a) == EM_OK);
	OK(answered(0, false) == EM_OK);
	exclusive_unclaim(&two[0]);
	OK(stamp_of("a") == two[0].stamp && house_pub("x/1", 0) == 1);
	OK(session_unsubscribe(a.session, SLICE_NONE, FILTER) == EM_OK);
	OK(stamp_of("a") == 0);
	OK(exclusive_claim(&two[0]) == EM_OK && answered(0, false) == EM_OK);
	exclusive_unclaim(&two[0]);
	OK(stamp_of("a") == 0);
	end();
}

TEST(a_session_that_comes_brings_the_stamp_and_the_earlier_one_keeps_it)
{
	begin();
	OK(subscribe(&a) == EM_OK);
	OK(exclusive_bring(FILTER, SLICE_LIT("b"), stamp_of("a") + 1) == EM_BUSY);
	OK(exclusive_bring(FILTER, SLICE_LIT("b"), stamp_of("a") - 1) == EM_OK);
	house_turn();
	OK(stamp_of("a") == 0 && stamp_of("b") != 0 && house_pub("x/1", 0) == 0);
	OK(subscribe(&b) == EM_OK);
	str_reset(&told);
	exclusive_tell(b.session);
	OK(strcmp(told.p, "b=x/1 ") == 0);
	end();
}

TEST(a_clock_of_the_far_future_leaves_the_stamps_alone)
{
	begin();
	OK(!meet("other", UINT64_MAX));
	OK(subscribe(&a) == EM_OK);
	OK(stamp_of("a") < (uint64_t)clock_wall().ns + (uint64_t)span_s(60).ns);
	OK(meet("other", UINT64_MAX));
	end();
}
