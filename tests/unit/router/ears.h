/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ears: subscribers that count what they hear, on two workers that one thread plays.
 */
#ifndef TESTS_UNIT_ROUTER_EARS_H
#define TESTS_UNIT_ROUTER_EARS_H

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

static inline bool
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
		router_unsubscribe_some(s, UINT32_MAX);
	return true;
}

static inline void
as(unsigned id)
{
	worker_act_as(worker_get(id));
}

/* So many rounds of letters: what a turn collects goes when the next one begins. */
static inline void
turns(unsigned n)
{
	struct worker *was = worker_current;

	for (n *= 2; n > 0; n--)
		for (unsigned i = 0; i < worker_count(); i++) {
			as(i);
			loop_hurry(worker_self()->loop);
			loop_turn(worker_self()->loop);
		}
	worker_act_as(was);
}

static inline void
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

static inline bool
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

static inline em_err
unsub(struct ear *e, const char *group, const char *filter)
{
	return router_unsubscribe(&e->s, slice_str(group), slice_str(filter));
}

static inline void
gone(struct ear *e)
{
	struct worker *was = worker_current;

	as(e->s.home);
	router_unsubscribe_some(&e->s, UINT32_MAX);
	message_unref(&e->kept);
	worker_act_as(was);
}

static inline void
set_online(struct ear *e, bool online)
{
	struct worker *was = worker_current;

	as(e->s.home);
	router_set_online(&e->s, online);
	worker_act_as(was);
}

static inline unsigned
pub_from(const char *from, const char *topic, const char *payload, uint8_t qos)
{
	struct message m = message_view(slice_str(topic), slice_str(payload));
	struct router_result r;

	m.qos = qos;
	m.publisher = 77;
	m.from = slice_str(from);
	r = router_publish(&m);
	message_done(&m);
	OK(r.is_full == NULL);
	return r.receivers;
}

static inline unsigned
pub_qos(const char *topic, const char *payload, uint8_t qos)
{
	return pub_from("me", topic, payload, qos);
}

static inline unsigned
pub(const char *topic)
{
	return pub_qos(topic, "hello", 0);
}

#endif
