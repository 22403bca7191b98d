/* SPDX-License-Identifier: Apache-2.0 */
/* router: who gets what, on one worker and across two, against a plain list. */
#include "emqxd/router/router.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/topic.h"
#include "emqxd/router/inside.h"
#include "emqxd/router/route.h"
#include "emqxd/router/share.h"
#include "ipc/base/mem.h"
#include "ipc/base/rand.h"
#include "ipc/base/vec.h"
#include "tests/unit/tap.h"

#include <stdio.h>

#define WORKERS 2u

/* A subscriber that notes what comes. */
struct ear {
	struct subscriber s;
	unsigned got;
	bool refuses, leaves;
	char topic[80];
	char payload[80];
	size_t payload_n;
	uint8_t qos;
	bool retain;
	uint64_t publisher;
	uint32_t id; /* of the subscription that brought the last one */
	struct slice wire;
	struct message *kept;
};

static unsigned deliveries;

static bool
on_deliver(struct subscriber *s, const struct subscription *sub, struct message *m)
{
	struct ear *e = (struct ear *)s;

	OK(worker_self()->id == s->home);
	OK(sub >= router_subscriptions(s) && sub < router_subscriptions(s) + s->n);
	OK(topic_match(router_filter(sub), m->topic));
	if (e->refuses)
		return false;
	deliveries++;
	e->got++;
	snprintf(e->topic, sizeof e->topic, "%.*s", SLICE_FMT(m->topic));
	e->payload_n = m->payload.n;
	snprintf(e->payload, sizeof e->payload, "%.*s",
	    (int)(m->payload.n < 79 ? m->payload.n : 79), (const char *)m->payload.p);
	e->qos = m->qos;
	e->retain = m->retain;
	e->publisher = m->publisher;
	e->id = sub->opts.id;
	e->wire = m->wire;
	if (m->qos > 0 && e->kept == NULL)
		e->kept = message_keep(m);
	if (e->leaves)
		router_unsubscribe_all(s);
	return true;
}

static void
as(unsigned id)
{
	worker_act_as(worker_get(id));
}

/* A turn of each worker: what is to be posted is posted, then opened. */
static void
turns(unsigned n)
{
	struct worker *was = worker_current;

	while (n-- > 0)
		for (unsigned i = 0; i < worker_count(); i++) {
			as(i);
			loop_hurry(worker_self()->loop);
			loop_turn(worker_self()->loop);
		}
	worker_act_as(was);
}

static void
begin(void)
{
	if (inside_node() != NULL)
		return;
	worker_init(WORKERS);
	OK(jobs_start(1) == EM_OK);
	router_birth(on_deliver);
	for (unsigned i = 0; i < WORKERS; i++) {
		as(i);
		router_worker_birth();
	}
	as(0);
}

static bool
sub(struct ear *e, const char *group, const char *filter, uint8_t qos)
{
	struct worker *was = worker_current;
	bool is_new;

	as(e->s.home);
	OK(router_subscribe(&e->s, slice_str(group), slice_str(filter),
	       (struct subopts){ .qos = qos }, &is_new) == EM_OK);
	worker_act_as(was);
	return is_new;
}

static em_err
unsub(struct ear *e, const char *group, const char *filter)
{
	return router_unsubscribe(&e->s, slice_str(group), slice_str(filter));
}

static void
gone(struct ear *e)
{
	struct worker *was = worker_current;

	as(e->s.home);
	router_unsubscribe_all(&e->s);
	message_unref(&e->kept);
	worker_act_as(was);
}

static unsigned
pub_qos(const char *topic, const char *payload, uint8_t qos)
{
	struct message m = message_view(slice_str(topic), slice_str(payload));
	struct router_result r;

	m.qos = qos;
	m.publisher = 77;
	m.from = SLICE_LIT("me");
	r = router_publish(&m);
	message_done(&m);
	OK(r.is_full == NULL);
	return r.receivers;
}

static unsigned
pub(const char *topic)
{
	return pub_qos(topic, "hello", 0);
}

TEST(a_subscriber_gets_what_its_filter_matches)
{
	struct ear a = { 0 };

	begin();
	OK(sub(&a, "", "sensors/+/temp", 1));
	EQ(pub("sensors/7/temp"), 1);
	EQ(pub("sensors/7/hum"), 0);
	EQ(a.got, 1);
	STR_EQ(a.topic, "sensors/7/temp");
	STR_EQ(a.payload, "hello");
	EQ(router_filters(), 1);
	EQ(router_subscriptions_count(), 1);
	OK(unsub(&a, "", "sensors/+/temp") == EM_OK);
	OK(unsub(&a, "", "sensors/+/temp") == EM_NOTFOUND);
	EQ(pub("sensors/7/temp"), 0);
	EQ(router_filters(), 0);
	EQ(router_subscriptions_count(), 0);
}

TEST(subscribing_again_replaces_the_options)
{
	struct ear a = { 0 };
	bool is_new = true;

	begin();
	OK(sub(&a, "", "a/b", 0));
	OK(router_subscribe(&a.s, SLICE_NONE, slice_str("a/b"),
	       (struct subopts){ .id = 9, .qos = 2 }, &is_new) == EM_OK);
	OK(!is_new);
	EQ(pub("a/b"), 1);
	EQ(a.id, 9);
	EQ(a.s.n, 1);
	gone(&a);
}

TEST(a_letter_brings_all_fields_and_the_frame)
{
	struct ear b = { .s.home = 1 };
	const char frame[] = "0?..a/b..hello";
	struct slice wire = slice_of(frame, sizeof frame - 1);
	struct message m;
	struct router_result r;

	begin();
	sub(&b, "", "a/#", 1);
	m = message_view(slice_of(wire.p + 4, 3), slice_of(wire.p + 9, 5));
	m.wire = wire;
	m.wire_version = 4;
	m.from = SLICE_LIT("someone");
	m.props = SLICE_LIT("12345");
	m.qos = 1;
	m.retain = true;
	m.publisher = 42;
	r = router_publish(&m);
	message_done(&m);
	EQ(r.receivers, 1);
	EQ(b.got, 0);
	turns(2);
	EQ(b.got, 1);
	STR_EQ(b.topic, "a/b");
	STR_EQ(b.payload, "hello");
	EQ(b.qos, 1);
	EQ(b.publisher, 42);
	OK(b.retain);
	OK(b.kept != NULL && !b.kept->is_shared);
	OK(slice_eq_str(b.kept->from, "someone"));
	OK(slice_eq_str(b.kept->props, "12345"));
	EQ(b.wire.n, wire.n);
	gone(&b);
}

TEST(a_large_payload_is_shared_not_copied)
{
	struct ear a = { 0 }, b = { .s.home = 1 }, c = { .s.home = 1 };
	static char big[100000];
	struct message m;

	begin();
	memset(big, 'x', sizeof big - 1);
	sub(&a, "", "big", 1);
	sub(&b, "", "big", 1);
	sub(&c, "", "+", 1);
	m = message_view(slice_str("big"), slice_str(big));
	m.qos = 1;
	EQ(router_publish(&m).receivers, 3);
	message_done(&m);
	turns(2);
	OK(a.kept != NULL && a.kept == b.kept && b.kept == c.kept);
	EQ(a.kept->payload.n, sizeof big - 1);
	EQ(atomic_load(&a.kept->refs), 3);
	gone(&a);
	gone(&b);
	gone(&c);
}
