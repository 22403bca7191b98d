/* SPDX-License-Identifier: Apache-2.0 */
/* session_export and session_import: a session that leaves is the one that comes. */
#include "tests/unit/session/house.h"
#include "emqxd/core/clock.h"
#include "emqxd/session/session_export.h"
#include "emqxd/session/session_import.h"
#include "emqxd/session/session_flat.h"
#include "ipc/base/rand.h"

#include <stdio.h>

#define ID "traveller"

static struct guest guest;

/* ---- bytes on their way */

struct parts {
	VEC(struct wbuf) v;
};

static void
parts_free(struct parts *p)
{
	for (size_t i = 0; i < p->v.n; i++)
		wbuf_fini(&p->v.p[i]);
	VEC_FINI(&p->v);
}

static void
add_parts(struct session_export *x, struct parts *p)
{
	bool is_over = false;

	while (!is_over) {
		struct wbuf w = wbuf_growing(SESSION_PART_MAX);

		OK(session_export_step(x, &w, &is_over) == EM_OK);
		VEC_ADD(&p->v, w);
	}
}

static void
take_parts(struct session_import *im, const struct parts *p, size_t from)
{
	for (size_t i = from; i < p->v.n; i++)
		EQ(session_import_part(im, wbuf_slice(&p->v.p[i])), EM_OK);
}

static struct session *
find(void)
{
	return registry_find(SLICE_LIT(ID));
}

/* Out and in again. */
static void
travel(struct parts *p)
{
	struct session_export *x = session_export_begin(SLICE_LIT(ID));
	struct session_import *im = session_import_begin(SLICE_LIT(ID));

	OK(x != NULL);
	add_parts(x, p);
	EQ(session_export_leave(x), EM_OK);
	OK(find() == NULL);
	add_parts(x, p);
	session_export_end(&x);
	take_parts(im, p, 0);
	OK(session_import_is_whole(im));
	EQ(session_import_finish(&im), EM_OK);
	OK(im == NULL && find() != NULL);
}

static bool
are_equal(const struct parts *a, const struct parts *b)
{
	if (a->v.n != b->v.n)
		return false;
	for (size_t i = 0; i < a->v.n; i++)
		if (!slice_eq(wbuf_slice(&a->v.p[i]), wbuf_slice(&b->v.p[i])))
			return false;
	return true;
}

/* ---- sessions of any kind */

static void
open_guest(uint16_t window, bool has_will)
{
	struct session_open o = { .clientid = SLICE_LIT(ID),
		.username = SLICE_LIT("user"),
		.peer = SLICE_LIT("127.0.0.1:9"),
		.mountpoint = SLICE_LIT("m/"),
		.has_username = true,
		.version = 5,
		.window = window,
		.keepalive = 77,
		.expiry = 3600,
		.to = &guest };
	struct message m = message_view(SLICE_LIT("will"), SLICE_LIT("bye"));
	bool present;

	if (has_will) {
		m.expires = (mono_t){ span_s(9).ns };
		o.will =
		    (struct session_will){ .message = message_keep(&m), .delay = 500 };
		message_done(&m);
	}
	memset(&guest, 0, sizeof guest);
	guest.session = session_open(&o, &present);
}

static void
publish(const char *topic, uint8_t qos, size_t size, bool expires)
{
	static uint8_t bytes[300000];
	struct message m;

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i * 31 + size);
	m = message_view(slice_str(topic), slice_of(bytes, size));
	m.qos = qos;
	m.from = SLICE_LIT("publisher");
	m.props = rand_below(2) != 0 ? SLICE_LIT("\x01\x01") : SLICE_NONE;
	if (expires)
		m.expires = mono_add(clock_mono(), span_s(1000));
	router_publish(&m);
	message_done(&m);
}

static size_t
any_size(void)
{
	switch (rand_below(8)) {
	case 0: return 0;
	case 1: return rand_below(300000);
	case 2: return rand_below(20000);
	}
	return rand_below(100);
}

static void
make_any(void)
{
	unsigned subs = (unsigned)rand_below(40), messages = (unsigned)rand_below(60);
	char text[32];

	open_guest((uint16_t)(1 + rand_below(20)), rand_below(2) != 0);
	house_sub(&guest, "", "t/#", 2);
	for (unsigned i = 0; i < subs; i++) {
		struct subopts o = { .id = (uint32_t)rand_below(5),
			.qos = (uint8_t)rand_below(3),
			.no_local = rand_below(2) != 0,
			.retain_handling = 2,
			.exclusive = i % 7 == 6 };

		snprintf(text, sizeof text, "f/%u/+", i);
		OK(session_subscribe(guest.session,
		       i % 3 == 0 && !o.exclusive ? SLICE_LIT("g") : SLICE_NONE,
		       slice_str(text), o) == EM_OK);
	}
	for (unsigned i = 0; i < messages; i++) {
		snprintf(text, sizeof text, rand_below(2) != 0 ? "t/%u" : "f/%u/x",
		    (unsigned)rand_below(40));
		publish(text, (uint8_t)rand_below(3), any_size(), i % 2 == 0);
		if (rand_below(4) != 0 || guest.id == 0)
			continue;
		if (session_puback(guest.session, guest.id) == EM_STATE)
			OK(session_pubrec(guest.session, guest.id, false) != EM_STATE);
	}
	for (unsigned i = 0; i < 80 && rand_below(60) != 0; i++)
		OK(session_await_pubrel(guest.session, (uint16_t)(1 + i * 7), 100) ==
		    EM_OK);
}

TEST(a_session_that_comes_is_the_one_that_left)
{
	uint32_t seq;

	house_begin();
	rand_seed(20261128);
	for (unsigned round = 0; round < 150; round++) {
		struct parts a = { 0 }, b = { 0 };

		make_any();
		if (rand_below(2) != 0)
			session_detach(guest.session, 3600, true);
		seq = guest.session->seq;
		travel(&a);
		OK(find()->to == NULL && !find()->is_frozen);
		EQ(find()->seq, seq);
		travel(&b);
		OK(are_equal(&a, &b));
		session_kick(find(), END_KICKED);
		parts_free(&a);
		parts_free(&b);
		if (round % 50 == 0)
			house_turn();
	}
}

TEST(who_is_connected_is_told_and_its_session_goes)
{
	struct parts p = { 0 };

	house_begin();
	open_guest(5, false);
	travel(&p);
	OK(guest.was_taken);
	parts_free(&p);
	open_guest(5, false); /* it finds it */
	EQ(registry_count_all(), 1);
	session_kick(guest.session, END_KICKED);
}

TEST(one_that_ends_with_its_connection_is_not_handed_over)
{
	house_begin();
	house_open(&guest, ID, 0);
	OK(session_export_begin(SLICE_LIT(ID)) == NULL);
	OK(guest.was_taken);
	OK(find() == NULL);
	OK(session_export_begin(SLICE_LIT(ID)) == NULL);
	OK(!session_export_discard(SLICE_LIT(ID)));
}

TEST(a_clean_start_elsewhere_ends_it)
{
	house_begin();
	house_open(&guest, ID, 100);
	OK(session_export_discard(SLICE_LIT(ID)));
	OK(guest.was_taken && find() == NULL);
}

/* What waits, as text: the payloads' first bytes. */
static void
say_queue(char *out)
{
	struct mqueue_at at = { 0 };
	const struct mqueue_entry *e;
	uint32_t priority;

	*out = '\0';
	while ((e = mqueue_next(find()->mqueue, &at, &priority)) != NULL)
		strncat(out, (const char *)e->message->payload.p, 1);
}

static void
send_word(const char *word)
{
	struct message m = message_view(SLICE_LIT("t"), slice_str(word));

	m.qos = 1;
	router_publish(&m);
	message_done(&m);
}

TEST(what_comes_meanwhile_follows_in_order)
{
	struct session_export *x;
	struct session_import *im = session_import_begin(SLICE_LIT(ID));
	struct parts p = { 0 };
	char text[16];

	house_begin();
	house_open(&guest, ID, 100);
	house_sub(&guest, "", "t", 1);
	send_word("a"); /* under way: the window is one */
	send_word("b");
	x = session_export_begin(SLICE_LIT(ID));
	send_word("c");
	add_parts(x, &p);
	send_word("d");
	EQ(session_export_leave(x), EM_OK);
	send_word("e"); /* nobody has it */
	add_parts(x, &p);
	session_export_end(&x);
	take_parts(im, &p, 0);
	EQ(session_import_finish(&im), EM_OK);
	say_queue(text);
	STR_EQ(text, "bcd");
	EQ(inflight_count(find()->inflight), 1);
	session_kick(find(), END_KICKED);
	parts_free(&p);
}

TEST(what_came_to_both_is_there_once)
{
	struct session_export *x;
	struct session_import *im = session_import_begin(SLICE_LIT(ID));
	struct parts p = { 0 };
	char text[16];
	size_t early;

	house_begin();
	house_open(&guest, ID, 100);
	house_sub(&guest, "", "t", 1);
	session_detach(guest.session, 100, false);
	send_word("a");
	x = session_export_begin(SLICE_LIT(ID));
	send_word("b");
	add_parts(x, &p);
	early = p.v.n;
	take_parts(im, &p, 0);
	OK(session_import_is_snapped(im) && !session_import_is_whole(im));
	send_word("c"); /* comes to both, */
	send_word("c"); /* and is twice the same */
	EQ(session_export_leave(x), EM_OK);
	send_word("d"); /* comes to the new home alone */
	send_word("c");
	add_parts(x, &p);
	session_export_end(&x);
	take_parts(im, &p, early);
	EQ(session_import_finish(&im), EM_OK);
	say_queue(text);
	STR_EQ(text, "abccdc");
	session_kick(find(), END_KICKED);
	parts_free(&p);
}

TEST(what_was_on_its_way_here_before_is_the_other_ends_but_for_groups)
{
	struct session_export *x;
	struct session_import *im = session_import_begin(SLICE_LIT(ID));
	struct parts p = { 0 };
	size_t early;

	house_begin();
	house_open(&guest, ID, 100);
	house_sub(&guest, "", "t", 1);
	house_sub(&guest, "g", "t", 1);
	session_detach(guest.session, 100, false);
	x = session_export_begin(SLICE_LIT(ID));
	add_parts(x, &p);
	early = p.v.n;
	take_parts(im, &p, 0);
	OK(session_import_is_snapped(im));
	/* Of each one to both, and one to one of the two members. */
	for (unsigned i = 0; i < 20; i++) {
		char word[] = { (char)('c' + i), '\0' };

		send_word(word);
	}
	session_import_fenced(im);
	send_word("b");
	EQ(session_export_leave(x), EM_OK);
	add_parts(x, &p);
	session_export_end(&x);
	take_parts(im, &p, early);
	EQ(session_import_finish(&im), EM_OK);
	EQ(mqueue_count(find()->mqueue), 2 * 21);
	session_kick(find(), END_KICKED);
	parts_free(&p);
}

TEST(without_the_other_end_it_goes_on_here)
{
	struct session_export *x;
	struct parts p = { 0 };
	char text[16];

	house_begin();
	house_open(&guest, ID, 100);
	house_sub(&guest, "", "t", 1);
	session_detach(guest.session, 100, false);
	send_word("a");
	x = session_export_begin(SLICE_LIT(ID));
	OK(session_export_begin(SLICE_LIT(ID)) == NULL);
	send_word("b");
	add_parts(x, &p);
	EQ(session_subscribe(find(), SLICE_NONE, SLICE_LIT("u"), (struct subopts){ 0 }),
	    EM_BUSY);
	session_export_end(&x);
	OK(!find()->is_frozen && timer_is_armed(&find()->timer));
	say_queue(text);
	STR_EQ(text, "ab");
	session_kick(find(), END_KICKED);
	parts_free(&p);
}

TEST(a_client_that_comes_back_has_its_session_again)
{
	struct session_export *x;
	struct parts p = { 0 };
	struct wbuf w = wbuf_growing(SESSION_PART_MAX);
	bool is_over;

	house_begin();
	open_guest(5, false);
	x = session_export_begin(SLICE_LIT(ID));
	add_parts(x, &p);
	open_guest(5, false);
	EQ(session_export_leave(x), EM_STATE);
	EQ(session_export_step(x, &w, &is_over), EM_STATE);
	session_export_end(&x);
	OK(find() == guest.session && guest.session->to == &guest);
	x = session_export_begin(SLICE_LIT(ID));
	session_kick(find(), END_KICKED);
	EQ(session_export_leave(x), EM_STATE);
	session_export_end(&x);
	parts_free(&p);
}

TEST(what_breaks_off_leaves_nothing_and_its_share_goes_on)
{
	struct session_export *x;
	struct session_import *im = session_import_begin(SLICE_LIT(ID));
	struct parts p = { 0 };
	struct guest other;

	house_begin();
	house_open(&guest, ID, 100);
	house_sub(&guest, "g", "job", 1);
	x = session_export_begin(SLICE_LIT(ID));
	add_parts(x, &p);
	EQ(session_export_leave(x), EM_OK);
	session_export_end(&x);
	take_parts(im, &p, 0);
	EQ(house_pub("job", 1), 1); /* comes to whom is not here yet */
	house_open(&other, "other", 100);
	house_sub(&other, "g", "job", 1);
	session_import_drop(&im);
	OK(im == NULL && find() == NULL);
	EQ(other.got, 1);
	session_kick(other.session, END_KICKED);
	EQ(router_subscriptions_count(), 0);
	parts_free(&p);
}

TEST(a_session_of_that_id_is_not_replaced)
{
	struct session_export *x;
	struct session_import *im = session_import_begin(SLICE_LIT(ID));
	struct parts p = { 0 };

	house_begin();
	house_open(&guest, ID, 100);
	x = session_export_begin(SLICE_LIT(ID));
	add_parts(x, &p);
	EQ(session_export_leave(x), EM_OK);
	add_parts(x, &p);
	session_export_end(&x);
	house_open(&guest, ID, 100);
	take_parts(im, &p, 0);
	EQ(session_import_finish(&im), EM_EXISTS);
	session_import_drop(&im);
	OK(find() == guest.session);
	session_kick(find(), END_KICKED);
	parts_free(&p);
}

TEST(many_subscriptions_come_in_bounded_parts)
{
	struct parts p = { 0 };
	char text[32];

	house_begin();
	house_open(&guest, ID, 100);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(text, sizeof text, "many/%u", i);
		house_sub(&guest, "", text, 1);
	}
	travel(&p);
	for (size_t i = 0; i < p.v.n; i++)
		OK(p.v.p[i].n <= SESSION_PART + 64);
	EQ(find()->subscriber.n, 20000);
	session_kick(find(), END_KICKED);
	while (router_subscriptions_count() > 0)
		loop_turn(worker_self()->loop);
	parts_free(&p);
}

TEST(what_cannot_be_is_refused)
{
	struct session_import *im = session_import_begin(SLICE_LIT("other"));
	struct session_export *x;
	struct parts p = { 0 };

	house_begin();
	house_open(&guest, ID, 100);
	x = session_export_begin(SLICE_LIT(ID));
	add_parts(x, &p);
	EQ(session_import_part(im, wbuf_slice(&p.v.p[0])), EM_MALFORMED);
	session_import_drop(&im);
	p.v.p[0].p[6] = 9; /* the version */
	im = session_import_begin(SLICE_LIT(ID));
	EQ(session_import_part(im, wbuf_slice(&p.v.p[0])), EM_UNSUPPORTED);
	EQ(session_import_finish(&im), EM_STATE);
	session_import_drop(&im);
	session_export_end(&x);
	session_kick(find(), END_KICKED);
	parts_free(&p);
}
