/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of what is told of those that are refused. */
#include "emqxd/link/link_refused.h"
#include "tests/unit/tap.h"

#include <stdio.h>

static struct link_refused t;
static mono_t now = { 1000 };
static uint64_t more;

static bool
is_news(const char *who, em_err err)
{
	now.ns += 1000;
	return link_refused_is_news(&t, slice_str(who), err, now, &more);
}

TEST(the_same_of_the_same_is_told_once)
{
	t = (struct link_refused){ 0 };
	OK(is_news("emqx@a", EM_NOTMEMBER));
	OK(!is_news("emqx@a", EM_NOTMEMBER));
	OK(!is_news("emqx@a", EM_NOTMEMBER));
	OK(is_news("emqx@b", EM_NOTMEMBER));
	OK(is_news("emqx@a", EM_COOKIE));
	EQ(more, 2);
}

TEST(who_was_let_in_since_is_news_again)
{
	t = (struct link_refused){ 0 };
	OK(is_news("emqx@a", EM_NOTMEMBER));
	link_refused_forget(&t, SLICE_LIT("emqx@a"));
	OK(is_news("emqx@a", EM_NOTMEMBER));
}

TEST(after_a_while_it_is_told_again_with_how_many_there_were)
{
	t = (struct link_refused){ 0 };
	OK(is_news("emqx@a", EM_NOTMEMBER));
	OK(!is_news("emqx@a", EM_NOTMEMBER));
	now.ns += LINK_REFUSED_AGAIN.ns;
	OK(is_news("emqx@a", EM_NOTMEMBER));
	EQ(more, 1);
}

TEST(many_strangers_push_out_the_oldest)
{
	char name[16];

	t = (struct link_refused){ 0 };
	OK(is_news("emqx@a", EM_NOTMEMBER));
	for (unsigned i = 0; i < LINK_REFUSED_MAX; i++) {
		snprintf(name, sizeof name, "10.0.0.%u", i);
		OK(is_news(name, EM_MALFORMED));
	}
	OK(is_news("emqx@a", EM_NOTMEMBER));
	OK(!is_news(name, EM_MALFORMED));
}
