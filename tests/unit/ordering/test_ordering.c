/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of rows on their way between two nodes: here from one store to itself. */
#include "emqxd/ordering/ordering_inside.h"
#include "emqxd/core/alarm.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/model/nodes.h"
#include "emqxd/store/ordered.h"
#include "ipc/base/wbuf.h"
#include "tests/unit/link/houses.h"
#include "tests/unit/turn.h"

#include <stdlib.h>
#include <unistd.h>

static char dir[64];
static struct ordering *giver; /* b's */
static struct home a, b;
static em_err fetched;
static char why[100];

static void
turn(struct worker *w)
{
	turn_of(w);
	worker_act_as(worker_link());
}

static struct link_peer *
start(void)
{
	static const struct store_metrics metrics = { 0, 1, 2 };
	struct fault f = { .err = EM_OK };

	strcpy(dir, "/tmp/emqxd-order-XXXXXX");
	OK(mkdtemp(dir) != NULL);
	worker_init(1);
	OK(jobs_start(1) == EM_OK);
	alarm_birth();
	nodes_birth("a", 1);
	OK(store_birth(dir, 1 << 24, &metrics, &f) == EM_OK);
	OK(store_recover(&f) == EM_OK);
	worker_act_as(worker_store());
	store_worker_birth();
	worker_act_as(worker_link());
	houses_new(&a, "a", 1);
	houses_new(&b, "b", 2);
	ordering_birth(b.house);
	giver = node_slot(ROOM_ORDERING);
	ordering_birth(a.house);
	houses_know(&b, &a);
	return houses_know(&a, &b);
}

static void
stop(void)
{
	char path[100];

	ordering_death();
	node_slot_set(ROOM_ORDERING, giver);
	ordering_death();
	houses_free(&a);
	houses_free(&b);
	worker_act_as(worker_store());
	store_worker_death();
	worker_act_as(worker_link());
	mailbox_open_all(worker_link());
	worker_act_as(worker_main());
	store_death();
	nodes_death();
	alarm_death();
	qsbr_offline();
	jobs_stop();
	qsbr_online();
	worker_fini();
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	unlink(path);
	snprintf(path, sizeof path, "%s/lock.mdb", dir);
	unlink(path);
	rmdir(dir);
}

static void
on_fetched(void *arg, em_err err, const char *text)
{
	(void)arg;
	fetched = err;
	snprintf(why, sizeof why, "%s", text);
}

static void
put(unsigned n)
{
	char key[20];
	uint8_t *p;

	for (unsigned i = 0; i < n; i++) {
		struct change *c;

		snprintf(key, sizeof key, "t/%u", i);
		c = change_put(CHANGE_RETAINED, slice_str(key), 100, &p);
		memset(p, 'x', 100);
		change_send(&c, NULL, NULL);
	}
	turn(worker_store());
}

static void
fetch(struct link_peer *from)
{
	fetched = EM_AGAIN;
	ordering_fetch(from, on_fetched, NULL);
	EQ(fetched, EM_AGAIN);
	while (fetched == EM_AGAIN) {
		turn(worker_store());
		loop_hurry(worker_self()->loop);
		houses_turn();
	}
}

TEST(rows_are_fetched_part_by_part_and_the_groups_are_ordered_then)
{
	struct link_peer *p = start();

	put(3000);
	HOUSES_UNTIL(houses_is_up(p) || houses_has(&a, "b:ctl_up"));
	fetch(p);
	STR_EQ(why, "");
	EQ(fetched, EM_OK);
	OK(store_is_ordered(CHANGE_GROUP_RET) && store_is_ordered(CHANGE_GROUP_META));
	OK(!store_is_importing(CHANGE_GROUP_RET) && !ordering_is_started());
	/* A second one beside it is refused. */
	fetched = EM_AGAIN;
	ordering_fetch(p, on_fetched, NULL);
	ordering_fetch(p, on_fetched, NULL);
	while (fetched == EM_AGAIN)
		houses_turn();
	EQ(fetched, EM_BUSY);
	stop();
}

static void
on_reply(struct link_peer *p, em_err err, struct slice body, void *arg)
{
	(void)p;
	(void)body;
	(void)arg;
	fetched = err;
}

/* To have rows that have come to @least. */
static em_err
ask(struct link_peer *p, uint64_t least)
{
	uint8_t body[17];
	struct wbuf w = wbuf_fixed(body, sizeof body);

	wbuf_u8(&w, CHANGE_GROUP_RET);
	wbuf_u64(&w, 0);
	wbuf_u64(&w, least);
	EQ(link_request(p, LINK_ORDER_FETCH, wbuf_slice(&w), span_s(20), on_reply, NULL),
	    EM_OK);
	fetched = EM_MALFORMED;
	while (fetched == EM_MALFORMED) {
		loop_hurry(worker_self()->loop);
		houses_turn();
	}
	return fetched;
}

TEST(rows_that_are_older_than_asked_for_are_not_given_out)
{
	struct link_peer *p = start();

	ordering_begin_rows();
	turn(worker_store());
	HOUSES_UNTIL(houses_has(&a, "b:ctl_up"));
	EQ(store_applied(CHANGE_GROUP_RET), 0);
	EQ(ask(p, 1), EM_AGAIN);
	EQ(ask(p, 0), EM_OK);
	ordering_stop();
	stop();
}

TEST(a_node_that_is_away_has_no_rows)
{
	struct link_peer *p = start();

	link_house_stop(b.house);
	fetch(p);
	EQ(fetched, EM_UNREACHABLE);
	stop();
}
