/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of the hello: who passes, who does not, and what is said to whom. */
#include "emqxd/link/link_hello.h"
#include "tests/unit/tap.h"

#include <stdio.h>

struct side {
	struct link_hello hello;
	uint8_t bytes[4 * LINK_HELLO_MAX];
	struct wbuf out;
};

static struct side a, b;

static struct link_facts
facts(const char *name, uint64_t site)
{
	struct link_facts f = { .protocol_min = 1,
		.protocol_max = 1,
		.channel = LINK_DATA,
		.product = "1.0",
		.cluster = "c",
		.address = "h:1",
		.site = site,
		.incarnation = 5 };

	snprintf(f.name, sizeof f.name, "%s", name);
	return f;
}

static void
start(struct side *s, bool dials, const char *cookie, const struct link_facts *f,
    const uint8_t *bound)
{
	uint8_t nonce[LINK_NONCE] = { dials, 7 };

	s->out = wbuf_fixed(s->bytes, sizeof s->bytes);
	link_hello_start(&s->hello, dials, cookie, f, nonce, bound, &s->out);
}

static void
start_both(const struct link_facts *fa, const struct link_facts *fb)
{
	start(&a, true, "secret", fa, NULL);
	start(&b, false, "secret", fb, NULL);
}

/* What @from has said, in pieces of @n bytes; the answering side judges by itself. */
static void
carry(struct side *from, struct side *to, size_t n)
{
	struct slice all = wbuf_slice(&from->out);

	from->out.n = 0;
	while (all.n > 0) {
		struct slice part = slice_head(all, n);

		all = slice_from(all, part.n);
		link_hello_feed(&to->hello, &part, &to->out);
		if (to->hello.step == LINK_HELLO_JUDGE)
			link_hello_answer(&to->hello,
			    link_hello_judge(&to->hello.mine, &to->hello.theirs),
			    &to->out);
	}
}

static void
talk(size_t piece)
{
	for (unsigned i = 0; i < 2; i++) {
		carry(&a, &b, piece);
		carry(&b, &a, piece);
	}
}

TEST(two_with_one_cookie_know_each_other_whatever_the_pieces)
{
	struct link_facts fa = facts("a", 1), fb = facts("b", 2);

	for (size_t piece = 1; piece < 600; piece += 13) {
		start_both(&fa, &fb);
		talk(piece);
		EQ(a.hello.step, LINK_HELLO_DONE);
		EQ(b.hello.step, LINK_HELLO_DONE);
		STR_EQ(a.hello.theirs.name, "b");
		STR_EQ(b.hello.theirs.name, "a");
		EQ(b.hello.theirs.channel, LINK_DATA);
		EQ(b.hello.theirs.site, 1);
	}
}

TEST(the_longest_facts_fit)
{
	struct link_facts fa = facts("a", UINT64_MAX), fb = facts("b", 2);

	memset(fa.name, 'n', sizeof fa.name - 1);
	memset(fa.cluster, 'c', sizeof fa.cluster - 1);
	memset(fb.cluster, 'c', sizeof fb.cluster - 1);
	memset(fa.address, 'a', sizeof fa.address - 1);
	memset(fa.product, 'p', sizeof fa.product - 1);
	memset(fa.group, 'g', sizeof fa.group - 1);
	start_both(&fa, &fb);
	talk(512);
	EQ(b.hello.step, LINK_HELLO_DONE);
	OK(b.hello.seen <= LINK_HELLO_MAX);
	STR_EQ(b.hello.theirs.name, fa.name);
	STR_EQ(b.hello.theirs.group, fa.group);
}

static void
fails(em_err err, const char *what_a, const char *what_b)
{
	struct fault f = { .err = EM_OK };

	talk(512);
	EQ(a.hello.step, LINK_HELLO_FAILED);
	EQ(b.hello.step, LINK_HELLO_FAILED);
	EQ(link_hello_explain(&a.hello, "x:1", &f), err);
	STR_EQ(f.text, what_a);
	EQ(link_hello_explain(&b.hello, "y:1", &f), err);
	STR_EQ(f.text, what_b);
	fault_clear(&f);
}

TEST(another_cookie_is_told_and_nothing_else)
{
	struct link_facts fa = facts("a", 1), fb = facts("secretname", 2);

	start(&a, true, "one", &fa, NULL);
	start(&b, false, "two", &fb, NULL);
	fails(EM_COOKIE, "the cookie of the node at x:1 is another one",
	    "the cookie of the node at y:1 is another one");
	STR_EQ(a.hello.theirs.name, "");
}

TEST(versions_that_do_not_fit_are_both_in_the_sentence)
{
	struct link_facts fa = facts("a", 1), fb = facts("b", 2);

	fb.protocol_min = 3;
	fb.protocol_max = 4;
	snprintf(fb.product, sizeof fb.product, "9.0");
	start_both(&fa, &fb);
	fails(EM_TOONEW,
	    "emqxd 9.0 of b is too new for emqxd 1.0 here (links of version 3 to 4 "
	    "there, 1 to 1 here)",
	    "emqxd 1.0 of a is too old for emqxd 9.0 here (links of version 1 to 1 "
	    "there, 3 to 4 here)");
}

TEST(the_highest_version_that_both_speak_is_taken)
{
	struct link_facts fa = facts("a", 1), fb = facts("b", 2);

	fa.protocol_max = 5;
	fb.protocol_max = 3;
	start_both(&fa, &fb);
	talk(512);
	EQ(link_hello_protocol(&a.hello), 3);
	EQ(link_hello_protocol(&b.hello), 3);
}

TEST(what_only_the_other_knows_comes_as_its_verdict)
{
	struct link_facts fa = facts("a", 1), fb = facts("b", 2);
	struct slice s;

	start_both(&fa, &fb);
	carry(&a, &b, 512);
	carry(&b, &a, 512);
	s = wbuf_slice(&a.out);
	link_hello_feed(&b.hello, &s, &b.out);
	EQ(b.hello.step, LINK_HELLO_JUDGE);
	link_hello_answer(&b.hello, EM_NOTMEMBER, &b.out);
	carry(&b, &a, 512);
	EQ(a.hello.step, LINK_HELLO_FAILED);
	EQ(a.hello.err, EM_NOTMEMBER);
}

TEST(somebody_between_two_sessions_does_not_pass)
{
	struct link_facts fa = facts("a", 1), fb = facts("b", 2);
	uint8_t one[32] = { 1 }, two[32] = { 2 };

	start(&a, true, "secret", &fa, one);
	start(&b, false, "secret", &fb, two);
	talk(512);
	EQ(b.hello.err, EM_COOKIE);
	start(&a, true, "secret", &fa, one);
	start(&b, false, "secret", &fb, one);
	talk(512);
	EQ(b.hello.step, LINK_HELLO_DONE);
}

TEST(a_mirror_does_not_pass)
{
	struct link_facts fa = facts("a", 1);

	start(&a, true, "secret", &fa, NULL);
	for (unsigned i = 0; i < 3; i++) {
		uint8_t own[LINK_HELLO_MAX];
		struct slice s = slice_of(own, a.out.n);

		memcpy(own, a.out.p, a.out.n);
		a.out.n = 0;
		link_hello_feed(&a.hello, &s, &a.out);
	}
	EQ(a.hello.step, LINK_HELLO_FAILED);
	EQ(a.hello.err, EM_COOKIE);
}

TEST(what_the_dialler_says_more_is_left_for_frames)
{
	struct link_facts fa = facts("a", 1), fb = facts("b", 2);
	struct slice s;

	start_both(&fa, &fb);
	carry(&a, &b, 512);
	carry(&b, &a, 512);
	carry(&a, &b, 512);
	wbuf_bytes(&b.out, SLICE_LIT("more"));
	s = wbuf_slice(&b.out);
	link_hello_feed(&a.hello, &s, &a.out);
	EQ(a.hello.step, LINK_HELLO_DONE);
	OK(slice_eq_str(s, "more"));
}

TEST(tls_where_none_is_spoken_is_named)
{
	struct link_facts fb = facts("b", 2);
	struct fault f = { .err = EM_OK };
	struct slice s = SLICE_LIT("\x16\x03\x01\x02\x00\x01");

	start(&b, false, "secret", &fb, NULL);
	link_hello_feed(&b.hello, &s, &b.out);
	EQ(b.hello.step, LINK_HELLO_FAILED);
	(void)link_hello_explain(&b.hello, "x:1", &f);
	STR_EQ(f.text, "the node at x:1 speaks TLS, this one does not");
	EQ(b.out.n, 0);
	fault_clear(&f);
}
