/* SPDX-License-Identifier: Apache-2.0 */
/* A client that is at two nodes at once: which of them stays, and how they find out. */
#include "tests/unit/takeover/travels.h"

#define CONNECTED (UINT64_C(1) << 63)

static void
hear_twin(uint64_t rank)
{
	struct wbuf w = wbuf_growing(64);

	wbuf_u64(&w, rank);
	wbuf_bytes(&w, ID);
	worker_act_as(worker_link());
	takeover_on_frame(takeover, PEER, TAKEOVER_TWIN, wbuf_slice(&w));
	wbuf_fini(&w);
}

static void
twin_comes(uint64_t rank)
{
	hear_twin(rank);
	for (unsigned i = 0; i < 4; i++) {
		as(old_home);
		house_turn();
		worker_act_as(worker_link());
		house_turn();
	}
}

TEST(of_two_clients_of_one_id_the_later_stays)
{
	uint64_t mine;

	begin();
	settle_in();
	mine = (uint64_t)guest.session->attached.ns | CONNECTED;
	twin_comes(mine - 1);
	OK(is_at(old_home) && !guest.was_taken);
	EQ(frames[TAKEOVER_TWIN], 1); /* and says so */
	drop_sent();
	twin_comes(mine); /* the other's site is the higher one */
	OK(!is_at(old_home) && guest.was_taken);
	EQ(frames[TAKEOVER_TWIN], 1);
	end_all();
}

TEST(of_two_clients_of_one_id_the_connected_one_stays)
{
	uint64_t mine;

	begin();
	settle_in();
	mine = (uint64_t)guest.session->attached.ns;
	twin_comes(mine + 1000); /* came later, and is away */
	OK(is_at(old_home) && !guest.was_taken);
	EQ(frames[TAKEOVER_TWIN], 1);
	drop_sent();
	as(old_home);
	session_detach(guest.session, 100, false);
	twin_comes(mine + 1000);
	OK(!is_at(old_home));
	end_all();
}

TEST(twins_are_looked_for_when_their_rows_stay)
{
	struct slice body;

	begin();
	is_also_here = true;
	settle_in();
	worker_act_as(worker_link());
	takeover_on_twin(takeover, claim_hash(ID));
	while (frames[TAKEOVER_TWIN] == 0) {
		for (unsigned i = 0; i < worker_count(); i++) {
			as(i);
			house_turn();
		}
		worker_act_as(worker_link());
		loop_turn(worker_self()->loop);
	}
	body = queue.p[0].body;
	EQ(body.n, 8 + ID.n);
	OK(slice_eq(slice_from(body, 8), ID));
	is_also_here = false;
	end_all();
}

TEST(twins_that_are_told_faster_than_they_are_looked_at_are_looked_for_later)
{
	unsigned n = 0, waiting;

	begin();
	settle_in();
	while (takeover_twins_of(takeover)->found.live == 0 && n < UINT_MAX) {
		hear_twin(UINT64_MAX);
		n++;
	}
	mailbox_post_all(worker_self());
	waiting = letters_of(worker_get(old_home));
	OK(waiting >= 10000 && waiting < n);
	for (unsigned i = 0; i < 100; i++)
		hear_twin(UINT64_MAX);
	mailbox_post_all(worker_self());
	EQ(letters_of(worker_get(old_home)), waiting);
	EQ(takeover_twins_of(takeover)->found.live, 1);
	while (mailbox_has_more(worker_get(old_home)))
		turn();
	hear_twin(UINT64_MAX);
	mailbox_post_all(worker_self());
	EQ(letters_of(worker_get(old_home)), 1);
	nothing_is_on_the_way();
	end_all();
}
