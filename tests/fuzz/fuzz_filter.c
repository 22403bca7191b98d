/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_filter: a script for the router and the retained store, a line a step: its first
 * byte says what, the rest is a filter or topic.  After each step both agree with a
 * plain list.
 *
 *	+F subscribes   -F unsubscribes   ?T publishes   !T retains   .T clears   =F looks
 */
#include "emqxd/core/jobs.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/topic.h"
#include "emqxd/retain/retain.h"
#include "emqxd/router/router.h"
#include "ipc/base/vec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct script {
	struct subscriber s;
	VEC(struct slice) filters, topics; /* subscribed, retained */
	unsigned got;
};

static bool
on_deliver(struct subscriber *s, const struct subscription *sub, struct message *m)
{
	CHECK(topic_match(router_filter(sub), m->topic));
	((struct script *)s)->got++;
	return true;
}

static void
begin(void)
{
	if (worker_current != NULL)
		return;
	worker_init(1);
	CHECK(jobs_start(1) == EM_OK);
	worker_act_as(worker_get(0));
	router_birth(on_deliver);
	router_worker_birth();
	retain_birth();
}

static size_t
index_of(const struct slice *v, size_t n, struct slice s)
{
	size_t i = 0;

	while (i < n && !slice_eq(v[i], s))
		i++;
	return i;
}

static void
subscribe(struct script *k, struct slice filter)
{
	bool is_known = index_of(k->filters.p, k->filters.n, filter) < k->filters.n;
	bool is_new;
	em_err err;

	err = router_subscribe(&k->s, SLICE_NONE, filter, (struct subopts){ 0 }, &is_new);
	CHECK(err == EM_OK && is_new == !is_known);
	if (is_new)
		VEC_ADD(&k->filters, filter);
	CHECK(router_lookup(filter));
}

static void
unsubscribe(struct script *k, struct slice filter)
{
	size_t i = index_of(k->filters.p, k->filters.n, filter);
	em_err err = router_unsubscribe(&k->s, SLICE_NONE, filter);

	CHECK((err == EM_OK) == (i < k->filters.n));
	if (err == EM_OK)
		k->filters.p[i] = k->filters.p[--k->filters.n];
	CHECK(!router_lookup(filter));
}

static void
publish(struct script *k, struct slice topic)
{
	struct message m = message_view(topic, SLICE_NONE);
	unsigned n = 0;

	for (size_t i = 0; i < k->filters.n; i++)
		n += topic_match(k->filters.p[i], topic);
	k->got = 0;
	CHECK(router_publish(&m).receivers == n && k->got == n);
	message_done(&m);
}

static void
retain(struct script *k, struct slice topic, bool stays)
{
	struct message m = message_view(topic, stays ? SLICE_LIT("x") : SLICE_NONE);
	size_t i = index_of(k->topics.p, k->topics.n, topic);

	CHECK(retain_store(&m, NULL) == EM_OK);
	message_done(&m);
	if (stays && i == k->topics.n)
		VEC_ADD(&k->topics, topic);
	if (!stays && i < k->topics.n)
		k->topics.p[i] = k->topics.p[--k->topics.n];
	CHECK(retain_count() == k->topics.n);
}

static void
look(struct script *k, struct slice filter)
{
	struct retain_cursor *c = retain_open(filter);
	size_t want = 0, found = 0;
	bool done = false;

	for (size_t i = 0; i < k->topics.n; i++)
		want += topic_match(filter, k->topics.p[i]);
	while (!done) {
		struct message *m = retain_next(c, &done);

		CHECK(m == NULL || topic_match(filter, m->topic));
		found += m != NULL;
		message_unref(&m);
	}
	CHECK(found == want);
	retain_close(&c);
}

static void
step(struct script *k, uint8_t what, struct slice text)
{
	bool is_filter = topic_filter_is_valid(text);
	bool is_topic = topic_name_is_valid(text) && memchr(text.p, 0, text.n) == NULL;

	if (text.n > UINT16_MAX)
		return;
	if (what == '+' && is_filter)
		subscribe(k, text);
	else if (what == '-' && is_filter)
		unsubscribe(k, text);
	else if (what == '?' && is_topic)
		publish(k, text);
	else if ((what == '!' || what == '.') && is_topic)
		retain(k, text, what == '!');
	else if (what == '=' && is_filter && memchr(text.p, 0, text.n) == NULL)
		look(k, text);
}

static void
end(struct script *k)
{
	router_unsubscribe_some(&k->s, UINT32_MAX);
	CHECK(router_filters() == 0 && router_subscriptions_count() == 0);
	while (k->topics.n > 0)
		retain(k, k->topics.p[0], false);
	CHECK(retain_bytes() == 0);
	VEC_FINI(&k->filters);
	VEC_FINI(&k->topics);
	loop_hurry(worker_self()->loop);
	loop_turn(worker_self()->loop);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of(data, size);
	struct script k = { .got = 0 };

	begin();
	while (rest.n > 0) {
		const uint8_t *stop = memchr(rest.p, '\n', rest.n);
		struct slice line =
		    stop != NULL ? slice_head(rest, (size_t)(stop - rest.p)) : rest;

		if (line.n > 1)
			step(&k, line.p[0], slice_from(line, 1));
		rest = slice_from(rest, line.n + 1);
	}
	end(&k);
	return 0;
}
