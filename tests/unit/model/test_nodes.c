/* SPDX-License-Identifier: Apache-2.0 */
/* nodes: places come and go; a name has one. */
#include "emqxd/model/nodes.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/worker.h"
#include "tests/unit/tap.h"

static void
begin(void)
{
	worker_init(1);
	OK(jobs_start(1) == EM_OK);
	nodes_birth("emqx@me", 7);
}

static void
end(void)
{
	qsbr_drain();
	while (!qsbr_is_idle())
		loop_turn(worker_self()->loop);
	nodes_death();
	jobs_stop();
	worker_fini();
}

TEST(alone_there_is_this_node)
{
	begin();
	EQ(nodes_count(), 1);
	EQ(nodes_end(), 1);
	STR_EQ(nodes_me(), "emqx@me");
	EQ(nodes_site(), 7);
	OK(nodes_is_running(0));
	EQ(nodes_find(slice_str("emqx@me")), 0);
	EQ(nodes_find(slice_str("emqx@m")), NODES_MAX);
	OK(nodes_name(1) == NULL && !nodes_is_running(1) && nodes_site_of(1) == 0);
	end();
}

TEST(a_member_has_a_place_until_it_is_deleted)
{
	unsigned a, b;

	begin();
	OK(nodes_add(slice_str("emqx@a"), 8, &a) == EM_OK);
	OK(nodes_add(slice_str("emqx@b"), 9, &b) == EM_OK);
	EQ(nodes_count(), 3);
	EQ(nodes_site_of(b), 9);
	OK(!nodes_is_running(a));
	nodes_set_running(a, true);
	OK(nodes_is_running(a));
	OK(nodes_is_member(0) && nodes_is_member(a) && !nodes_is_member(9));
	STR_EQ(nodes_version(a), "");
	nodes_set_version(a, SLICE_LIT("0.1.0"));
	nodes_set_version(a, SLICE_LIT("0.1.0"));
	STR_EQ(nodes_version(a), "0.1.0");
	nodes_set_version(a, SLICE_LIT("0.2.0"));
	STR_EQ(nodes_version(a), "0.2.0");
	STR_EQ(nodes_version(b), "");
	nodes_set_member(a, false); /* it left: it still has its place */
	OK(!nodes_is_member(a) && nodes_find(slice_str("emqx@a")) == a);
	OK(nodes_add(slice_str("emqx@a"), 10, &b) == EM_EXISTS);
	nodes_del(a);
	EQ(nodes_find(slice_str("emqx@a")), NODES_MAX);
	EQ(nodes_count(), 2);
	OK(nodes_add(slice_str("emqx@c"), 11, &b) == EM_OK);
	EQ(b, a);
	OK(!nodes_is_running(b));
	end();
}

TEST(there_are_so_many_places_and_no_more)
{
	unsigned place;
	char name[] = "emqx@00";

	begin();
	for (unsigned i = 1; i < NODES_MAX; i++) {
		name[5] = (char)('0' + i / 10);
		name[6] = (char)('0' + i % 10);
		OK(nodes_add(slice_str(name), i, &place) == EM_OK);
	}
	OK(nodes_add(slice_str("emqx@late"), 1, &place) == EM_FULL);
	EQ(nodes_end(), NODES_MAX);
	end();
}
