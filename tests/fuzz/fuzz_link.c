/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_link: any bytes as the first bytes of a link, and as frames.  The first byte
 * chooses: a stranger without the cookie, who gets nowhere; two nodes that have it and one
 * byte changed on its way between them, which never passes; frames in pieces.  At most
 * LINK_HELLO_MAX bytes are taken or said before the other is known.
 */
#include "emqxd/link/link_buffer.h"
#include "emqxd/link/link_hello.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t nonce[LINK_NONCE] = { 1, 2, 3 };

static struct link_facts
facts(const char *name, uint64_t site)
{
	struct link_facts f = { .protocol_min = 1,
		.protocol_max = 1,
		.product = "1.0",
		.cluster = "c",
		.address = "h:1",
		.site = site,
		.incarnation = 5 };

	snprintf(f.name, sizeof f.name, "%s", name);
	return f;
}

static void
stranger(struct slice in, bool dials)
{
	struct link_facts mine = facts("a", 1);
	uint8_t out[2 * LINK_HELLO_MAX];
	struct wbuf w = wbuf_fixed(out, sizeof out);
	struct link_hello h;

	link_hello_start(&h, dials, "secret", &mine, nonce, NULL, &w);
	while (in.n > 0) {
		struct slice part = slice_head(in, 1 + in.p[0] % 64u);
		size_t all = part.n;

		link_hello_feed(&h, &part, &w);
		in = slice_from(in, all - part.n);
		CHECK(h.step != LINK_HELLO_DONE && h.step != LINK_HELLO_JUDGE);
		CHECK(
		    h.seen <= LINK_HELLO_MAX && w.err == EM_OK && w.n <= LINK_HELLO_MAX);
		if (h.step == LINK_HELLO_FAILED) {
			struct fault f = { .err = EM_OK };

			CHECK(link_hello_explain(&h, "h:1", &f) != EM_OK);
			CHECK(f.text != NULL);
			fault_clear(&f);
			return;
		}
		if (part.n == all)
			return;
	}
}

/* Another node whose bytes on their way are changed at one place. */
static void
garbled(struct slice in, bool dials)
{
	struct link_facts fa = facts("a", 1), fb = facts("b", 2);
	struct link_hello a, b;
	uint8_t bytes[2][2 * LINK_HELLO_MAX];
	struct wbuf wa = wbuf_fixed(bytes[0], sizeof bytes[0]);
	struct wbuf wb = wbuf_fixed(bytes[1], sizeof bytes[1]);
	size_t at = in.n >= 2 ? (size_t)in.p[0] << 8 | in.p[1] : 0, seen = 0;
	uint8_t by = in.n >= 3 ? in.p[2] : 0;

	link_hello_start(&a, true, "secret", &fa, nonce, NULL, &wa);
	link_hello_start(&b, false, "secret", &fb, nonce, NULL, &wb);
	for (unsigned i = 0; i < 4; i++) {
		struct link_hello *to = i % 2 == 0 ? &b : &a;
		struct wbuf *from = i % 2 == 0 ? &wa : &wb, *out = i % 2 == 0 ? &wb : &wa;
		struct slice s = wbuf_slice(from);

		if (dials == (i % 2 == 1)) {
			if (at >= seen && at < seen + s.n)
				from->p[at - seen] ^= by;
			seen += s.n;
		}
		link_hello_feed(to, &s, out);
		from->n = 0;
		if (to->step == LINK_HELLO_JUDGE)
			link_hello_answer(to, EM_OK, out);
		if (to->step == LINK_HELLO_FAILED)
			return;
	}
	/* A length that was changed is waited for. */
	if (a.step != LINK_HELLO_DONE || b.step != LINK_HELLO_DONE) {
		CHECK(by != 0 && at < seen);
		return;
	}
	CHECK(by == 0 || at >= seen);
	CHECK(strcmp(a.theirs.name, "b") == 0 && strcmp(b.theirs.name, "a") == 0);
}

static void
frames(struct slice in)
{
	struct link_inbox box = { 0 };
	struct link_frame f;
	size_t need, whole = 0, all = in.n, kept;

	while (in.n > 0) {
		size_t n = 1 + in.p[0] % 40u < in.n ? 1 + in.p[0] % 40u : in.n;
		struct slice s;
		em_err err;

		memcpy(link_inbox_room(&box, n), in.p, n);
		box.n += n;
		in = slice_from(in, n);
		s = slice_of(box.p, box.n);
		while ((err = link_inbox_next(&s, &f, &need)) == EM_OK)
			whole += LINK_HEAD + f.body.n;
		CHECK(err != EM_AGAIN || need > s.n);
		kept = s.n;
		err = link_inbox_keep(&box, s);
		CHECK(err == EM_OK && box.n == kept && whole <= all);
	}
	link_inbox_fini(&box);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in;

	if (size < 1)
		return 0;
	in = slice_of(data + 1, size - 1);
	switch (data[0] % 3) {
	case 0: stranger(in, (data[0] & 128) != 0); break;
	case 1: garbled(in, (data[0] & 128) != 0); break;
	default: frames(in); break;
	}
	return 0;
}
