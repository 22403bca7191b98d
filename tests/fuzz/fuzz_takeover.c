/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_takeover: what another node says of sessions that follow their client: frames, each
 * u8 which, u16 length, body, between them a client that comes here and a session that is
 * here.  Afterwards the other node is lost, whoever waits is answered, and nothing is left.
 */
#include "emqxd/admin/ctl_conf.h"
#include "emqxd/app/core_conf.h"
#include "emqxd/conf/load.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/model/hook.h"
#include "emqxd/model/nodes.h"
#include "emqxd/retain/retain.h"
#include "emqxd/retain/retain_conf.h"
#include "emqxd/session/claim.h"
#include "emqxd/session/registry.h"
#include "emqxd/session/session.h"
#include "emqxd/takeover/takeover.h"
#include "ipc/base/hash.h"
#include "ipc/base/list.h"
#include "ipc/base/rbuf.h"
#include "tests/fuzz/house.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ID SLICE_LIT("traveller")
#define PEER 1u

static struct {
	struct takeover *takeover;
	struct claim claim;
	bool is_claimed;
	struct list_node fences; /* those that wait; who is cancelled leaves it */
} house;

static bool
publish(void *to, struct message *m, const struct session_out *out)
{
	(void)to;
	(void)m;
	(void)out;
	UNREACHABLE(); /* nobody is connected */
}

static em_err
on_send(void *arg, unsigned place, enum takeover_frame frame, struct slice body)
{
	(void)arg;
	(void)body;
	CHECK(place == PEER && frame < TAKEOVER_FRAME_N);
	return EM_OK;
}

static uint64_t
on_places(void *arg, uint64_t hash)
{
	(void)arg;
	(void)hash;
	return UINT64_C(1) << PEER;
}

static void
on_changed(void *arg, uint64_t hash, bool is_here)
{
	(void)arg;
	(void)hash;
	(void)is_here;
}

static void
pass_fences(void)
{
	while (!list_is_empty(&house.fences)) {
		struct fence_wait *w =
		    LIST_OWNER(house.fences.next, struct fence_wait, node);

		list_del(&w->node);
		w->done(w);
	}
}

static void
on_fence(void *arg, struct fence_wait *w)
{
	(void)arg;
	list_push(&house.fences, &w->node);
}

static void
configure(void)
{
	static const struct conf_section *const sections[] = { &core_conf, &ctl_conf,
		&zone_conf, &retain_conf };

	house_configure(sections, sizeof sections / sizeof *sections,
	    SLICE_LIT("mqtt.max_mqueue_len = 5\n"));
}

static void
begin(void)
{
	static const struct session_sink sink = { .publish = publish };
	struct takeover_links links = { on_send, on_places, on_changed, on_fence, NULL };
	unsigned place;

	if (worker_current != NULL)
		return;
	hash_seed(1, 2);
	list_init(&house.fences);
	worker_init(1);
	CHECK(jobs_start(1) == EM_OK);
	configure();
	hook_birth();
	nodes_birth("emqx@me", 1);
	CHECK(nodes_add(SLICE_LIT("emqx@b"), 2, &place) == EM_OK && place == PEER);
	nodes_set_running(PEER, true);
	router_birth(session_deliver);
	retain_birth();
	session_birth(&sink);
	worker_act_as(worker_link());
	house.takeover = takeover_new(&links);
	worker_act_as(worker_get(0));
	router_worker_birth();
	retain_worker_birth();
	session_worker_birth();
	takeover_worker_birth(house.takeover);
	worker_act_as(worker_link());
	takeover_use(house.takeover, true);
}

static void
on_answer(struct claim *c)
{
	CHECK(c == &house.claim && house.is_claimed);
	house.is_claimed = false;
}

static void
come(bool clean_start)
{
	if (house.is_claimed)
		return;
	worker_act_as(worker_get(0));
	house.is_claimed = true;
	house.claim = (struct claim){
		.clientid = ID, .clean_start = clean_start, .done = on_answer
	};
	claim_begin(&house.claim);
	worker_act_as(worker_link());
}

static void
end_sessions(void)
{
	struct session *s;

	worker_act_as(worker_get(0));
	s = registry_find(ID);
	if (s != NULL)
		session_kick(s, END_KICKED);
	worker_act_as(worker_link());
}

static void
end(void)
{
	unsigned coming = 1, waiting = 0, going = 0;

	pass_fences();
	takeover_on_down(house.takeover, PEER);
	for (unsigned i = 0; i < 8 || coming + waiting + going > 0 || house.is_claimed;
	     i++) {
		CHECK(i < 100000);
		pass_fences();
		takeover_on_down(house.takeover, PEER);
		house_turn();
		takeover_counts(house.takeover, &coming, &waiting, &going);
	}
	end_sessions();
	do
		house_turn();
	while (router_subscriptions_count() > 0);
	worker_act_as(worker_get(0));
	CHECK(registry_count_all() == 0);
	qsbr_drain();
	worker_act_as(worker_link());
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rbuf r = rbuf_of(slice_of(data, size));

	begin();
	while (rbuf_left(&r) > 0) {
		unsigned which = rbuf_u8(&r) % (TAKEOVER_FRAME_N + 5);
		struct slice body = rbuf_bytes16(&r);

		if (r.err != EM_OK)
			break;
		if (which < TAKEOVER_FRAME_N)
			takeover_on_frame(
			    house.takeover, PEER, (enum takeover_frame)which, body);
		else if (which == TAKEOVER_FRAME_N)
			come(body.n > 0);
		else if (which == TAKEOVER_FRAME_N + 1)
			pass_fences();
		else if (which == TAKEOVER_FRAME_N + 2)
			takeover_on_twin(house.takeover, claim_hash(ID));
		else
			house_turn();
	}
	end();
	return 0;
}
