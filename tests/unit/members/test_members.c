/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of the table of members: rows from the store, and what higher rooms hear of them. */
#include "emqxd/members/members.h"
#include "emqxd/core/alarm.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/level.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/members/levels.h"
#include "emqxd/model/nodes.h"
#include "emqxd/store/change.h"
#include "tests/unit/link/houses.h"
#include "tests/unit/turn.h"

#include <stdlib.h>
#include <unistd.h>

static char dir[64];
static struct home a;
static struct str heard;

static bool
is_member(void)
{
	return true;
}

static void
on_cleaned(const struct member *m)
{
	str_addf(&heard, "cleaned:%.*s ", SLICE_FMT(m->name));
}

static void
on_not_cleaned(struct slice name)
{
	str_addf(&heard, "not:%.*s ", SLICE_FMT(name));
}

static void
on_gone(struct slice name)
{
	str_addf(&heard, "gone:%.*s ", SLICE_FMT(name));
}

static void
on_places(void)
{
	str_add(&heard, "places ");
}

static void
on_event(enum members_event event, void *arg)
{
	(void)arg;
	str_add(&heard, event == MEMBERS_REMOVED ? "removed " : "changed ");
}

static const struct members_ops ops = { .is_member = is_member,
	.on_cleaned = on_cleaned,
	.on_not_cleaned = on_not_cleaned,
	.on_gone = on_gone,
	.on_places = on_places };

/* What was heard since the last time. */
static const char *
news(void)
{
	static char last[200];

	snprintf(last, sizeof last, "%s", str_get(&heard));
	str_reset(&heard);
	return last;
}

static void
turn(struct worker *w)
{
	turn_of(w);
	worker_act_as(worker_link());
}

static void
say(struct change *c)
{
	OK(c != NULL);
	change_send(&c, NULL, NULL);
	turn(worker_store());
	turn(worker_link());
}

static void
put(const char *name, uint64_t site, uint8_t level, bool is_cleaned)
{
	const struct member m = { .name = slice_str(name),
		.address = SLICE_LIT("127.0.0.1:1"),
		.product = SLICE_LIT("1.0"),
		.level = level,
		.site = site,
		.raft_id = 100 + site,
		.is_cleaned = is_cleaned };

	say(members_change(&m));
}

static void
go(const char *name)
{
	say(change_del(CHANGE_MEMBER, slice_str(name)));
}

/* The node starts, with the rows that it has. */
static void
boot(void)
{
	static const struct store_metrics metrics = { 0, 1, 2 };
	struct fault f = { .err = EM_OK };

	worker_init(1);
	OK(jobs_start(1) == EM_OK);
	alarm_birth();
	nodes_birth("a", 1);
	OK(store_birth(dir, 1 << 24, &metrics, &f) == EM_OK);
	members_birth(&ops);
	OK(store_recover(&f) == EM_OK);
	worker_act_as(worker_store());
	store_worker_birth();
	worker_act_as(worker_link());
	houses_new(&a, "a", 1);
	members_start(a.house, NULL, on_event, NULL);
	levels_birth(a.house, "1.0", "127.0.0.1:1");
}

static void
halt(void)
{
	link_house_stop(a.house);
	levels_death();
	members_stop();
	houses_free(&a);
	worker_act_as(worker_store());
	store_worker_death();
	worker_act_as(worker_link());
	mailbox_open_all(worker_link());
	qsbr_drain();
	while (!qsbr_is_idle())
		loop_turn(worker_self()->loop);
	worker_act_as(worker_main());
	members_death();
	store_death();
	nodes_death();
	alarm_death();
	qsbr_offline();
	jobs_stop();
	qsbr_online();
	worker_fini();
}

static void
start(void)
{
	strcpy(dir, "/tmp/emqxd-members-XXXXXX");
	OK(mkdtemp(dir) != NULL);
	boot();
}

static void
stop(void)
{
	char path[100];

	halt();
	str_fini(&heard);
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	unlink(path);
	snprintf(path, sizeof path, "%s/lock.mdb", dir);
	unlink(path);
	rmdir(dir);
}

TEST(a_row_makes_a_member_with_a_place_and_its_end_frees_it)
{
	start();
	put("a", 1, LEVEL_MAX, false);
	STR_EQ(news(), "not:a changed ");
	put("b", 2, LEVEL_MAX, false);
	STR_EQ(news(), "not:b places changed ");
	EQ(members_count(), 2);
	EQ(members_me()->place, 0);
	OK(members_find(SLICE_LIT("b"))->peer != NULL);
	OK(members_find_raft(102) == members_at(1));
	go("b"); /* it is not reached: it hears nothing, and goes at once */
	STR_EQ(news(), "not:b gone:b places changed ");
	EQ(members_count(), 1);
	go("a");
	STR_EQ(news(), "not:a gone:a removed ");
	OK(members_me() == NULL);
	stop();
}

TEST(who_was_cleaned_is_no_member_and_a_higher_room_hears_of_it_at_boot_too)
{
	start();
	put("b", 2, LEVEL_MAX, false);
	(void)news();
	put("b", 2, LEVEL_MAX, true);
	STR_EQ(news(), "cleaned:b gone:b places changed ");
	EQ(members_count(), 0);
	halt();
	boot();
	STR_EQ(news(), "cleaned:b ");
	EQ(members_count(), 0);
	put("b", 2, LEVEL_MAX, false);
	STR_EQ(news(), "not:b places changed ");
	EQ(members_count(), 1);
	stop();
}

TEST(who_is_expected_is_dialled_and_no_member)
{
	struct slice address = SLICE_LIT("127.0.0.1:1");

	start();
	EQ(members_expect(SLICE_LIT("b"), address, 2, span_s(0)), EM_OK);
	OK(link_peer_find(a.house, SLICE_LIT("b")) != NULL);
	EQ(members_count(), 0);
	OK(members_find(SLICE_LIT("b")) == NULL);
	members_drop_expected();
	OK(link_peer_find(a.house, SLICE_LIT("b")) == NULL);
	put("b", 2, LEVEL_MAX, false);
	EQ(members_expect(SLICE_LIT("b"), address, 3, span_s(0)), EM_EXISTS);
	EQ(members_expect(SLICE_LIT(""), address, 3, span_s(0)), EM_MALFORMED);
	stop();
}

TEST(an_emqxd_that_is_older_than_all_members_have_agreed_on_is_refused)
{
	struct fault f = { .err = EM_OK };

	start();
	put("a", 1, LEVEL_MAX + 1, false);
	EQ(nodes_level(), LEVEL_MAX);
	EQ(levels_check(&f), EM_TOONEW);
	fault_clear(&f);
	put("b", 2, LEVEL_MAX, false);
	EQ(levels_check(&f), EM_OK);
	stop();
}
