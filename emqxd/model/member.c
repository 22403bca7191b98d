/* SPDX-License-Identifier: Apache-2.0 */
/* member: see member.h. */
#include "emqxd/model/member.h"
#include "emqxd/model/nodes.h"
#include "ipc/base/check.h"
#include "ipc/base/num.h"
#include "ipc/base/rbuf.h"

enum { VERSION = 1, VERSION_CLEANED = 2 };

void
member_write(const struct member *m, struct wbuf *w)
{
	CHECK(m->site != 0 && m->raft_id != 0);
	wbuf_u8(w, m->is_cleaned ? VERSION_CLEANED : VERSION);
	wbuf_u64(w, m->site);
	wbuf_u64(w, m->raft_id);
	wbuf_u64(w, (uint64_t)wall_to_ms(m->joined));
	wbuf_bytes16(w, m->address);
	wbuf_u8(w, m->level);
	wbuf_u8(w, (uint8_t)m->product.n);
	wbuf_bytes(w, m->product);
}

static bool
is_printable(struct slice s, size_t max)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 127)
			return false;
	return s.n <= max;
}

bool
member_is_name(struct slice name)
{
	return name.n > 0 && is_printable(name, NODES_NAME_MAX);
}

/* What stands before the '@', or @without bytes. */
static struct slice
first_name(struct slice s, size_t without)
{
	const uint8_t *at = s.n > 0 ? memchr(s.p, '@', s.n) : NULL;

	return slice_head(s, at != NULL ? (size_t)(at - s.p) : without);
}

bool
member_is_called(struct slice name, struct slice target)
{
	struct slice want = first_name(target, 0); /* without an '@' it is an address */

	return want.n == 0 || slice_eq(want, first_name(name, name.n));
}

/* Where the ':' before a port is; the end: there is none, but @is_v6 for a bare IPv6 host. */
static size_t
find_colon(struct slice place, bool *is_v6)
{
	size_t first = place.n, last = place.n;

	for (size_t i = 0; i < place.n; i++) {
		if (place.p[i] == ']')
			first = last = place.n;
		if (place.p[i] != ':')
			continue;
		first = first == place.n ? i : first;
		last = i;
	}
	*is_v6 = place.n > 0 && place.p[0] != '[' && first != last;
	return *is_v6 ? place.n : last;
}

static bool
is_port(struct slice text)
{
	uint64_t n;

	return num_parse_u64(text, &n) == EM_OK && n > 0 && n <= 65535;
}

bool
member_place_of(struct slice target, unsigned port, struct str *out)
{
	const uint8_t *at = target.n > 0 ? memchr(target.p, '@', target.n) : NULL;
	size_t before = out->n, colon;
	struct slice place = target;
	bool is_v6, has_port;

	if (at == target.p && at != NULL)
		return false;
	if (at != NULL)
		place = slice_from(target, (size_t)(at - target.p) + 1);
	colon = find_colon(place, &is_v6);
	has_port = colon < place.n;
	if (colon == 0 || !member_is_address(place) ||
	    (has_port && !is_port(slice_from(place, colon + 1))) ||
	    (place.p[0] == '[' && (colon < 4 || place.p[colon - 1] != ']')))
		return false;
	str_addf(out, is_v6 ? "[%.*s]" : "%.*s", SLICE_FMT(place));
	if (!has_port)
		str_addf(out, ":%u", port);
	if (out->n - before <= MEMBER_ADDRESS_MAX)
		return true;
	str_cut(out, before);
	return false;
}

bool
member_is_address(struct slice address)
{
	return is_printable(address, MEMBER_ADDRESS_MAX);
}

em_err
member_read(struct slice key, struct slice blob, struct member *out)
{
	struct rbuf r = rbuf_of(blob);
	uint8_t version = rbuf_u8(&r);
	uint64_t ms;

	*out = (struct member){ .name = key, .is_cleaned = version == VERSION_CLEANED };
	out->site = rbuf_u64(&r);
	out->raft_id = rbuf_u64(&r);
	ms = rbuf_u64(&r);
	out->address = rbuf_bytes16(&r);
	out->level = rbuf_u8(&r);
	out->product = rbuf_bytes(&r, rbuf_u8(&r));
	if (r.err != EM_OK || (version != VERSION && !out->is_cleaned) ||
	    !member_is_name(key) || !member_is_address(out->address) ||
	    !is_printable(out->product, MEMBER_PRODUCT_MAX) || out->site == 0 ||
	    out->raft_id == 0 || ms > INT64_MAX / 1000000)
		return EM_MALFORMED;
	out->joined = (wall_t){ (int64_t)ms * 1000000 };
	return EM_OK;
}

/* ---- who votes */

static const struct member_seat *
find(const struct member_seat *seats, size_t n, bool votes, bool runs)
{
	for (size_t i = 0; i < n; i++)
		if (seats[i].is_member && seats[i].is_running == runs &&
		    (seats[i].role == MEMBER_VOTER) == votes)
			return &seats[i];
	return NULL;
}

static bool
change_is(
    struct member_change *out, const struct member_seat *seat, enum member_what what)
{
	out->raft_id = seat->raft_id;
	out->what = what;
	return true;
}

bool
member_next_change(const struct member_seat *seats, size_t n, struct member_change *out)
{
	const struct member_seat *waits = find(seats, n, false, true);
	size_t voters = 0;

	for (size_t i = 0; i < n; i++) {
		if (!seats[i].is_member)
			return change_is(out, &seats[i], MEMBER_REMOVE);
		voters += seats[i].role == MEMBER_VOTER;
	}
	if (voters > MEMBER_VOTERS_MAX) {
		const struct member_seat *dead = find(seats, n, true, false);

		return change_is(
		    out, dead != NULL ? dead : find(seats, n, true, true), MEMBER_DEMOTE);
	}
	if (waits == NULL)
		return false;
	if (voters < MEMBER_VOTERS_MAX)
		return change_is(out, waits, MEMBER_PROMOTE);
	if (find(seats, n, true, false) != NULL)
		return change_is(out, find(seats, n, true, false), MEMBER_DEMOTE);
	return false;
}
