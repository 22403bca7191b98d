/* SPDX-License-Identifier: Apache-2.0 */
/* takeover: see takeover.h.  The link thread's part: who is asked, and times. */
#include "emqxd/takeover/takeover_inside.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/timer.h"
#include "emqxd/model/metrics.h"
#include "emqxd/model/nodes.h"
#include "emqxd/session/claim.h"
#include "emqxd/session/registry.h"
#include "ipc/base/hash.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

#define TICK span_ms(100)     /* to ask again, to send what did not fit, to give up */
#define GOING_MOST 1024u      /* from here, on their way to all */
#define GOING_EACH 512u       /* to one node: another can take some too */
#define AGAIN_MOST span_s(15) /* all in all, for one that others want too */
#define CLIENTID_MAX UINT16_MAX

enum coming_state {
	COMING_WAITS,   /* for its turn */
	COMING_SETTLES, /* several have it: until one has */
	COMING_AGAIN,   /* the place is asked again with the next tick */
	COMING_ASKED,
	COMING_COMES, /* parts came */
};

/* One that comes here, or of which it is not known yet where it is. */
struct coming {
	struct takeover *t;
	struct list_node node; /* in `coming`, or waiting in its line */
	struct line *line;
	uint64_t number;
	uint64_t left;  /* places that are still to be asked */
	unsigned place; /* that is asked */
	enum coming_state state;
	struct fence_wait fence;
	bool is_fencing;
	uint32_t parts; /* that came; how many home has taken, and was said so */
	uint32_t taken, said;
	bool must_leave;    /* and it is not said yet */
	mono_t until, last; /* without a sign; at all */
	enum takeover_how how;
	uint64_t since; /* of COMPARE */
	bool has_failed;
	size_t id_n;
	uint8_t id[];
};

/* One that goes. */
struct going {
	struct takeover *t;
	struct list_node node;
	uint64_t number;
	unsigned place;
	struct worker *home;
	uint32_t parts, more; /* that were sent; of which the other end has said so */
	mono_t until;
	bool may_have_left;      /* LEAVE came */
	struct fence_wait fence; /* since then, if is_fencing */
	bool is_fencing;
	struct takeover_note *first, *last; /* parts that did not fit yet */
};

/* Those who come from one node, so that one that stands still holds up its own only. */
struct line {
	struct list_node waiting; /* in the order in which they came */
	unsigned n;               /* on their way */
};

struct takeover {
	struct takeover_links links;
	struct list_node coming, going;
	struct line from[NODES_MAX];
	struct map comings; /* by number */
	unsigned n_coming, n_waiting, n_going;
	unsigned n_going_to[NODES_MAX];
	bool has_others;
	struct timer tick;
	struct takeover_twins twins;
};

/* ---- letters */

static void
tell_home(struct takeover *t, struct worker *home, enum takeover_what what,
    unsigned place, uint64_t number, bool flag)
{
	struct takeover_note *note = takeover_note(t, what, place, number, SLICE_NONE);

	note->flag = flag;
	takeover_post(home, note);
}

/* ---- frames */

static em_err
send_bytes(struct takeover *t, unsigned place, enum takeover_frame frame, uint64_t number,
    struct slice head, struct slice bytes)
{
	struct wbuf w = wbuf_growing(sizeof number + head.n + bytes.n);
	em_err err;

	wbuf_u64(&w, number);
	wbuf_bytes(&w, head);
	wbuf_bytes(&w, bytes);
	err = w.err;
	if (err == EM_OK)
		err = t->links.send(t->links.arg, place, frame, wbuf_slice(&w));
	wbuf_fini(&w);
	return err;
}

/* False: it does not go.  Who waits for it gives up in time. */
static bool
say(struct takeover *t, unsigned place, enum takeover_frame frame, uint64_t number)
{
	return send_bytes(t, place, frame, number, SLICE_NONE, SLICE_NONE) == EM_OK;
}

static void
say_stop(struct takeover *t, unsigned place, uint64_t number)
{
	(void)say(t, place, TAKEOVER_STOP, number);
}

/* ---- one that comes */

static struct worker *
home_of(const struct coming *c)
{
	return worker_get((unsigned)(c->number >> TAKEOVER_WORKER_SHIFT));
}

static struct coming *
find_coming(struct takeover *t, uint64_t number)
{
	return map_find(&t->comings, slice_of(&number, sizeof number));
}

static void
coming_free(struct takeover *t, struct coming *c)
{
	if (c->state == COMING_WAITS)
		t->n_waiting--;
	else {
		t->n_coming--;
		c->line->n--;
	}
	if (c->is_fencing)
		fence_cancel(&c->fence);
	list_del(&c->node);
	map_take(&t->comings, slice_of(&c->number, sizeof c->number));
	mem_free(c);
}

/* Its home is told; start_more() follows. */
static void
coming_over(struct takeover *t, struct coming *c, enum takeover_over how)
{
	struct takeover_note *note =
	    takeover_note(t, TAKEOVER_NOTE_OVER, 0, c->number, SLICE_NONE);

	note->count = how;
	takeover_post(home_of(c), note);
	coming_free(t, c);
}

/* The other end is not heard.  What never said LEAVE has nothing to go on with. */
static void
coming_lost(struct takeover *t, struct coming *c)
{
	coming_over(t, c, c->must_leave ? TAKEOVER_STAYS : TAKEOVER_LOST);
}

/* What the other end waits for; what does not fit goes with the next tick. */
static void
say_on(struct takeover *t, struct coming *c)
{
	for (; c->said != c->taken; c->said++)
		if (!say(t, c->place, TAKEOVER_MORE, c->number))
			return;
	if (!c->must_leave || !say(t, c->place, TAKEOVER_LEAVE, c->number))
		return;
	c->must_leave = false;
	c->until = mono_add(clock_mono(), TAKEOVER_PATIENCE);
}

/* False: it cannot be asked. */
static bool
ask_place(struct takeover *t, struct coming *c)
{
	uint8_t head[9];
	struct wbuf w = wbuf_fixed(head, sizeof head);
	em_err err;

	wbuf_u8(&w, (uint8_t)c->how);
	if (c->how == TAKEOVER_COMPARE)
		wbuf_u64(&w, c->since);
	err = send_bytes(t, c->place, TAKEOVER_TAKE, c->number, wbuf_slice(&w),
	    slice_of(c->id, c->id_n));
	c->until = mono_add(clock_mono(), TAKEOVER_PATIENCE);
	c->state = err == EM_OK ? COMING_ASKED : COMING_AGAIN;
	return err == EM_OK || err == EM_FULL;
}

/* The next of the places; over when there is none. */
static void
ask_next(struct takeover *t, struct coming *c)
{
	while (c->left != 0) {
		c->place = (unsigned)__builtin_ctzll(c->left);
		c->left &= c->left - 1;
		if (nodes_is_running(c->place) && ask_place(t, c))
			return;
		c->has_failed = true;
	}
	coming_over(t, c, c->has_failed ? TAKEOVER_LOST : TAKEOVER_NOBODY);
}

static void
ask_again(struct takeover *t, struct coming *c)
{
	if (clock_mono().ns < c->last.ns && ask_place(t, c))
		return;
	c->has_failed = true;
	ask_next(t, c);
}

/* Places of others that have it. */
static uint64_t
places_of(struct takeover *t, struct slice id)
{
	return t->links.places(t->links.arg, claim_hash(id)) & ~UINT64_C(1);
}

/* Several that have it settle which of them stays, and that one is asked. */
static void
ask_one(struct takeover *t, struct coming *c)
{
	c->left = places_of(t, slice_of(c->id, c->id_n));
	if (c->how != TAKEOVER_CLEAN && (c->left & (c->left - 1)) != 0 &&
	    clock_mono().ns < c->until.ns) {
		c->state = COMING_SETTLES;
		return;
	}
	c->state = COMING_AGAIN;
	ask_next(t, c);
}

static void
start_more_of(struct takeover *t, struct line *line)
{
	while (line->n < TAKEOVER_MOST && !list_is_empty(&line->waiting)) {
		struct coming *c = LIST_OWNER(line->waiting.next, struct coming, node);

		list_del(&c->node);
		list_push(&t->coming, &c->node);
		t->n_waiting--;
		t->n_coming++;
		line->n++;
		c->until = mono_add(clock_mono(), TAKEOVER_SETTLES);
		ask_one(t, c);
	}
}

static void
start_more(struct takeover *t)
{
	for (unsigned i = 0; i < NODES_MAX && t->n_waiting > 0; i++)
		start_more_of(t, &t->from[i]);
}

/* Who waited too long for his turn. */
static void
give_up_waiting(struct takeover *t, struct line *line)
{
	mono_t now = clock_mono();

	while (!list_is_empty(&line->waiting)) {
		struct coming *c = LIST_OWNER(line->waiting.next, struct coming, node);

		if (now.ns < c->last.ns)
			return;
		coming_over(t, c, TAKEOVER_LOST);
	}
}

static void
on_ask(struct takeover *t, const struct takeover_note *note)
{
	struct slice id = slice_of(note->bytes, note->n);
	struct worker *home = worker_get(note->letter.from);
	uint64_t places = places_of(t, id);
	struct coming *c;

	if (places == 0) {
		takeover_post(home,
		    takeover_note(t, TAKEOVER_NOTE_OVER, 0, note->number, SLICE_NONE));
		return;
	}
	c = mem_new(sizeof *c + id.n);
	c->t = t;
	c->line = &t->from[__builtin_ctzll(places)];
	c->number = note->number;
	c->how = (enum takeover_how)note->count;
	c->since = note->since;
	c->last = c->until = mono_add(clock_mono(), AGAIN_MOST);
	c->id_n = id.n;
	memcpy(c->id, id.p, id.n);
	map_put(&t->comings, slice_of(&c->number, sizeof c->number), c);
	list_push(&c->line->waiting, &c->node);
	t->n_waiting++;
}

static void
on_fenced_coming(struct fence_wait *w)
{
	struct coming *c = LIST_OWNER(w, struct coming, fence);

	c->is_fencing = false;
	c->until = mono_add(clock_mono(), TAKEOVER_PATIENCE);
	takeover_post(home_of(c),
	    takeover_note(c->t, TAKEOVER_NOTE_FENCED, 0, c->number, SLICE_NONE));
}

/* All of it has come; what came to the other end may be on its way here too. */
static void
fence_coming(struct takeover *t, struct coming *c)
{
	if (c->is_fencing)
		return;
	c->is_fencing = true;
	c->until = mono_add(clock_mono(), TAKEOVER_PATIENCE);
	c->fence.done = on_fenced_coming;
	t->links.fence(t->links.arg, &c->fence);
}

static void
coming_from_home(struct takeover *t, const struct takeover_note *note)
{
	struct coming *c = find_coming(t, note->number);

	if (c == NULL)
		return;
	switch ((int)note->what) {
	case TAKEOVER_NOTE_TAKEN:
		c->taken++;
		say_on(t, c);
		return;
	case TAKEOVER_NOTE_READY:
		c->must_leave = true;
		say_on(t, c);
		return;
	case TAKEOVER_NOTE_FENCE: fence_coming(t, c); return;
	case TAKEOVER_NOTE_FAILED: say_stop(t, c->place, c->number); break;
	}
	coming_free(t, c);
}

static void
on_nothing(struct takeover *t, struct coming *c, struct rbuf *r)
{
	bool again = rbuf_u8(r) != 0;

	if (c->state == COMING_COMES || r->err != EM_OK)
		return;
	if (again && clock_mono().ns < c->last.ns) {
		c->state = COMING_AGAIN;
		return;
	}
	c->has_failed |= again;
	ask_next(t, c);
}

static void
on_part(struct takeover *t, struct coming *c, struct rbuf *r)
{
	uint32_t count = rbuf_u32(r);
	struct takeover_note *note;

	if (r->err != EM_OK || count != c->parts || c->how == TAKEOVER_CLEAN ||
	    c->parts - c->taken >= TAKEOVER_WINDOW) {
		say_stop(t, c->place, c->number);
		coming_lost(t, c);
		return;
	}
	c->parts++;
	c->state = COMING_COMES;
	c->until = mono_add(clock_mono(), TAKEOVER_PATIENCE);
	note = takeover_note(t, TAKEOVER_NOTE_PART, 0, c->number, rbuf_rest(r));
	takeover_post(home_of(c), note);
}

/* ---- one that goes */

static struct going *
find_going(struct takeover *t, unsigned place, uint64_t number)
{
	LIST_EACH (n, &t->going) {
		struct going *g = LIST_OWNER(n, struct going, node);

		if (g->place == place && g->number == number)
			return g;
	}
	return NULL;
}

static void
going_free(struct takeover *t, struct going *g)
{
	while (g->first != NULL) {
		struct takeover_note *note = g->first;

		g->first = (struct takeover_note *)(void *)note->letter.next;
		takeover_free_note(note);
	}
	if (g->is_fencing)
		fence_cancel(&g->fence);
	list_del(&g->node);
	t->n_going--;
	t->n_going_to[g->place]--;
	mem_free(g);
}

/* It stays here, and the other end is told; unless it has left: then that has it, and
 * finds out by itself that no more comes. */
static void
going_stop(struct takeover *t, struct going *g)
{
	if (!g->may_have_left)
		say_stop(t, g->place, g->number);
	tell_home(t, g->home, TAKEOVER_NOTE_STOP, g->place, g->number, false);
	going_free(t, g);
}

static void
say_nothing(struct takeover *t, unsigned place, uint64_t number, uint8_t again)
{
	(void)!send_bytes(
	    t, place, TAKEOVER_NOTHING, number, slice_of(&again, 1), SLICE_NONE);
}

static void
on_take(struct takeover *t, unsigned place, uint64_t number, struct rbuf *r)
{
	unsigned how = rbuf_u8(r);
	uint64_t since = how == TAKEOVER_COMPARE ? rbuf_u64(r) : 0;
	struct slice id = rbuf_rest(r);
	struct takeover_note *note;
	struct going *g;

	if (r->err != EM_OK || how >= TAKEOVER_HOW_N || id.n == 0 ||
	    id.n > CLIENTID_MAX || find_going(t, place, number) != NULL)
		return;
	if (t->n_going >= GOING_MOST || t->n_going_to[place] >= GOING_EACH) {
		say_nothing(t, place, number, 1);
		return;
	}
	g = MEM_NEW(struct going);
	g->t = t;
	g->place = place;
	g->number = number;
	g->home = registry_home(id);
	g->until = mono_add(clock_mono(), TAKEOVER_PATIENCE);
	list_push(&t->going, &g->node);
	t->n_going++;
	t->n_going_to[place]++;
	note = takeover_note(t, TAKEOVER_NOTE_TAKE, place, number, id);
	note->count = how;
	note->since = since;
	takeover_post(g->home, note);
}

/* What waits, as far as it fits; @g may be gone. */
static void
send_parts(struct takeover *t, struct going *g)
{
	while (g->first != NULL) {
		struct takeover_note *note = g->first;
		uint8_t count[4];
		struct wbuf w = wbuf_fixed(count, sizeof count);
		bool is_last = note->flag;
		em_err err;

		wbuf_u32(&w, g->parts);
		err = send_bytes(t, g->place, TAKEOVER_PART, g->number, wbuf_slice(&w),
		    slice_of(note->bytes, note->n));
		if (err == EM_FULL)
			return; /* with the next tick */
		if (err != EM_OK) {
			going_stop(t, g);
			return;
		}
		g->parts++;
		g->first = (struct takeover_note *)(void *)note->letter.next;
		takeover_free_note(note);
		if (is_last) {
			going_free(t, g);
			return;
		}
	}
}

/* True: it keeps the note. */
static bool
going_from_home(struct takeover *t, struct takeover_note *note)
{
	struct going *g = find_going(t, note->place, note->number);

	if (g == NULL)
		return false;
	if (note->what != TAKEOVER_NOTE_SEND) {
		if (note->what == TAKEOVER_NOTE_NONE)
			say_nothing(t, g->place, g->number, note->flag);
		else
			say_stop(t, g->place, g->number);
		going_free(t, g);
		return false;
	}
	note->letter.next = NULL;
	if (g->first == NULL)
		g->first = note;
	else
		g->last->letter.next = &note->letter;
	g->last = note;
	send_parts(t, g);
	return true;
}

/* ---- what comes in */

static void
on_fenced_going(struct fence_wait *w)
{
	struct going *g = LIST_OWNER(w, struct going, fence);

	g->is_fencing = false;
	g->until = mono_add(clock_mono(), TAKEOVER_PATIENCE);
	tell_home(g->t, g->home, TAKEOVER_NOTE_LEAVE, g->place, g->number, false);
}

/* The session may go once all is here that was sent to it here. */
static void
leave(struct takeover *t, struct going *g)
{
	if (g->may_have_left)
		return;
	g->may_have_left = g->is_fencing = true;
	g->fence.done = on_fenced_going;
	t->links.fence(t->links.arg, &g->fence);
}

static void
frame_of_going(
    struct takeover *t, unsigned place, enum takeover_frame frame, uint64_t number)
{
	struct going *g = find_going(t, place, number);

	if (g == NULL)
		return;
	g->until = mono_add(clock_mono(), TAKEOVER_PATIENCE);
	if (frame == TAKEOVER_LEAVE) {
		leave(t, g);
		return;
	}
	if (frame == TAKEOVER_MORE) {
		if (g->more == g->parts)
			return; /* nonsense */
		g->more++;
		tell_home(t, g->home, TAKEOVER_NOTE_MORE, place, number, false);
		return;
	}
	tell_home(t, g->home, TAKEOVER_NOTE_STOP, place, number, false);
	going_free(t, g);
}

static void
frame_of_coming(
    struct takeover *t, struct coming *c, enum takeover_frame frame, struct rbuf *r)
{
	if (frame == TAKEOVER_NOTHING)
		on_nothing(t, c, r);
	else if (frame == TAKEOVER_PART)
		on_part(t, c, r);
	else
		coming_over(t, c, TAKEOVER_STAYS);
}

/* Is it one of ours, asked there? */
static struct coming *
coming_from(struct takeover *t, unsigned place, uint64_t number)
{
	struct coming *c = find_coming(t, number);

	return c != NULL && c->place == place && c->state >= COMING_ASKED ? c : NULL;
}

void
takeover_on_frame(
    struct takeover *t, unsigned place, enum takeover_frame frame, struct slice body)
{
	struct rbuf r = rbuf_of(body);
	uint64_t number = rbuf_u64(&r);
	struct coming *c;

	if (r.err != EM_OK)
		return;
	switch (frame) {
	case TAKEOVER_TAKE: on_take(t, place, number, &r); return;
	case TAKEOVER_MORE:
	case TAKEOVER_LEAVE: frame_of_going(t, place, frame, number); return;
	case TAKEOVER_NOTHING:
	case TAKEOVER_PART:
	case TAKEOVER_STOP: break;
	case TAKEOVER_TWIN:
		takeover_twins_on_frame(t, place, number, rbuf_rest(&r));
		return;
	case TAKEOVER_FRAME_N: return;
	}
	/* Numbers of the two directions are different nodes' and may be equal. */
	c = coming_from(t, place, number);
	if (c != NULL)
		frame_of_coming(t, c, frame, &r);
	else if (frame == TAKEOVER_PART)
		say_stop(t, place, number);
	if (frame == TAKEOVER_STOP)
		frame_of_going(t, place, frame, number);
	start_more(t);
}

void
takeover_at_link(struct letter *l)
{
	struct takeover_note *note = (struct takeover_note *)(void *)l;
	struct takeover *t = note->t;

	if (note->what == TAKEOVER_NOTE_CHANGED)
		t->links.changed(t->links.arg, note->number, note->flag);
	else if (note->what == TAKEOVER_NOTE_ASK)
		on_ask(t, note);
	else if (note->what < TAKEOVER_NOTE_ASK)
		takeover_twins_from_home(&t->twins, note);
	else if (note->what < TAKEOVER_NOTE_NONE)
		coming_from_home(t, note);
	else if (going_from_home(t, note))
		return;
	start_more(t);
	takeover_free_note(note);
}

struct takeover_twins *
takeover_twins_of(struct takeover *t)
{
	return &t->twins;
}

void
takeover_on_twin(struct takeover *t, uint64_t hash)
{
	takeover_twins_add(&t->twins, hash);
}

/* ---- times, and the end of a peer */

void
takeover_on_down(struct takeover *t, unsigned place)
{
	LIST_EACH_SAFE (n, &t->coming) {
		struct coming *c = LIST_OWNER(n, struct coming, node);

		if (c->place == place)
			coming_lost(t, c);
	}
	LIST_EACH_SAFE (n, &t->going) {
		struct going *g = LIST_OWNER(n, struct going, node);

		if (g->place == place)
			going_stop(t, g);
	}
	start_more(t);
}

static void
on_tick(struct timer *timer)
{
	struct takeover *t = LIST_OWNER(timer, struct takeover, tick);
	mono_t now = clock_mono();

	LIST_EACH_SAFE (n, &t->coming) {
		struct coming *c = LIST_OWNER(n, struct coming, node);

		if (c->state == COMING_SETTLES) {
			ask_one(t, c);
		} else if (now.ns >= c->until.ns) {
			say_stop(t, c->place, c->number);
			coming_lost(t, c);
		} else if (c->state == COMING_AGAIN) {
			ask_again(t, c);
		} else {
			say_on(t, c);
		}
	}
	for (unsigned i = 0; i < NODES_MAX && t->n_waiting > 0; i++)
		give_up_waiting(t, &t->from[i]);
	LIST_EACH_SAFE (n, &t->going) {
		struct going *g = LIST_OWNER(n, struct going, node);

		if (now.ns >= g->until.ns)
			going_stop(t, g);
		else
			send_parts(t, g);
	}
	start_more(t);
	takeover_twins_tick(&t->twins, t);
	timer_arm(&t->tick, TICK, on_tick);
}

/* ---- birth and death */

struct takeover *
takeover_new(const struct takeover_links *links)
{
	struct takeover *t = MEM_NEW(struct takeover);

	t->links = *links;
	t->twins.links = &t->links;
	list_init(&t->coming);
	list_init(&t->going);
	for (unsigned i = 0; i < NODES_MAX; i++)
		list_init(&t->from[i].waiting);
	return t;
}

void
takeover_use(struct takeover *t, bool has_others)
{
	if (t->has_others == has_others)
		return;
	t->has_others = has_others;
	for (unsigned i = 0; i < worker_count(); i++)
		tell_home(t, worker_get(i), TAKEOVER_NOTE_USE, 0, 0, has_others);
	if (has_others)
		timer_arm(&t->tick, TICK, on_tick);
}

void
takeover_counts(
    const struct takeover *t, unsigned *coming, unsigned *waiting, unsigned *going)
{
	*coming = t->n_coming;
	*waiting = t->n_waiting;
	*going = t->n_going;
}

void
takeover_stop(struct takeover *t)
{
	timer_cancel(&t->tick);
}

void
takeover_free(struct takeover **tp)
{
	struct takeover *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	CHECK(!timer_is_armed(&t->tick));
	while (!list_is_empty(&t->coming))
		coming_free(t, LIST_OWNER(t->coming.next, struct coming, node));
	for (unsigned i = 0; i < NODES_MAX; i++)
		while (!list_is_empty(&t->from[i].waiting))
			coming_free(
			    t, LIST_OWNER(t->from[i].waiting.next, struct coming, node));
	while (!list_is_empty(&t->going))
		going_free(t, LIST_OWNER(t->going.next, struct going, node));
	map_fini(&t->comings);
	hashes_fini(&t->twins.found);
	mem_free(t);
}
