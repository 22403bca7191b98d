/* SPDX-License-Identifier: Apache-2.0 */
/* What is in force. */
#include "ipc/base/mem.h"
#include "tests/unit/conf/fixture.h"

#include <pthread.h>

struct retired {
	void *p;
	size_t n;
	void (*free)(void *p, size_t n);
};

/* The cell has no argument for its owner: the node's slot of another room serves. */
static void
retire(void *p, size_t n, void (*free)(void *p, size_t n))
{
	struct retired *r = node_slot(ROOM_APP);

	*r = (struct retired){ p, n, free };
}

static void
publish(const char *text)
{
	const struct conf_snapshot *before = conf_current();
	struct loaded l = fixture_load(text, NULL, before);

	OK(l.err == EM_OK);
	conf_publish(&l.s);
	OK(l.s == NULL);
	fixture_free(&l);
}

TEST(nothing_is_in_force_before_the_first)
{
	conf_birth(NULL);
	OK(conf_current() == NULL);
	conf_death();
}

TEST(what_was_published_is_got)
{
	const struct zone *z;
	const struct core_conf *c;

	conf_birth(NULL);
	publish("mqtt.max_inflight = 5\nnode.name = n1\nzones.a.mqtt.max_inflight = 6\n");
	z = conf_get(CONF_ZONES);
	EQ(conf_count(CONF_ZONES), 2);
	EQ(z->max_inflight, 5);
	EQ(zone_get(1)->max_inflight, 6);
	EQ(zone_get(77)->max_inflight, 5);
	c = conf_get(CONF_CORE);
	STR_EQ(c->node_name, "n1");
	publish("mqtt.max_inflight = 7\n");
	z = conf_get(CONF_ZONES);
	EQ(z->max_inflight, 7);
	EQ(zone_get(1)->max_inflight, 7);
	conf_death();
}

TEST(the_former_is_retired_not_freed)
{
	struct retired r = { 0 };
	const struct zone *former;

	node_slot_set(ROOM_APP, &r);
	conf_birth(retire);
	publish("mqtt.max_inflight = 5\n");
	OK(r.p == NULL);
	former = conf_get(CONF_ZONES);
	publish("mqtt.max_inflight = 6\n");
	OK(r.p != NULL);
	OK(r.n > 0);
	EQ(former->max_inflight, 5);
	r.free(r.p, r.n);
	conf_death();
	node_slot_set(ROOM_APP, NULL);
}

struct reader {
	_Atomic bool stop;
	_Atomic bool torn;
};

static void *
read_often(void *arg)
{
	struct reader *r = arg;

	while (!atomic_load(&r->stop)) {
		const struct zone *z = conf_get(CONF_ZONES);

		if (z->max_inflight != z->max_awaiting_rel)
			atomic_store(&r->torn, true);
	}
	return NULL;
}

static void
keep(void *p, size_t n, void (*free)(void *p, size_t n))
{
	(void)n;
	(void)free;
	VEC(void *) *kept = node_slot(ROOM_APP);

	VEC_ADD(kept, p);
}

TEST(a_reader_on_another_thread_never_sees_half_of_one)
{
	VEC(void *) kept = { 0 };
	struct reader r = { 0 };
	struct str text = { 0 };
	pthread_t thread;

	node_slot_set(ROOM_APP, &kept);
	conf_birth(keep);
	publish("mqtt { max_inflight = 1, max_awaiting_rel = 1 }\n");
	OK(pthread_create(&thread, NULL, read_often, &r) == 0);
	for (int i = 2; i < 50; i++) {
		str_reset(&text);
		str_addf(
		    &text, "mqtt { max_inflight = %d, max_awaiting_rel = %d }\n", i, i);
		publish(str_get(&text));
	}
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	OK(!atomic_load(&r.torn));
	for (size_t i = 0; i < kept.n; i++) {
		struct conf_snapshot *s = kept.p[i];

		conf_snapshot_free(&s);
	}
	VEC_FINI(&kept);
	conf_death();
	node_slot_set(ROOM_APP, NULL);
	str_fini(&text);
}
