/* SPDX-License-Identifier: Apache-2.0 */
/* link_hello: see link_hello.h. */
#include "emqxd/link/link_hello.h"
#include "ipc/base/rbuf.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { TYPE_NONCE = 1, TYPE_HELLO, TYPE_REFUSE };
enum { HEAD = 3, PROOF = 32 };

enum tag {
	TAG_PROTOCOL = 1,
	TAG_CHANNEL,
	TAG_PRODUCT,
	TAG_CLUSTER,
	TAG_NAME,
	TAG_ADDRESS,
	TAG_GROUP,
	TAG_SITE,
	TAG_INCARNATION,
	TAG_TABLE,
	TAG_VERDICT
};

static const char magic[8] = "emqxlink";

/* What goes over the wire for an error: numbers are never given to anything else. */
static const struct verdict {
	uint8_t number;
	em_err err;
} verdicts[] = { { 0, EM_OK }, { 1, EM_COOKIE }, { 2, EM_CLUSTERNAME }, { 3, EM_TOONEW },
	{ 4, EM_NAMETAKEN }, { 5, EM_SELF }, { 6, EM_NOTMEMBER }, { 7, EM_BUSY } };
enum { VERDICTS_N = sizeof verdicts / sizeof verdicts[0] };

static uint8_t
verdict_number(em_err err)
{
	for (unsigned i = 0; i < VERDICTS_N; i++)
		if (verdicts[i].err == err)
			return verdicts[i].number;
	return UINT8_MAX;
}

static em_err
verdict_err(uint8_t number)
{
	for (unsigned i = 0; i < VERDICTS_N; i++)
		if (verdicts[i].number == number)
			return verdicts[i].err;
	return EM_REFUSED;
}

/* ---- facts as bytes */

static void
put_text(struct wbuf *w, enum tag tag, const char *text)
{
	struct slice s = slice_str(text);

	CHECK(s.n <= UINT8_MAX);
	wbuf_u8(w, (uint8_t)tag);
	wbuf_u8(w, (uint8_t)s.n);
	wbuf_bytes(w, s);
}

static void
put_u64(struct wbuf *w, enum tag tag, uint64_t v)
{
	wbuf_u8(w, (uint8_t)tag);
	wbuf_u8(w, 8);
	wbuf_u64(w, v);
}

static void
put_u8(struct wbuf *w, enum tag tag, uint8_t v)
{
	wbuf_u8(w, (uint8_t)tag);
	wbuf_u8(w, 1);
	wbuf_u8(w, v);
}

static void
put_facts(struct wbuf *w, const struct link_facts *f, em_err verdict)
{
	wbuf_u8(w, TAG_PROTOCOL);
	wbuf_u8(w, 2);
	wbuf_u8(w, f->protocol_min);
	wbuf_u8(w, f->protocol_max);
	put_u8(w, TAG_CHANNEL, f->channel);
	put_text(w, TAG_PRODUCT, f->product);
	put_text(w, TAG_CLUSTER, f->cluster);
	put_text(w, TAG_NAME, f->name);
	put_text(w, TAG_ADDRESS, f->address);
	put_text(w, TAG_GROUP, f->group);
	put_u64(w, TAG_SITE, f->site);
	put_u64(w, TAG_INCARNATION, f->incarnation);
	put_u64(w, TAG_TABLE, f->table);
	put_u8(w, TAG_VERDICT, verdict_number(verdict));
}

/* Into a text of @size bytes with its NUL; no NUL may be inside. */
static void
get_text(struct rbuf *r, struct slice v, char *out, size_t size)
{
	if (v.n >= size || (v.n > 0 && memchr(v.p, 0, v.n) != NULL)) {
		rbuf_fail(r);
		return;
	}
	if (v.n > 0)
		memcpy(out, v.p, v.n);
	out[v.n] = '\0';
}

static uint64_t
get_number(struct rbuf *r, struct slice v, size_t n)
{
	struct rbuf in = rbuf_of(v);
	uint64_t x = n == 8 ? rbuf_u64(&in) : n == 2 ? rbuf_u16(&in) : rbuf_u8(&in);

	if (v.n != n)
		rbuf_fail(r);
	return x;
}

static void
get_fact(
    struct rbuf *r, uint8_t tag, struct slice v, struct link_facts *f, uint8_t *verdict)
{
	uint16_t range;

	switch (tag) {
	case TAG_PROTOCOL:
		range = (uint16_t)get_number(r, v, 2);
		f->protocol_min = (uint8_t)(range >> 8);
		f->protocol_max = (uint8_t)range;
		break;
	case TAG_CHANNEL: f->channel = (uint8_t)get_number(r, v, 1); break;
	case TAG_PRODUCT: get_text(r, v, f->product, sizeof f->product); break;
	case TAG_CLUSTER: get_text(r, v, f->cluster, sizeof f->cluster); break;
	case TAG_NAME: get_text(r, v, f->name, sizeof f->name); break;
	case TAG_ADDRESS: get_text(r, v, f->address, sizeof f->address); break;
	case TAG_GROUP: get_text(r, v, f->group, sizeof f->group); break;
	case TAG_SITE: f->site = get_number(r, v, 8); break;
	case TAG_INCARNATION: f->incarnation = get_number(r, v, 8); break;
	case TAG_TABLE: f->table = get_number(r, v, 8); break;
	case TAG_VERDICT: *verdict = (uint8_t)get_number(r, v, 1); break;
	default: break; /* of a newer version */
	}
}

static em_err
get_facts(struct slice body, struct link_facts *f, uint8_t *verdict)
{
	struct rbuf r = rbuf_of(body);

	*f = (struct link_facts){ .channel = LINK_CHANNEL_N };
	*verdict = 0;
	while (rbuf_left(&r) > 0) {
		uint8_t tag = rbuf_u8(&r);
		struct slice v = rbuf_bytes(&r, rbuf_u8(&r));

		if (r.err == EM_OK)
			get_fact(&r, tag, v, f, verdict);
	}
	if (r.err == EM_OK &&
	    (f->name[0] == '\0' || f->site == 0 || f->incarnation == 0 ||
		f->protocol_min == 0 || f->protocol_min > f->protocol_max))
		return EM_MALFORMED;
	return r.err;
}

/* ---- proofs */

static void
prove(const struct link_hello *h, bool by_dialler, struct slice facts,
    const uint8_t *proof_before, uint8_t out[PROOF])
{
	const uint8_t *nonce_d = h->is_dialler ? h->nonce_mine : h->nonce_theirs;
	const uint8_t *nonce_a = h->is_dialler ? h->nonce_theirs : h->nonce_mine;
	uint8_t text[1 + 2 * LINK_NONCE + sizeof h->bound + PROOF + LINK_HELLO_MAX];
	struct wbuf w = wbuf_fixed(text, sizeof text);
	unsigned n = PROOF;

	wbuf_u8(&w, by_dialler ? 'd' : 'a');
	wbuf_bytes(&w, slice_of(nonce_d, LINK_NONCE));
	wbuf_bytes(&w, slice_of(nonce_a, LINK_NONCE));
	if (h->is_bound)
		wbuf_bytes(&w, slice_of(h->bound, sizeof h->bound));
	if (proof_before != NULL)
		wbuf_bytes(&w, slice_of(proof_before, PROOF));
	wbuf_bytes(&w, facts);
	CHECK(w.err == EM_OK);
	CHECK(HMAC(EVP_sha256(), h->cookie, (int)strlen(h->cookie), w.p, w.n, out, &n) !=
	      NULL);
}

/* ---- messages */

static void
fail(struct link_hello *h, em_err err)
{
	h->step = LINK_HELLO_FAILED;
	h->err = err;
}

static void
put_message(struct wbuf *w, uint8_t type, struct slice a, struct slice b)
{
	wbuf_u16(w, (uint16_t)(1 + a.n + b.n));
	wbuf_u8(w, type);
	wbuf_bytes(w, a);
	wbuf_bytes(w, b);
}

static void
say_nonce(struct link_hello *h, struct wbuf *out)
{
	put_message(out, TYPE_NONCE, slice_of(magic, sizeof magic),
	    slice_of(h->nonce_mine, LINK_NONCE));
}

static void
say_facts(struct link_hello *h, em_err verdict, struct wbuf *out)
{
	uint8_t bytes[LINK_HELLO_MAX];
	struct wbuf w = wbuf_fixed(bytes, sizeof bytes);

	put_facts(&w, &h->mine, verdict);
	CHECK(w.err == EM_OK);
	prove(h, h->is_dialler, wbuf_slice(&w), h->is_dialler ? NULL : h->proof_theirs,
	    h->proof_mine);
	put_message(out, TYPE_HELLO, wbuf_slice(&w), slice_of(h->proof_mine, PROOF));
}

static void
on_nonce(struct link_hello *h, struct slice body, struct wbuf *out)
{
	if (body.n != sizeof magic + LINK_NONCE ||
	    memcmp(body.p, magic, sizeof magic) != 0) {
		fail(h, EM_MALFORMED);
		return;
	}
	memcpy(h->nonce_theirs, body.p + sizeof magic, LINK_NONCE);
	if (h->is_dialler)
		say_facts(h, EM_OK, out);
	else
		say_nonce(h, out);
	h->step = LINK_HELLO_FACTS;
}

static void
on_facts(struct link_hello *h, struct slice body, struct wbuf *out)
{
	uint8_t want[PROOF], verdict;
	struct slice facts = slice_head(body, body.n - PROOF);

	prove(h, !h->is_dialler, facts, h->is_dialler ? h->proof_mine : NULL, want);
	memcpy(h->proof_theirs, body.p + facts.n, PROOF);
	if (CRYPTO_memcmp(want, h->proof_theirs, PROOF) != 0) {
		if (!h->is_dialler)
			put_message(out, TYPE_REFUSE,
			    slice_of(&(uint8_t){ verdict_number(EM_COOKIE) }, 1),
			    SLICE_NONE);
		fail(h, EM_COOKIE);
		return;
	}
	h->err = get_facts(facts, &h->theirs, &verdict);
	if (h->err == EM_OK && h->is_dialler)
		h->err = link_hello_judge(&h->mine, &h->theirs);
	if (h->err == EM_OK && h->is_dialler)
		h->err = verdict_err(verdict);
	if (h->err != EM_OK)
		h->step = LINK_HELLO_FAILED;
	else
		h->step = h->is_dialler ? LINK_HELLO_DONE : LINK_HELLO_JUDGE;
}

static void
on_message(struct link_hello *h, uint8_t type, struct slice body, struct wbuf *out)
{
	if (type == TYPE_NONCE && h->step == LINK_HELLO_NONCE)
		on_nonce(h, body, out);
	else if (type == TYPE_HELLO && h->step == LINK_HELLO_FACTS && body.n > PROOF)
		on_facts(h, body, out);
	else if (type == TYPE_REFUSE && h->is_dialler && body.n >= 1 &&
		 verdict_err(body.p[0]) != EM_OK)
		fail(h, verdict_err(body.p[0]));
	else
		fail(h, EM_PROTOCOL);
}

void
link_hello_start(struct link_hello *h, bool is_dialler, const char *cookie,
    const struct link_facts *facts, const uint8_t nonce[LINK_NONCE], const uint8_t *bound,
    struct wbuf *out)
{
	*h = (struct link_hello){ .is_dialler = is_dialler,
		.cookie = cookie,
		.mine = *facts,
		.is_bound = bound != NULL };
	memcpy(h->nonce_mine, nonce, LINK_NONCE);
	if (bound != NULL)
		memcpy(h->bound, bound, sizeof h->bound);
	if (is_dialler)
		say_nonce(h, out);
}

/* Bytes of the message that begins in what is kept; 0: its head is not there yet. */
static size_t
message_size(const struct link_hello *h)
{
	struct rbuf r = rbuf_of(slice_of(h->in, h->in_n));

	return h->in_n < HEAD ? 0 : 2 + (size_t)rbuf_u16(&r);
}

/* Takes as many bytes as the message still lacks; true: it is whole. */
static bool
take_message(struct link_hello *h, struct slice *in)
{
	for (;;) {
		size_t size = message_size(h);
		size_t want = (size > 0 ? size : HEAD) - h->in_n;
		size_t n = want < in->n ? want : in->n;

		if (size > 0 &&
		    (size < HEAD || h->seen - h->in_n + size > LINK_HELLO_MAX)) {
			fail(h, EM_MALFORMED);
			return false;
		}
		if (size > 0 && want == 0)
			return true;
		if (n == 0)
			return false;
		memcpy(h->in + h->in_n, in->p, n);
		h->in_n += n;
		h->seen += n;
		*in = slice_from(*in, n);
	}
}

void
link_hello_feed(struct link_hello *h, struct slice *in, struct wbuf *out)
{
	while ((h->step == LINK_HELLO_NONCE || h->step == LINK_HELLO_FACTS) &&
	       take_message(h, in)) {
		struct slice s = slice_of(h->in, h->in_n);

		h->in_n = 0;
		on_message(h, s.p[2], slice_from(s, HEAD), out);
	}
}

void
link_hello_answer(struct link_hello *h, em_err verdict, struct wbuf *out)
{
	CHECK(h->step == LINK_HELLO_JUDGE);
	say_facts(h, verdict, out);
	h->err = verdict;
	h->step = verdict == EM_OK ? LINK_HELLO_DONE : LINK_HELLO_FAILED;
}

/* ---- judging */

em_err
link_hello_judge(const struct link_facts *mine, const struct link_facts *theirs)
{
	if (theirs->protocol_min > mine->protocol_max ||
	    mine->protocol_min > theirs->protocol_max)
		return EM_TOONEW;
	if (strcmp(mine->cluster, theirs->cluster) != 0)
		return EM_CLUSTERNAME;
	if (mine->site == theirs->site)
		return EM_SELF;
	if (strcmp(mine->name, theirs->name) == 0)
		return EM_NAMETAKEN;
	return EM_OK;
}

unsigned
link_hello_protocol(const struct link_hello *h)
{
	return h->mine.protocol_max < h->theirs.protocol_max ? h->mine.protocol_max
							     : h->theirs.protocol_max;
}

static em_err
explain_versions(const struct link_hello *h, const char *name, struct fault *f)
{
	const struct link_facts *a = &h->mine, *b = &h->theirs;
	bool is_newer = b->protocol_min > a->protocol_max;

	fault_set(f, EM_TOONEW,
	    is_newer ? "emqxd %s of %s is too new for emqxd %s here (links of version %u "
		       "to %u there, %u to %u here)"
		     : "emqxd %s of %s is too old for emqxd %s here (links of version %u "
		       "to %u there, %u to %u here)",
	    b->product, name, a->product, b->protocol_min, b->protocol_max,
	    a->protocol_min, a->protocol_max);
	fault_hint(f, "upgrade the older of the two");
	return EM_TOONEW;
}

/* Names come from a peer that has the cookie, perhaps with bytes that no name has. */
static void
print_name(char *out, size_t size, const char *name)
{
	size_t n = 0;

	for (; name[n] != '\0' && n + 1 < size; n++)
		out[n] = name[n] > ' ' && name[n] < 127 ? name[n] : '?';
	out[n] = '\0';
}

em_err
link_hello_explain(const struct link_hello *h, const char *where, struct fault *f)
{
	char name[NODES_NAME_MAX + 1], cluster[LINK_CLUSTER_MAX + 1];
	em_err err = h->err;

	print_name(name, sizeof name, h->theirs.name[0] != '\0' ? h->theirs.name : where);
	print_name(cluster, sizeof cluster, h->theirs.cluster);
	if (err == EM_TOONEW)
		return explain_versions(h, name, f);
	if (err == EM_NOTMEMBER && !h->is_dialler)
		return fault_set(f, err, "%s is no member here", name);
	if (err == EM_BUSY && !h->is_dialler)
		return fault_set(f, err, "too many connections like that of %s", name);
	if (err == EM_COOKIE) {
		fault_set(f, err, "the cookie of the node at %s is another one", where);
		fault_hint(f, "node.cookie must be the same on all nodes");
	} else if (err == EM_CLUSTERNAME) {
		fault_set(f, err, "%s is of the cluster %s, this node of %s", name,
		    cluster, h->mine.cluster);
		fault_hint(f, "cluster.name must be the same on all nodes");
	} else if (err == EM_SELF)
		fault_set(f, err, "%s is this node itself", where);
	else if (err == EM_NAMETAKEN) {
		fault_set(f, err, "the node at %s and this one are both called %s", where,
		    h->mine.name);
		fault_hint(f, "give each node a node.name of its own");
	} else if (err == EM_NOTMEMBER)
		fault_set(
		    f, err, "%s does not know this node as one of its cluster", name);
	else if (err == EM_BUSY)
		fault_set(f, err, "%s has no room for one more connection", name);
	else if (err == EM_MALFORMED && h->in_n >= 2 && h->in[0] == 0x16)
		fault_set(f, err, "the node at %s speaks TLS, this one does not", where);
	else
		fault_set(f, err, "what answers at %s is no node of a cluster: %s", where,
		    err_text(err));
	return err;
}
