/* SPDX-License-Identifier: Apache-2.0 */
/* What another node has taken and is not over there: the two ends, and what is between. */
#include "emqxd/routes/lent.h"
#include "emqxd/routes/owed.h"
#include "tests/unit/tap.h"

#include <stdio.h>

#define PLACE 3u

static struct lent lent;
static struct owed owed;
static unsigned frames, refused_from, taken;
static char order[64];

/* The link from the one to the other. */
static bool
tell(void *arg, unsigned place, bool is_all, struct slice body)
{
	struct rbuf r = rbuf_of(body);

	(void)arg;
	EQ(place, PLACE);
	if (frames >= refused_from)
		return false;
	frames++;
	if (is_all)
		lent_on_owed(&lent, &r);
	else
		lent_on_done(&lent, &r);
	EQ(r.err, EM_OK);
	return true;
}

/* The node is dead; how many of what it had are lost. */
static uint64_t
take_all(void)
{
	struct pieces to = { .bytes = 0 };
	uint64_t lost = lent_take_all(&lent, &to);

	for (; to.first != NULL; pieces_drop_first(&to), taken++)
		if (strlen(order) < sizeof order - 2)
			snprintf(order + strlen(order), 2, "%c", to.first->bytes[0]);
	return lost;
}

static void
lend(uint64_t number, struct slice record)
{
	struct pieces q = { .bytes = 0 };
	struct piece *p = pieces_add(&q, 0, number, SLICE_NONE, record);

	OK(pieces_take(&q) == p && q.bytes == 0);
	lent_add(&lent, &p);
	OK(p == NULL);
}

static void
begin(void)
{
	lent_fini(&lent);
	owed_fini(&owed);
	owed = (struct owed){ .free = 0 };
	lent_init(&lent);
	frames = taken = 0;
	refused_from = 1000000;
	order[0] = '\0';
}

static uint32_t
take_one(uint64_t number, const char *record)
{
	uint32_t debt = owed_add(&owed, PLACE, number);

	lend(number, slice_str(record));
	return debt;
}

static void
up(void)
{
	owed_up(&owed, PLACE, true);
	OK(!owed_tell(&owed, PLACE, tell, NULL));
}

TEST(of_a_node_that_never_says_what_is_over_nobody_gets_anything)
{
	if (lent.list.next == NULL)
		lent_init(&lent);
	begin();
	take_one(1, "a");
	take_all();
	EQ(taken, 0);
	EQ(lent.bytes, 0);
}

TEST(what_it_took_before_it_said_so_counts)
{
	begin();
	take_one(1, "a");
	lend(7, SLICE_LIT("over")); /* it was before it was acknowledged */
	up();
	EQ(frames, 1);
	take_all();
	STR_EQ(order, "a");
}

TEST(what_is_over_goes_and_the_rest_is_taken_in_order)
{
	uint32_t b;

	begin();
	up();
	take_one(1, "a");
	b = take_one(2, "b");
	take_one(3, "c");
	EQ(owed_paid(&owed, b), PLACE);
	OK(!owed_tell(&owed, PLACE, tell, NULL));
	EQ(frames, 2);
	OK(!owed_tell(&owed, PLACE, tell, NULL));
	EQ(frames, 2);           /* once */
	EQ(take_one(4, "d"), b); /* its place is free again */
	take_all();
	STR_EQ(order, "acd");
	EQ(lent.bytes, 0);
	take_all();
	EQ(taken, 3);
}

TEST(what_was_paid_while_the_link_was_down_is_known_when_it_is_up)
{
	uint32_t a;

	begin();
	up();
	a = take_one(1, "a");
	take_one(2, "b");
	owed_up(&owed, PLACE, false);
	owed_paid(&owed, a);
	OK(!owed_tell(&owed, PLACE, tell, NULL));
	EQ(frames, 1);
	up();
	EQ(frames, 2);
	take_all();
	STR_EQ(order, "b");
}

TEST(what_the_link_does_not_take_is_told_again_with_all)
{
	uint32_t debt[10000];

	begin();
	up();
	for (unsigned i = 0; i < 10000; i++)
		debt[i] = take_one(i + 1, "x");
	for (unsigned i = 0; i < 10000; i += 2)
		owed_paid(&owed, debt[i]);
	refused_from = frames + 1;
	OK(owed_tell(&owed, PLACE, tell, NULL)); /* the first of two went */
	owed_paid(&owed, debt[1]);
	refused_from = frames + 1;
	OK(owed_tell(&owed, PLACE, tell, NULL));
	refused_from = 1000000;
	OK(!owed_tell(&owed, PLACE, tell, NULL));
	take_all();
	EQ(taken, 4999);
}

TEST(debts_of_other_nodes_are_not_told)
{
	begin();
	up();
	take_one(1, "a");
	owed_paid(&owed, owed_add(&owed, PLACE + 1, 1));
	OK(!owed_tell(&owed, PLACE, tell, NULL));
	owed_up(&owed, PLACE, true);
	OK(!owed_tell(&owed, PLACE, tell, NULL));
	take_all();
	EQ(taken, 1);
}

TEST(what_is_lent_has_a_bound)
{
	static uint8_t record[100000];

	begin();
	up();
	for (unsigned i = 0; i < 100; i++) {
		record[0] = (uint8_t)('a' + i / 10);
		lend(i + 1, slice_of(record, sizeof record));
		OK(lent.bytes <= LENT_MAX);
	}
	OK(lent.bytes > LENT_MAX / 2);
	take_all();
	OK(taken < 50 && order[0] > 'd'); /* the latest */
}

TEST(nonsense_changes_nothing)
{
	struct rbuf r = rbuf_of(SLICE_LIT("\1\2\3"));

	begin();
	up();
	take_one(1, "a");
	lent_on_done(&lent, &r);
	OK(r.err != EM_OK);
	r = rbuf_of(SLICE_LIT("\3\2\3"));
	lent_on_owed(&lent, &r);
	OK(r.err != EM_OK);
	take_all();
	EQ(taken, 1);
	begin();
}

TEST(what_no_copy_is_kept_of_is_counted_unless_it_is_over)
{
	static char large[LENT_MAX / 4];
	uint32_t debt[6];

	begin();
	up();
	memset(large, 'x', sizeof large - 1);
	for (unsigned i = 0; i < 6; i++)
		debt[i] = take_one(i + 1, large);
	OK(lent.bytes <= LENT_MAX);
	EQ(lent.unlent, 3); /* 1, 2 and 3: what is behind a record counts too */
	EQ(owed_paid(&owed, debt[1]), PLACE);
	OK(!owed_tell(&owed, PLACE, tell, NULL));
	EQ(lent.unlent, 2);
	/* Another link: all that are not over are told once more. */
	owed_paid(&owed, debt[2]);
	owed_up(&owed, PLACE, false);
	up();
	EQ(lent.unlent, 1);
	EQ(take_all(), 1);
	EQ(taken, 3);
	EQ(take_all(), 0);
}
