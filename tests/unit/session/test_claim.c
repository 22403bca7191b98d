/* SPDX-License-Identifier: Apache-2.0 */
/* claim: who waits for whom, and what the other nodes are told. */
#include "tests/unit/session/house.h"

#include <stdio.h>

struct visitor {
	struct claim claim;
	unsigned done; /* as which it came in; 0: not yet */
};

static struct claim *asked; /* the last */
static unsigned asks, dones, heard_in, heard_out;

static void
ask(struct claim *c)
{
	asked = c;
	asks++;
}

static void
hear(uint64_t hash, bool is_here)
{
	OK(hash != 0);
	if (is_here)
		heard_in++;
	else
		heard_out++;
}

static const struct claim_remote others = { ask, hear };

static void
on_done(struct claim *c)
{
	((struct visitor *)(void *)c)->done = ++dones;
}

static void
come(struct visitor *v, const char *id)
{
	*v = (struct visitor){ .claim = { .clientid = slice_str(id), .done = on_done } };
	claim_begin(&v->claim);
}

static void
begin(void)
{
	house_begin();
	claim_use(&others);
	asks = dones = heard_in = heard_out = 0;
}

TEST(alone_nobody_waits)
{
	house_begin();
	OK(!claim_is_on());
	claim_use(&others);
	OK(claim_is_on());
	claim_use(NULL);
	OK(!claim_is_on());
}

TEST(claims_of_one_id_wait_in_order_and_others_do_not)
{
	struct visitor a, b, c, x;

	begin();
	come(&a, "one");
	OK(asked == &a.claim);
	come(&b, "one");
	come(&c, "one");
	EQ(asks, 1);
	come(&x, "two");
	EQ(asks, 2);
	claim_answered(&x.claim);
	EQ(x.done, 1);
	claim_answered(&a.claim);
	EQ(a.done, 2);
	OK(asked == &b.claim && b.done == 0);
	claim_answered(&b.claim);
	OK(asked == &c.claim);
	claim_answered(&c.claim);
	EQ(c.done, 4);
	EQ(asks, 4);
	come(&a, "one");
	OK(asked == &a.claim);
	claim_answered(&a.claim);
	claim_use(NULL);
}

TEST(alone_again_those_who_wait_come_in)
{
	struct visitor a, b, c;

	begin();
	come(&a, "one");
	come(&b, "one");
	come(&c, "one");
	claim_use(NULL);
	claim_answered(&a.claim);
	EQ(a.done, 1);
	EQ(b.done, 2);
	EQ(c.done, 3);
	EQ(asks, 1);
}

TEST(at_the_end_nobody_waits)
{
	struct visitor a, b, c;

	begin();
	come(&a, "one");
	come(&b, "one");
	come(&c, "two");
	claim_end();
	OK(a.done != 0 && b.done > a.done && c.done != 0);
}

TEST(others_are_told_who_is_here_and_who_was_before)
{
	struct guest before[200], late;
	char id[16];

	house_begin();
	for (unsigned i = 0; i < 200; i++) {
		snprintf(id, sizeof id, "before/%u", i);
		house_open(&before[i], id, 100);
	}
	begin();
	house_open(&late, "late", 100);
	EQ(heard_in, 1);
	while (heard_in < 201)
		house_turn();
	for (unsigned i = 0; i < 200; i++)
		session_kick(before[i].session, END_KICKED);
	session_kick(late.session, END_KICKED);
	EQ(heard_out, 201);
	claim_use(NULL);
}

TEST(an_id_has_the_same_hash_everywhere)
{
	/* A node that makes another would not find its clients: this stays so. */
	OK(claim_hash(SLICE_LIT("sensor-17")) == 0xeafd0d7990f6a053);
	OK(claim_hash(SLICE_LIT("sensor-18")) != 0xeafd0d7990f6a053);
}
