/* SPDX-License-Identifier: Apache-2.0 */
/*
 * house: one worker with sessions, without a network: clients are counters that take
 * what they are told to take.
 */
#ifndef TESTS_UNIT_SESSION_HOUSE_H
#define TESTS_UNIT_SESSION_HOUSE_H

#include "emqxd/conf/snapshot.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/loop.h"
#include "emqxd/model/hook.h"
#include "emqxd/model/metrics.h"
#include "emqxd/router/router.h"
#include "emqxd/session/inside.h"
#include "tests/unit/conf/fixture.h"

#include <stdlib.h>

struct guest {
	struct session *session;
	unsigned got;
	bool is_full;   /* takes nothing */
	uint16_t id;    /* of the last QoS 1 or 2 message */
	bool was_taken; /* its session left it */
};

static inline bool
house_publish(void *to, struct message *m, const struct session_out *out)
{
	struct guest *g = to;

	(void)m;
	g->got++;
	g->id = out->packet_id;
	return true;
}

static inline void
house_pubrel(void *to, uint16_t id)
{
	(void)to;
	(void)id;
}

static inline bool
house_can_take(void *to)
{
	return !((struct guest *)to)->is_full;
}

static inline void
house_taken(void *to, end_reason why)
{
	(void)why;
	((struct guest *)to)->was_taken = true;
}

static inline void
house_facts(void *to, struct session_facts *f)
{
	(void)to;
	(void)f;
}

static inline void
house_info(void *to, struct clientinfo *who)
{
	(void)to;
	(void)who;
}

/* Threads end, and what they never met is given back. */
static inline void
house_end(void)
{
	qsbr_offline();
	jobs_stop();
	qsbr_online();
	retain_death();
}

static inline void
house_begin(void)
{
	static const struct session_sink sink = { house_publish, house_pubrel,
		house_can_take, house_taken, house_facts, house_info };
	struct loaded l;

	if (worker_current != NULL)
		return;
	worker_init(1);
	OK(jobs_start(1) == EM_OK);
	atexit(house_end);
	conf_birth(NULL);
	l = fixture_takes("");
	conf_publish(&l.s);
	fixture_free(&l);
	hook_birth();
	router_birth(session_deliver);
	retain_birth();
	session_birth(&sink);
	worker_act_as(worker_get(0));
	router_worker_birth();
	session_worker_birth();
}

static inline void
house_turn(void)
{
	loop_hurry(worker_self()->loop);
	loop_turn(worker_self()->loop);
}

static inline void
house_open(struct guest *g, const char *id, uint32_t expiry)
{
	bool present;

	memset(g, 0, sizeof *g);
	g->session = session_open(&(struct session_open){ .clientid = slice_str(id),
				      .version = 5,
				      .window = 1,
				      .expiry = expiry,
				      .to = g },
	    &present);
	OK(!present);
}

static inline void
house_sub(struct guest *g, const char *group, const char *filter, uint8_t qos)
{
	OK(session_subscribe(g->session, slice_str(group), slice_str(filter),
	       (struct subopts){ .qos = qos }) == EM_OK);
}

static inline unsigned
house_pub(const char *topic, uint8_t qos)
{
	struct message m = message_view(slice_str(topic), SLICE_LIT("x"));
	unsigned n;

	m.qos = qos;
	n = router_publish(&m).receivers;
	message_done(&m);
	return n;
}

#endif
