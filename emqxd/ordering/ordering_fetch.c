/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ordering_fetch: rows of a group, part by part, out of another node's store into this one's.
 *
 * The one who wants them asks for each part when the one before is on his disk (ORDER_FETCH:
 * u8 group, u64 number of the export or 0 to begin one, u64 index that the rows must have
 * reached); the answer is the export's number, whether it was the last part, and the part.
 * Who has not come that far says EM_AGAIN: his rows may be older than those that are there.
 * One part is under way, so nothing piles up; who stops asking loses his export after a
 * while.
 */
#include "emqxd/ordering/ordering_inside.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

#include <stdio.h>
#include <string.h>

#define ANSWER span_s(20) /* for a part */
#define SILENT span_s(60) /* then an export is over */

/* ---- giving */

struct given {
	struct list_node node;
	struct ordering *ordering;
	const struct link_peer *from; /* NULL: gone */
	struct store_export *export;
	uint64_t number;
	enum change_group group;
	bool is_busy;
	mono_t asked_at;
	struct link_ask ask;
};

static void
drop(struct ordering *o, struct given *g)
{
	store_export_close(&g->export);
	list_del(&g->node);
	o->given_n--;
	mem_free(g);
}

static void
on_part(void *arg, em_err err, struct slice part, bool is_last)
{
	struct given *g = arg;
	struct wbuf w = wbuf_growing(LINK_FRAME_MAX);

	g->is_busy = false;
	wbuf_u64(&w, g->number);
	wbuf_u8(&w, is_last);
	wbuf_bytes(&w, part);
	if (err == EM_OK)
		err = w.err;
	link_reply(g->ask, err, err == EM_OK ? wbuf_slice(&w) : SLICE_NONE);
	wbuf_fini(&w);
	if (is_last || err != EM_OK || g->from == NULL)
		drop(g->ordering, g);
}

/* An export holds pages of the file: nobody has all that there are. */
static unsigned
given_to(struct ordering *o, const struct link_peer *from)
{
	unsigned n = 0;

	LIST_EACH (node, &o->given)
		n += LIST_OWNER(node, struct given, node)->from == from;
	return n;
}

static em_err
begin_given(struct ordering *o, const struct link_peer *from, enum change_group group,
    uint64_t least, struct given **out)
{
	struct store_export *x;

	if (!store_is_ordered(group) || store_is_importing(group))
		return EM_STATE;
	if (store_applied(group) < least)
		return EM_AGAIN;
	if (o->given_n >= ORDERING_GIVEN_MAX || given_to(o, from) >= ORDERING_GIVEN_EACH)
		return EM_BUSY;
	x = store_export_open(group);
	if (x == NULL)
		return EM_IO;
	*out = MEM_NEW(struct given);
	**out = (struct given){ .ordering = o,
		.from = from,
		.export = x,
		.number = ++o->given_last,
		.group = group };
	list_push(&o->given, &(*out)->node);
	o->given_n++;
	return EM_OK;
}

static em_err
find_given(struct ordering *o, const struct link_peer *from, uint64_t number,
    enum change_group group, struct given **out)
{
	LIST_EACH (node, &o->given) {
		struct given *g = LIST_OWNER(node, struct given, node);

		if (g->number != number || g->group != group || g->from != from)
			continue;
		*out = g;
		return g->is_busy ? EM_BUSY : EM_OK;
	}
	return EM_NOTFOUND;
}

static void
on_fetch(struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	struct ordering *o = ordering_self();
	struct rbuf r = rbuf_of(body);
	uint8_t group = rbuf_u8(&r);
	uint64_t number = rbuf_u64(&r);
	uint64_t least =
	    rbuf_left(&r) > 0 ? rbuf_u64(&r) : 0; /* an older node asks without */
	struct given *g = NULL;
	em_err err = o != NULL ? r.err : EM_CANCELLED;

	(void)arg;
	if (err == EM_OK && group >= CHANGE_GROUP_N)
		err = EM_MALFORMED;
	if (err == EM_OK)
		err = number == 0
			  ? begin_given(o, from, (enum change_group)group, least, &g)
			  : find_given(o, from, number, (enum change_group)group, &g);
	if (err != EM_OK) {
		link_reply(ask, err, SLICE_NONE);
		return;
	}
	g->ask = ask;
	g->is_busy = true;
	g->asked_at = clock_mono();
	store_export_next(g->export, on_part, g);
}

void
ordering_fetch_tidy(struct ordering *o)
{
	LIST_EACH_SAFE (node, &o->given) {
		struct given *g = LIST_OWNER(node, struct given, node);

		if (!g->is_busy && clock_mono().ns >= mono_add(g->asked_at, SILENT).ns)
			drop(o, g);
	}
}

static void
drop_of(struct ordering *o, const struct link_peer *from)
{
	LIST_EACH_SAFE (node, &o->given) {
		struct given *g = LIST_OWNER(node, struct given, node);

		if (g->from != from)
			continue;
		g->from = NULL;
		if (!g->is_busy)
			drop(o, g);
	}
}

/* ---- fetching */

struct ordering_fetching {
	struct ordering *ordering; /* NULL: nobody waits for it any more */
	struct link_peer *from;    /* NULL: gone */
	enum change_group group;
	bool is_both; /* else this group alone */
	bool is_last; /* part */
	uint64_t number, parts, least;
	ordering_done_fn *done;
	void *arg;
};

static void ask_next(struct ordering_fetching *f);

static void
finish(struct ordering_fetching *f, em_err err, const char *text)
{
	if (f->ordering != NULL) {
		f->ordering->fetching = NULL;
		f->done(f->arg, err, text);
	}
	mem_free(f);
}

static void
on_imported(void *arg, em_err err)
{
	struct ordering_fetching *f = arg;

	if (f->ordering == NULL) {
		finish(f, err, "");
		return;
	}
	if (err != EM_OK) {
		finish(f, err, "the store did not take the rows");
		return;
	}
	if (f->is_last && f->is_both && f->group + 1 < CHANGE_GROUP_N) {
		f->group = (enum change_group)(f->group + 1);
		f->number = 0;
	} else if (f->is_last) {
		finish(f, EM_OK, "");
		return;
	}
	ask_next(f);
}

static void
on_reply(struct link_peer *p, em_err err, struct slice body, void *arg)
{
	struct ordering_fetching *f = arg;
	struct rbuf r = rbuf_of(err == EM_OK ? body : SLICE_NONE);
	uint64_t number = err == EM_OK ? rbuf_u64(&r) : 0;
	bool is_last = err == EM_OK && rbuf_u8(&r) != 0;

	(void)p;
	if (f->ordering == NULL) {
		finish(f, EM_CANCELLED, "");
		return;
	}
	if (err == EM_OK)
		err = r.err;
	if (err != EM_OK || (f->number != 0 && number != f->number)) {
		finish(f, err != EM_OK ? err : EM_PROTOCOL,
		    "that node did not give out its rows");
		return;
	}
	f->number = number;
	f->is_last = is_last;
	f->parts++;
	store_import(f->group, rbuf_rest(&r), on_imported, f);
}

static void
ask_next(struct ordering_fetching *f)
{
	uint8_t room[17];
	struct wbuf w = wbuf_fixed(room, sizeof room);
	em_err err = EM_UNREACHABLE;

	wbuf_u8(&w, (uint8_t)f->group);
	wbuf_u64(&w, f->number);
	wbuf_u64(&w, f->least);
	if (f->from != NULL)
		err = link_request(
		    f->from, LINK_ORDER_FETCH, wbuf_slice(&w), ANSWER, on_reply, f);
	if (err != EM_OK)
		finish(f, err, "the connection to that node ended");
}

static struct ordering_fetching *
fetching_new(
    struct ordering *o, struct link_peer *from, ordering_done_fn *done, void *arg)
{
	struct ordering_fetching *f = MEM_NEW(struct ordering_fetching);

	*f = (struct ordering_fetching){
		.ordering = o, .from = from, .done = done, .arg = arg
	};
	o->fetching = f;
	return f;
}

/* ---- for a node that joins */

struct refused {
	struct letter letter;
	ordering_done_fn *done;
	void *arg;
};

static void
on_refused(struct letter *l)
{
	struct refused *r = LIST_OWNER(l, struct refused, letter);

	r->done(r->arg, EM_BUSY, "rows are being fetched already");
	mem_free(r);
}

static void
on_begin(struct letter *l)
{
	struct refused *r = LIST_OWNER(l, struct refused, letter);
	struct ordering_fetching *f = r->arg;

	mem_free(r);
	if (f->ordering == NULL)
		finish(f, EM_CANCELLED, "");
	else
		ask_next(f);
}

void
ordering_fetch(struct link_peer *from, ordering_done_fn *done, void *arg)
{
	struct ordering *o = ordering_self();
	struct refused *r = MEM_NEW(struct refused);

	if (o->fetching != NULL) {
		*r = (struct refused){
			.letter.open = on_refused, .done = done, .arg = arg
		};
	} else {
		if (o->cstore == NULL)
			ordering_begin_rows();
		*r = (struct refused){ .letter.open = on_begin,
			.arg = fetching_new(o, from, done, arg) };
		((struct ordering_fetching *)r->arg)->is_both = true;
	}
	worker_post(worker_self(), &r->letter); /* not before the return */
}

/* ---- for a node that was away for too long */

static void
on_wanted(void *arg, em_err err, const char *text)
{
	struct ordering *o = arg;

	if (err != EM_OK)
		LOG(WARN, "cluster_rows_not_fetched", "error", err_name(err), "why",
		    text);
	if (o->cstore == NULL)
		return;
	for (unsigned g = 0; g < CHANGE_GROUP_N; g++) {
		enum change_group group = (enum change_group)g;

		if (o->wants[g] && !store_is_importing(group) &&
		    store_applied(group) >= o->wanted[g])
			o->wants[g] = false;
	}
	/* What is left is fetched by the next tick: the leader may be behind as well. */
}

/* The leader; where that is this node, which may be one without its rows, the others by turns:
 * those that have too few say so. */
static struct link_peer *
from_whom(struct ordering *o, enum cstore_group g)
{
	const char *leader = cstore_status(o->cstore, g)->leader;
	bool is_me = strcmp(leader, nodes_me()) == 0;
	struct link_peer *p =
	    link_peer_find(o->house, slice_str(is_me ? o->asked : leader));

	if (is_me)
		p = link_peer_next(o->house, p);
	while (is_me && p != NULL && !link_peer_is_reachable(p))
		p = link_peer_next(o->house, p);
	snprintf(o->asked, sizeof o->asked, "%s", p != NULL ? link_peer_name(p) : "");
	return p != NULL && link_peer_is_reachable(p) ? p : NULL;
}

void
ordering_fetch_wanted(struct ordering *o)
{
	struct ordering_fetching *f;
	struct link_peer *from;
	unsigned g = 0;

	while (g < CHANGE_GROUP_N && !o->wants[g])
		g++;
	if (g == CHANGE_GROUP_N || o->fetching != NULL || o->cstore == NULL)
		return;
	from = from_whom(o, (enum cstore_group)g);
	if (from == NULL)
		return;
	f = fetching_new(o, from, on_wanted, o);
	f->group = (enum change_group)g;
	f->least = o->wanted[g];
	ask_next(f);
}

/* ---- life */

static void
on_peer(struct link_peer *p, enum link_event event, void *arg)
{
	struct ordering *o = ordering_self();

	(void)arg;
	if (o == NULL)
		return; /* the house outlives it */
	if ((event == LINK_CTL_DOWN || event == LINK_GUEST_GONE) && o->fetching != NULL &&
	    o->fetching->from == p)
		o->fetching->from = NULL;
	if (event == LINK_UNREACHABLE || event == LINK_GUEST_GONE)
		drop_of(o, p);
	if (event == LINK_REACHABLE)
		ordering_fetch_wanted(o);
}

void
ordering_fetch_birth(struct ordering *o)
{
	list_init(&o->given);
	link_on(o->house, LINK_ORDER_FETCH, on_fetch, NULL);
	link_on_peer(o->house, on_peer, NULL);
}

void
ordering_fetch_death(struct ordering *o)
{
	struct ordering_fetching *f = o->fetching;

	LIST_EACH_SAFE (node, &o->given)
		drop(o, LIST_OWNER(node, struct given, node));
	if (f == NULL)
		return;
	o->fetching = NULL;
	f->ordering = NULL; /* its answer frees it */
	f->done(f->arg, EM_CANCELLED, "this node is stopping");
}
