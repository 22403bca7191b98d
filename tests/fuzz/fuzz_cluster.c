/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_cluster: frames of a member and of a guest, to all rooms that take some: each u8
 * who, u8 kind, u16 length, body (the number of what is asked stands before it already).  The
 * node leads one group and not the other; its child takes everything, and answers what the
 * input says.  Afterwards both are gone, and nothing waits.
 */
#include "emqxd/admin/ctl_conf.h"
#include "emqxd/app/core_conf.h"
#include "emqxd/cluster/clean.h"
#include "emqxd/cluster/finding.h"
#include "emqxd/members/groups_inside.h"
#include "emqxd/cluster/heal.h"
#include "emqxd/cluster/inside.h"
#include "emqxd/cluster/join_inside.h"
#include "emqxd/members/levels.h"
#include "emqxd/cluster/look.h"
#include "emqxd/ordering/ordering.h"
#include "emqxd/ordering/ordering_inside.h"
#include "emqxd/core/alarm.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/level.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/cstore/cstore_inside.h"
#include "emqxd/figures/figures.h"
#include "emqxd/link/link_inside.h"
#include "emqxd/link/views.h"
#include "emqxd/model/hook.h"
#include "emqxd/retain/retain.h"
#include "emqxd/retain/retain_conf.h"
#include "emqxd/routes/routes.h"
#include "emqxd/session/registry.h"
#include "emqxd/session/session.h"
#include "emqxd/takeover/takeover_wire.h"
#include "emqxd/wills/wills_wire.h"
#include "emqxd/wills/wills.h"
#include "ipc/base/hash.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "tests/fuzz/house.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cluster room;
static struct cstore child = { .magic = CSTORE_MAGIC, .is_ready = true };
static char dir[] = "/dev/shm/emqxd-fuzz-cluster-XXXXXX";

static const uint8_t kind[] = {
#define FRAME(id_, number_, ...) number_,
#include "emqxd/link/frame.def"
#undef FRAME
	99, /* one that nobody knows */
	222,
};

/* ---- the house */

static void
turn(void)
{
	house_turn();
	worker_act_as(worker_store());
	loop_hurry(worker_self()->loop);
	loop_turn(worker_self()->loop);
	worker_act_as(worker_link());
}

static bool
publish(void *to, struct message *m, const struct session_out *out)
{
	(void)to;
	(void)m;
	(void)out;
	return true;
}

static void
on_event(void *arg, const struct cstore_event *e)
{
	(void)arg;
	(void)e;
}

static void
remove_dir(void)
{
	char words[100];

	snprintf(words, sizeof words, "rm -rf %s", dir);
	(void)!system(words);
}

static void
put_member(const char *name, uint64_t site)
{
	const struct member m = { .name = slice_str(name),
		.address = SLICE_LIT(""),
		.level = LEVEL_MAX,
		.product = SLICE_LIT("1.0"),
		.site = site,
		.raft_id = 100 + site };
	struct change *c = members_change(&m);

	change_send(&c, NULL, NULL);
}

static void
begin_store(void)
{
	static const struct members_ops ops = { .is_member = join_is_member,
		.on_cleaned = clean_note,
		.on_not_cleaned = clean_forget,
		.on_gone = wills_wire_removed,
		.on_places = takeover_wire_members };
	static const struct store_metrics metrics = { 0, 1, 2 };
	struct fault f = { .err = EM_OK };

	CHECK(mkdtemp(dir) != NULL);
	atexit(remove_dir);
	CHECK(store_birth(dir, 1 << 26, &metrics, &f) == EM_OK);
	clean_birth();
	members_birth(&ops);
	join_note_birth();
	takeover_wire_birth();
	wills_wire_birth();
	CHECK(store_recover(&f) == EM_OK);
	worker_act_as(worker_store());
	store_worker_birth();
}

static void
begin_sessions(void)
{
	static const struct session_sink sink = { .publish = publish };
	static const struct conf_section *const sections[] = { &core_conf, &ctl_conf,
		&zone_conf, &retain_conf };

	house_configure(sections, sizeof sections / sizeof *sections,
	    SLICE_LIT("mqtt.max_mqueue_len = 5\n"));
	hook_birth();
	nodes_birth("emqx@me", 1);
	router_birth(session_deliver);
	retain_birth();
	session_birth(&sink);
}

static void
begin_workers(void)
{
	worker_act_as(worker_get(0));
	router_worker_birth();
	retain_worker_birth();
	session_worker_birth();
	takeover_wire_worker_birth();
	wills_worker_birth();
	worker_act_as(worker_link());
	router_worker_birth();
}

static void
begin_rooms(void)
{
	static const struct discover_keys keys = { .discovery_strategy =
						       DISCOVER_MANUAL };
	static const struct discover_self self = { .cluster = "c",
		.node = "emqx@me",
		.secret = "secret",
		.advertised = "127.0.0.1:1" };
	struct link_house_conf conf = { .name = "emqx@me",
		.cluster = "c",
		.cookie = "secret",
		.product = "1.0",
		.advertise = "127.0.0.1:1",
		.site = 1,
		.incarnation = 5,
		.buffer = 1 << 20,
		.door = -1 };

	room.house = link_house_new(&conf);
	room.routes = routes_new(room.house, &(struct routes_conf){ .incarnation = 5,
						 .buffer = 1 << 20,
						 .node_down_timeout = span_s(30),
						 .rows_max = 1000 });
	takeover_wire_start(room.house, room.routes);
	room.figures = figures_new(room.house);
	room.views = views_new(room.house, groups_lag);
	wills_wire_start(&(struct wills_wire_conf){ .house = room.house,
	    .routes = room.routes,
	    .incarnation = 5,
	    .node_down_timeout = span_s(30),
	    .memory = 1 << 16 });
	ordering_birth(room.house);
	look_birth(room.house);
	heal_birth(false);
	join_birth(room.house, dir, "127.0.0.1:1");
	levels_birth(room.house, "1.0", "127.0.0.1:1");
	finding_birth(&keys, &self);
}

static void
set_status(enum cstore_group g, const char *leader)
{
	struct cstore_status *s = &child.part[g].status;

	s->members_n = 2;
	s->leader_id = g == CSTORE_META ? 101 : 102;
	s->state = g == CSTORE_META ? CSTORE_LEADER : CSTORE_FOLLOWER;
	snprintf(s->leader, sizeof s->leader, "%s", leader);
	for (unsigned i = 0; i < 2; i++) {
		s->member[i].id = 101 + i;
		snprintf(s->member[i].name, sizeof s->member[i].name, "emqx@%s",
		    i == 0 ? "me" : "b");
	}
	child.part[g].is_open = child.part[g].is_usable = true;
	groups()->part[g].leads = g == CSTORE_META;
}

/* A member of a cluster of two, without the process that a member has. */
static void
be_member(void)
{
	put_member("emqx@me", 1);
	put_member("emqx@b", 2);
	while (members_count() < 2)
		turn();
	child.pipe.fd = child.watch.fd = -1;
	child.on_event = on_event;
	child.home = worker_link()->id;
	groups()->cstore = &child;
	groups()->raft_id = room.join->raft_id = 101;
	room.join->is_member = true;
	set_status(CSTORE_META, "emqx@me");
	set_status(CSTORE_RET, "emqx@b");
	ordering_start(&child);
	turn();
}

static void
begin(void)
{
	if (worker_current != NULL)
		return;
	hash_seed(1, 2);
	worker_init(1);
	CHECK(jobs_start(1) == EM_OK);
	alarm_birth();
	begin_sessions();
	node_slot_set(ROOM_CLUSTER, &room);
	begin_store();
	begin_workers();
	begin_rooms();
	be_member();
}

/* ---- who comes */

static struct link_conn *
come(const char *name, enum link_channel channel, uint64_t site, int *other)
{
	struct link_conn *c;
	int pair[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	c = link_conn_new(room.house, pair[0], false, "fuzz:1");
	CHECK(c != NULL);
	*other = pair[1];
	c->hello = MEM_NEW(struct link_hello);
	c->hello->theirs = (struct link_facts){ .protocol_min = 1,
		.protocol_max = 1,
		.channel = (uint8_t)channel,
		.site = site,
		.incarnation = 9 };
	c->hello->mine = (struct link_facts){ .protocol_min = 1, .protocol_max = 1 };
	snprintf(c->hello->theirs.name, NODES_NAME_MAX, "%s", name);
	c->channel = channel;
	timer_cancel(&c->limit);
	list_del(&c->fresh);
	room.house->fresh_n--;
	c->step = LINK_CONN_UP;
	link_peer_enter(c);
	MEM_FREE(c->hello);
	return c;
}

/* What is sent to the member goes somewhere. */
static struct link_conn *
dial(struct link_peer *p, enum link_channel channel, int *other)
{
	struct link_way *w = &p->way[channel];
	struct link_conn *c;
	int pair[2];

	link_dial_cancel(&w->dial);
	timer_cancel(&w->retry);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	c = link_conn_new(room.house, pair[0], true, "fuzz:1");
	CHECK(c != NULL);
	*other = pair[1];
	c->channel = channel;
	c->step = LINK_CONN_UP;
	c->peer = p;
	w->conn = c;
	link_emit(p, channel == LINK_CTL ? LINK_CTL_UP : LINK_DATA_UP);
	return c;
}

/* One that ended is freed with its turn. */
static struct link_conn *
still(uint64_t id)
{
	LIST_EACH (n, &room.house->all) {
		struct link_conn *c = LIST_OWNER(n, struct link_conn, all);

		if (c->id == id)
			return c;
	}
	return NULL;
}

static void
hear(struct link_conn *c, uint8_t what, uint32_t number, struct slice body)
{
	struct wbuf w = wbuf_growing(LINK_FRAME_MAX);
	struct link_frame f = { .kind = kind[what % sizeof kind] };

	if (f.kind >= LINK_ASKED || f.kind == LINK_REPLY)
		wbuf_u32(&w, number);
	wbuf_bytes(&w, body);
	f.body = wbuf_slice(&w);
	if (c != NULL && c->step == LINK_CONN_UP)
		link_dispatch(c, &f);
	wbuf_fini(&w);
}

static void
answer_child(uint8_t err)
{
	if (child.calls.n > 0)
		cstore_inside_answer(&child, 0, (em_err)(err % EM_ERR_N), "so it is");
}

static void
forget_all(void)
{
	struct session *s;

	for (unsigned i = 0; i < 3; i++)
		turn();
	ordering_fetch_death(ordering_self()); /* what nobody asks for goes in a minute */
	CHECK(ordering_self()->given_n == 0);
	while (child.calls.n > 0)
		answer_child(EM_FAILED);
	groups_ask_death(groups());
	CHECK(groups()->asks_n == 0);
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++)
		child.part[g].tokens.n = 0;
	cstore_pipe_close(&child.pipe);
	members_drop_expected();
	worker_act_as(worker_get(0));
	s = registry_find(SLICE_LIT("traveller"));
	if (s != NULL)
		session_kick(s, END_KICKED);
	worker_act_as(worker_link());
	turn();
	CHECK(members_count() == 2 && room.join->task == JOIN_NOTHING);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rbuf r = rbuf_of(slice_of(data, size));
	uint64_t from[5];
	struct link_peer *b;
	uint32_t number = 0;
	int other[5];

	begin();
	b = link_peer_find(room.house, SLICE_LIT("emqx@b"));
	CHECK(b != NULL);
	from[3] = dial(b, LINK_CTL, &other[3])->id;
	from[4] = dial(b, LINK_DATA, &other[4])->id;
	from[0] = come("emqx@b", LINK_CTL, 2, &other[0])->id;
	from[1] = come("emqx@b", LINK_DATA, 2, &other[1])->id;
	from[2] = come("guest", LINK_JOIN, 77, &other[2])->id;
	while (rbuf_left(&r) > 0) {
		uint8_t who = rbuf_u8(&r), what = rbuf_u8(&r);
		struct slice body = rbuf_bytes16(&r);

		if (r.err != EM_OK)
			break;
		if (who % 7 < 5)
			hear(still(from[who % 7]), what, ++number % 50 + 1, body);
		else if (who % 7 == 5)
			answer_child(what);
		else
			turn();
	}
	for (unsigned i = 0; i < 5; i++) {
		if (still(from[i]) != NULL)
			link_conn_end(still(from[i]), EM_UNREACHABLE, NULL);
		close(other[i]);
	}
	forget_all();
	return 0;
}
