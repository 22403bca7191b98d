/* SPDX-License-Identifier: Apache-2.0 */
/* look: see look.h. */
#include "emqxd/cluster/look.h"
#include "emqxd/cluster/clean.h"
#include "emqxd/cluster/cluster.h"
#include "emqxd/members/groups.h"
#include "emqxd/cluster/join.h"
#include "emqxd/members/members.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

#include <string.h>

#define LIMIT span_s(5)

enum { IS_MEMBER = 1, HAS_QUORUM = 2, WAS_CLEANED = 4, IS_LEADER = 8 };

struct look {
	look_done_fn *done;
	void *arg;
};

static void
finish(struct look *l, const struct look_end *end)
{
	l->done(l->arg, end);
	mem_free(l);
}

static void
fail(struct look *l, em_err err, const char *text, const char *hint)
{
	finish(l, &(struct look_end){ .err = err,
		      .text = text != NULL && text[0] != '\0' ? text : err_text(err),
		      .hint = hint });
}

/* ---- the answer */

static bool
is_ours(uint64_t site)
{
	if (site == nodes_site())
		return true;
	for (unsigned i = 0; i < members_count(); i++)
		if (members_at(i)->m.site == site)
			return true;
	return false;
}

static em_err
read_answer(struct slice body, struct look_end *end)
{
	struct rbuf r = rbuf_of(body);
	uint8_t flags = rbuf_u8(&r);
	unsigned n;

	end->is_member = (flags & IS_MEMBER) != 0;
	end->has_quorum = (flags & HAS_QUORUM) != 0;
	end->is_leader = (flags & IS_LEADER) != 0;
	end->is_cleaned = (flags & WAS_CLEANED) != 0;
	end->leader = rbuf_bytes16(&r);
	end->members = n = rbuf_u8(&r);
	for (; n > 0 && r.err == EM_OK; n--) {
		struct slice name = rbuf_bytes16(&r), address = rbuf_bytes16(&r);
		uint64_t site = rbuf_u64(&r);

		if (site == nodes_site() && slice_eq_str(name, nodes_me()))
			end->has_me = true;
		if (is_ours(site))
			end->is_related = true;
		if (slice_eq(name, end->leader))
			end->leader_at = address;
	}
	return r.err;
}

static void
on_reply(struct link_peer *p, em_err err, struct slice body, void *arg)
{
	struct look *l = arg;
	struct look_end end = { .text = "" };
	struct str text = { 0 };

	if (err == EM_OK)
		err = read_answer(body, &end);
	else
		str_add_escaped(&text, body);
	if (err == EM_OK)
		finish(l, &end);
	else
		fail(l, err, str_get(&text), NULL);
	str_fini(&text);
	link_guest_close(&p);
}

/* ---- asking */

static void
on_guest(struct link_peer *guest, const struct fault *f, void *arg)
{
	uint8_t room[16 + NODES_NAME_MAX];
	struct wbuf w = wbuf_fixed(room, sizeof room);
	struct look *l = arg;
	em_err err;

	if (guest == NULL) {
		fail(l, f->err, f->text, f->hint);
		return;
	}
	wbuf_u64(&w, nodes_site());
	wbuf_bytes16(&w, slice_str(nodes_me()));
	err = w.err == EM_OK
		  ? link_request(guest, LINK_WHO, wbuf_slice(&w), LIMIT, on_reply, l)
		  : w.err;
	if (err == EM_OK)
		return;
	fail(l, err, NULL, NULL);
	link_guest_close(&guest);
}

void
look_at(struct slice target, look_done_fn *done, void *arg)
{
	struct look *l = MEM_NEW(struct look);
	struct str address = { 0 };

	*l = (struct look){ .done = done, .arg = arg };
	/* What is no address is dialled in vain, and told later, as all else. */
	if (!cluster_address_of(target, &address))
		str_reset(&address);
	link_guest_open(cluster_house(), str_slice(&address), on_guest, l);
	str_fini(&address);
}

/* ---- being asked */

static void
on_who(struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	struct wbuf w = wbuf_growing(64u << 10);
	struct rbuf r = rbuf_of(body);
	uint64_t site = rbuf_u64(&r);
	struct slice name = rbuf_bytes16(&r);
	const char *leader = groups_leader(CSTORE_META);
	bool is_member = join_is_member() && members_me() != NULL;
	unsigned n = is_member ? members_count() : 0;

	(void)from;
	(void)arg;
	if (r.err != EM_OK) {
		link_reply(ask, EM_MALFORMED, SLICE_NONE);
		wbuf_fini(&w);
		return;
	}
	wbuf_u8(&w, (uint8_t)((is_member ? IS_MEMBER : 0) |
			      (is_member && leader[0] != '\0' ? HAS_QUORUM : 0) |
			      (clean_has(name, site) ? WAS_CLEANED : 0) |
			      (strcmp(leader, nodes_me()) == 0 ? IS_LEADER : 0)));
	wbuf_bytes16(&w, slice_str(leader));
	wbuf_u8(&w, (uint8_t)n);
	for (unsigned i = 0; i < n; i++) {
		const struct members_entry *e = members_at(i);

		wbuf_bytes16(&w, e->m.name);
		wbuf_bytes16(&w, e->m.address);
		wbuf_u64(&w, e->m.site);
	}
	link_reply(ask, w.err, wbuf_slice(&w));
	wbuf_fini(&w);
}

void
look_birth(struct link_house *h)
{
	link_on(h, LINK_WHO, on_who, NULL);
}
