/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views: what nodes say of whom they hear, and the sentence made of it.
 *
 * a is this node, of site 1, at whose links views look; b and c say by hand what they see.
 */
#include "emqxd/link/views.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"
#include "tests/unit/link/houses.h"

#include <unistd.h>

#define B 2u /* places; sites are the same numbers */
#define C 3u

struct said {
	unsigned n; /* views that came */
	uint64_t lag;
	unsigned rows;
	uint64_t by, of, bits; /* of the first row */
};

static struct home a, b, c;
static struct link_peer *to_b, *to_c, *of_b, *of_c;
static struct views *views;
static int64_t lag;
static struct said heard_by_b;

static int64_t
my_lag(void)
{
	return lag;
}

static void
on_view(struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	struct said *s = arg;
	struct rbuf r = rbuf_of(body);

	(void)from;
	(void)ask;
	s->n++;
	s->lag = rbuf_u64(&r);
	s->rows = rbuf_u16(&r);
	s->by = s->rows > 0 ? rbuf_u64(&r) : 0;
	s->of = s->rows > 0 ? rbuf_u64(&r) : 0;
	s->bits = s->rows > 0 ? rbuf_u8(&r) : 0;
	EQ(r.err, EM_OK);
}

static struct link_peer *
know(unsigned place, const struct home *of)
{
	struct link_peer *p = NULL;

	OK(link_peer_add(a.house, slice_str(of->name), slice_str(of->address), place,
	       place, &p) == EM_OK);
	return p;
}

static void
begin(void)
{
	houses_begin();
	nodes_birth("a", 1);
	houses_new(&a, "a", 1);
	houses_new(&b, "b", B);
	houses_new(&c, "c", C);
	memset(&heard_by_b, 0, sizeof heard_by_b);
	link_on(b.house, LINK_VIEW, on_view, &heard_by_b);
	lag = 4;
	views = views_new(a.house, my_lag);
	to_b = know(B, &b);
	of_b = houses_know(&b, &a);
	HOUSES_UNTIL(houses_is_up(to_b) && houses_is_up(of_b));
}

static void
c_is_there(void)
{
	to_c = know(C, &c);
	of_c = houses_know(&c, &a);
	HOUSES_UNTIL(houses_is_up(to_c) && houses_is_up(of_c));
}

static void
end(void)
{
	views_free(&views);
	houses_free(&a);
	houses_free(&b);
	houses_free(&c);
	nodes_death();
	houses_end();
}

static void
say(struct link_peer *p, uint64_t its_lag, unsigned n, uint64_t by, uint64_t of,
    unsigned bits)
{
	struct wbuf w = wbuf_growing(4096);

	wbuf_u64(&w, its_lag + 1);
	wbuf_u16(&w, (uint16_t)n);
	for (unsigned i = 0; i < n; i++) {
		wbuf_u64(&w, by);
		wbuf_u64(&w, of + i);
		wbuf_u8(&w, (uint8_t)bits);
	}
	OK(link_send(p, LINK_CTL, LINK_VIEW, wbuf_slice(&w)) == EM_OK);
	wbuf_fini(&w);
}

static bool
sees(uint64_t by, uint64_t of, unsigned want)
{
	unsigned bits;

	return views_find(views, by, of, &bits) && bits == want;
}

static const char *
hint(const struct link_peer *p)
{
	static char text[400];

	views_hint(views, p, text, sizeof text);
	return text;
}

/* ---- facts */

TEST(what_a_node_says_is_known_until_it_is_not_heard)
{
	unsigned bits;

	begin();
	OK(!views_find(views, B, 9, &bits));
	EQ(views_lag(views, B), -1);
	say(of_b, 17, 1, B, 9, VIEWS_TO);
	HOUSES_UNTIL(sees(B, 9, VIEWS_TO));
	OK(sees(B, 8, VIEWS_WELL)); /* of that it had nothing to say */
	OK(!views_find(views, C, 9, &bits));
	EQ(views_lag(views, B), 17);
	say(of_b, 0, 0, 0, 0, 0);
	HOUSES_UNTIL(sees(B, 9, VIEWS_WELL));
	EQ(views_lag(views, B), 0);
	link_house_stop(b.house);
	HOUSES_UNTIL(!views_find(views, B, 9, &bits));
	EQ(views_lag(views, B), -1);
	EQ(views_lag(views, NODES_MAX), -1);
	end();
}

TEST(this_node_says_whom_it_does_not_reach_and_only_what_is_new)
{
	unsigned n;

	begin();
	HOUSES_UNTIL(heard_by_b.n > 0 && heard_by_b.lag == 5); /* 4, said as one more */
	EQ(heard_by_b.rows, 0);
	n = heard_by_b.n;
	to_c = know(C, &c); /* which does not know a: it lets nobody in */
	HOUSES_UNTIL(heard_by_b.rows == 1);
	EQ(heard_by_b.n, n + 1);
	EQ(heard_by_b.by, 1);
	EQ(heard_by_b.of, C);
	EQ(heard_by_b.bits, 0);
	of_c = houses_know(&c, &a);
	HOUSES_UNTIL(heard_by_b.rows == 0);
	EQ(heard_by_b.n, n + 2);
	lag = -1;
	HOUSES_UNTIL(heard_by_b.lag == 0); /* it is not known */
	EQ(heard_by_b.n, n + 3);
	end();
}

TEST(what_a_node_says_of_itself_is_passed_on_and_no_further)
{
	begin();
	c_is_there();
	say(of_c, 0, 1, C, 9, VIEWS_FROM);
	HOUSES_UNTIL(heard_by_b.rows == 1);
	EQ(heard_by_b.by, C);
	EQ(heard_by_b.of, 9);
	EQ(heard_by_b.bits, VIEWS_FROM);
	say(of_c, 0, 1, 8, 9, VIEWS_FROM); /* what c has heard of another */
	HOUSES_UNTIL(heard_by_b.rows == 0);
	OK(sees(8, 9, VIEWS_FROM));
	end();
}

TEST(a_hint_says_which_way_is_cut_and_who_reaches_it)
{
	begin();
	to_c = know(C, &c);
	STR_EQ(hint(to_c), "not reached, for less than 3 s");
	HOUSES_UNTIL(strstr(hint(to_c), "does not know this node") != NULL);
	OK(strchr(hint(to_c), ';') == NULL); /* nobody else has said anything */
	say(of_b, 0, 0, 0, 0, 0);
	HOUSES_UNTIL(strstr(hint(to_c), "; b reaches it: look at the network") != NULL);
	say(of_b, 0, 1, B, C, 0);
	HOUSES_UNTIL(
	    strstr(hint(to_c), "; no other node that is heard reaches it") != NULL);
	/* b has heard of c that it hears a, and a does not hear it. */
	say(of_b, 0, 1, C, 1, VIEWS_FROM | VIEWS_DEAF);
	HOUSES_UNTIL(strstr(hint(to_c), "it hears this node, but this node does not") ==
		     hint(to_c));
	end();
}

TEST(of_a_node_that_was_just_lost_or_added_nothing_is_said_of_the_network)
{
	struct link_peer *to_d;
	mono_t since;

	begin();
	c_is_there();
	say(of_b, 0, 0, 0, 0, 0);
	HOUSES_UNTIL(sees(B, C, VIEWS_WELL));
	since = span_mono_now();
	link_house_stop(c.house);
	HOUSES_UNTIL(!link_peer_is_reachable(to_c));
	HOUSES_UNTIL(strstr(hint(to_c), "; b reaches it") != NULL);
	OK(mono_since(span_mono_now(), since).ns >= span_s(3).ns);

	since = span_mono_now();
	OK(link_peer_add(a.house, SLICE_LIT("d"), slice_str(b.address), 4, 4, &to_d) ==
	    EM_OK);
	HOUSES_UNTIL(strcmp(hint(to_d), "another node answers there") == 0);
	HOUSES_UNTIL(strstr(hint(to_d), "; b reaches it") != NULL);
	OK(mono_since(span_mono_now(), since).ns >= span_s(3).ns);
	end();
}

TEST(nonsense_is_ignored_and_of_too_many_rows_the_first_are_kept)
{
	begin();
	say(of_b, 3, 200, B, 100, 0);
	HOUSES_UNTIL(views_lag(views, B) == 3);
	OK(sees(B, 100, 0) && sees(B, 100 + VIEWS_MAX - 1, 0));
	OK(sees(B, 100 + VIEWS_MAX, VIEWS_WELL));
	OK(link_send(of_b, LINK_CTL, LINK_VIEW, SLICE_LIT("\0\0\0\0\0\0\0\2\0\7x")) ==
	    EM_OK);
	say(of_b, 4, 1, B, 300, 0);
	HOUSES_UNTIL(views_lag(views, B) == 4);
	say(of_b, (uint64_t)INT64_MAX, 1, B, 300, 0); /* which is one more on the wire */
	HOUSES_UNTIL(views_lag(views, B) == INT64_MAX);
	OK(houses_is_up(to_b));
	end();
}

TEST(why_there_is_no_quorum_is_said_by_how_many_are_heard)
{
	char text[200];

	views_hint_alone(2, 3, text, sizeof text);
	STR_EQ(text, "no leader is known at the moment");
	views_hint_alone(1, 2, text, sizeof text);
	OK(strstr(text, "no quorum: 1 of 2 members are heard: start the others") == text);
	OK(strstr(text, "force-leave NODE --recover; ") != NULL);
}
