/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_client: a script for four clients of a broker of two workers, all on this
 * thread: net/, client/, session/, router/ and retain/ as they are, behind socket pairs.
 *
 * A step is a byte: the lowest two bits say which client, the others what it does; what
 * it needs follows.  Packets are well-formed ones from few ids and topics, so that
 * scripts soon meet in one session; RAW sends any bytes.  Whatever was sent, what comes
 * back must be what a client may be sent: whole packets, CONNACK first and once, nothing
 * behind DISCONNECT, no id in use, no more under way than the window, nothing over the
 * client's Maximum Packet Size.  When all have gone nothing is left.
 */
#include "emqxd/admin/ctl_conf.h"
#include "emqxd/app/core_conf.h"
#include "emqxd/client/client.h"
#include "emqxd/conf/load.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/worker.h"
#include "emqxd/mqtt/decode.h"
#include "emqxd/mqtt/encode.h"
#include "emqxd/mqtt/prop.h"
#include "emqxd/mqtt/reason.h"
#include "emqxd/net/hall.h"
#include "emqxd/net/listener.h"
#include "emqxd/net/listener_conf.h"
#include "emqxd/retain/retain_conf.h"
#include "emqxd/session/claim.h"
#include "emqxd/session/registry.h"
#include "ipc/base/hash.h"
#include "ipc/base/wbuf.h"
#include "tests/fuzz/house.h"

#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	WORKERS = 2,
	CLIENTS = 4,
	INFLIGHT_MAX = 4,
	OUT_MAX = 1 << 22,
	MAILBOX_SMALL = 3000, /* bytes; then publishers pause */
};

static const char conf_text[] = "mqtt.max_inflight = 4\nmqtt.max_mqueue_len = 6\n"
				"mqtt.max_awaiting_rel = 3\nmqtt.max_topic_alias = 5\n"
				"mqtt.max_topic_levels = 6\nmqtt.max_outq_bytes = 4KB\n"
				"mqtt.max_packet_size = 32KB\n";

enum id_state { ID_FREE, ID_QOS1, ID_QOS2, ID_RELEASED };

struct client {
	int fd; /* -1: not connected */
	bool is_deaf;
	bool is_raw;               /* it may have acknowledged what it had not seen */
	bool is_greeted;           /* had its CONNACK */
	bool is_finished;          /* had DISCONNECT */
	enum mqtt_version version; /* 0: not known */
	uint32_t window, max_packet, under_way;
	uint8_t id[UINT16_MAX + 1]; /* id_state */
	struct wbuf came;
};

struct script {
	struct slice rest;
	struct client client[CLIENTS];
};

static unsigned
next(struct script *k)
{
	unsigned v = k->rest.n > 0 ? k->rest.p[0] : 0;

	if (k->rest.n > 0)
		k->rest = slice_from(k->rest, 1);
	return v;
}

/* ---- the broker */

static void
as(unsigned worker)
{
	worker_act_as(worker_get(worker));
}

/* Other nodes, which are asked for sessions and have none: who comes in waits a turn. */
static struct claim *asked[WORKERS];

static void
ask(struct claim *c)
{
	CHECK(asked[worker_self()->id] == NULL || asked[worker_self()->id] != c);
	c->other = asked[worker_self()->id];
	asked[worker_self()->id] = c;
}

static void
be_told(uint64_t hash, bool is_here)
{
	(void)is_here;
	CHECK(hash != 0);
}

static void
be_alone(bool is_alone)
{
	static const struct claim_remote others = { ask, be_told };

	for (unsigned i = 0; i < WORKERS; i++) {
		as(i);
		claim_use(is_alone ? NULL : &others);
	}
}

static void
answer(struct claim *c)
{
	asked[worker_self()->id] = NULL;
	while (c != NULL) {
		struct claim *other = c->other;

		claim_answered(c);
		c = other;
	}
}

static void
turns(unsigned n)
{
	for (; n > 0; n--)
		for (unsigned i = 0; i < WORKERS; i++) {
			as(i);
			answer(asked[i]);
			loop_hurry(worker_self()->loop);
			loop_turn(worker_self()->loop);
		}
}

static void
configure(void)
{
	static const struct conf_section *const sections[] = { &core_conf, &ctl_conf,
		&zone_conf, &listener_conf, &retain_conf };

	house_configure(
	    sections, sizeof sections / sizeof *sections, slice_str(conf_text));
}

static void
begin(void)
{
	struct fault f = { 0 };

	if (worker_current != NULL)
		return;
	hash_seed(1, 2);
	worker_init(WORKERS);
	CHECK(jobs_start(1) == EM_OK);
	configure();
	router_birth(session_deliver);
	retain_birth();
	net_birth(client_conn_ops());
	session_birth(client_session_sink());
	client_birth();
	CHECK(listener_set(0, &f) == EM_OK);
	for (unsigned i = 0; i < WORKERS; i++) {
		as(i);
		atomic_store(&worker_self()->box.mark, MAILBOX_SMALL);
		router_worker_birth();
		retain_worker_birth();
		net_worker_birth();
		session_worker_birth();
		client_worker_birth();
	}
}

/* ---- what a client gets */

static void
take_publish(struct client *c, const struct mqtt_publish *p)
{
	if (p->qos == 0 || c->is_raw)
		return;
	CHECK(c->id[p->packet_id] == ID_FREE);
	c->id[p->packet_id] = p->qos == 1 ? ID_QOS1 : ID_QOS2;
	c->under_way++;
	CHECK(c->under_way <= c->window);
}

static void
take_packet(struct client *c, const struct mqtt_frame *f)
{
	struct mqtt_packet p;
	struct mqtt_fault fault;

	CHECK(!c->is_finished);
	if (c->version == 0)
		return;
	CHECK(mqtt_decode(f, c->version, MQTT_STRICT | MQTT_FROM_SERVER, &p, &fault) ==
	      EM_OK);
	CHECK(f->total <= c->max_packet || p.type == MQTT_CONNACK);
	CHECK((p.type == MQTT_CONNACK) == !c->is_greeted);
	c->is_greeted = true;
	c->is_finished = p.type == MQTT_DISCONNECT ||
			 (p.type == MQTT_CONNACK && p.connack.reason != 0);
	if (p.type == MQTT_PUBLISH)
		take_publish(c, &p.publish);
	else if (p.type == MQTT_PUBREL && c->id[p.ack.packet_id] == ID_QOS2)
		c->id[p.ack.packet_id] = ID_RELEASED;
}

static void
take_packets(struct client *c)
{
	struct slice rest = wbuf_slice(&c->came);
	struct mqtt_frame f;

	while (rest.n > 0 && mqtt_frame_peek(rest, &f) == MQTT_PEEK_WHOLE) {
		take_packet(c, &f);
		rest = slice_from(rest, f.total);
	}
	if (rest.n > 0)
		memmove(c->came.p, rest.p, rest.n);
	c->came.n = rest.n;
}

static void
hear(struct client *c)
{
	uint8_t buf[16384];
	ssize_t n;

	while (c->fd >= 0 && (n = recv(c->fd, buf, sizeof buf, MSG_DONTWAIT)) > 0) {
		wbuf_bytes(&c->came, slice_of(buf, (size_t)n));
		CHECK(c->came.err == EM_OK);
		take_packets(c);
	}
}

/* ---- what a client does */

static void
leave(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	wbuf_fini(&c->came);
}

static void
come(struct client *c, unsigned worker)
{
	int pair[2], small = 4096;

	leave(c);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) ==
	      0);
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	*c = (struct client){ .fd = pair[0], .came = wbuf_growing(OUT_MAX) };
	as(worker);
	conn_start(pair[1], listener_at(0), client_conn_ops());
}

static void
say(struct client *c, struct slice bytes)
{
	if (c->fd >= 0 && send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT) !=
			      (ssize_t)bytes.n)
		c->is_raw = true;
}

static void
say_packet(struct client *c, struct mqtt_packet p)
{
	uint8_t room[24576];
	struct wbuf w = wbuf_fixed(room, sizeof room);

	p.version = c->version;
	if (c->version != 0 && mqtt_encode_size(&p) <= sizeof room &&
	    mqtt_encode(&w, &p) == EM_OK)
		say(c, wbuf_slice(&w));
}

static struct slice
one_of(struct script *k, const char *const *v, size_t n)
{
	return slice_str(v[next(k) % n]);
}

static struct slice
topic(struct script *k)
{
	static const char *const topics[] = { "a", "a/b", "a/b/c", "/", "$x/a", "w" };

	return one_of(k, topics, sizeof topics / sizeof *topics);
}

static struct slice
filter(struct script *k)
{
	static const char *const filters[] = { "a", "a/b", "#", "+/b", "a/#", "$x/#", "w",
		"/", "$share/g/a/#", "$share/g/a/b", "$share/h/#", "$queue/a/b", "+/+/+",
		"$share/g", "a/#/b", "b/b/b/b/b/b/b" };

	return one_of(k, filters, sizeof filters / sizeof *filters);
}

static struct slice
payload(struct script *k)
{
	static const uint8_t bytes[20000];
	static const uint16_t sizes[] = { 0, 1, 50, 2047, 2048, 5000, 20000 };

	return slice_of(bytes, sizes[next(k) % (sizeof sizes / sizeof *sizes)]);
}

static void
set_will(struct script *k, struct mqtt_connect *p)
{
	unsigned how = next(k);

	p->has_will = true;
	p->will.topic = topic(k);
	p->will.payload = payload(k);
	p->will.qos = (uint8_t)(how % 3);
	p->will.retain = (how & 4) != 0;
	if ((how & 8) != 0)
		*PROP_SET(&p->will.props, WILL_DELAY, will_delay) = how >> 4;
}

static void
connect_client(struct script *k, struct client *c)
{
	static const char *const ids[] = { "c0", "c1", "c2", "" };
	static const enum mqtt_version versions[] = { MQTT_V5, MQTT_V311, MQTT_V5,
		MQTT_V31 };
	unsigned how = next(k), props = next(k);
	struct mqtt_packet p = { .type = MQTT_CONNECT, .first = 0x10 };

	come(c, how >> 7);
	c->version = p.connect.version = versions[how & 3];
	p.connect.client_id = slice_str(ids[how >> 2 & 3]);
	p.connect.clean_start = (how & 16) != 0;
	c->window = INFLIGHT_MAX;
	c->max_packet = UINT32_MAX;
	if (c->version == MQTT_V5 && (props & 3) != 0)
		*PROP_SET(&p.connect.props, RECEIVE_MAX, receive_max) =
		    (uint16_t)(c->window = props & 3);
	if (c->version == MQTT_V5 && (props & 4) != 0)
		*PROP_SET(&p.connect.props, SESSION_EXPIRY, session_expiry) = props;
	if (c->version == MQTT_V5 && (props & 8) != 0)
		*PROP_SET(&p.connect.props, MAX_PACKET_SIZE, max_packet_size) =
		    c->max_packet = 2 + props;
	if ((how & 32) != 0)
		set_will(k, &p.connect);
	say_packet(c, p);
}

static void
subscribe(struct script *k, struct client *c, bool is_unsubscribe)
{
	struct mqtt_packet p = { .type =
				     is_unsubscribe ? MQTT_UNSUBSCRIBE : MQTT_SUBSCRIBE,
		.first = is_unsubscribe ? 0xa2 : 0x82 };
	unsigned how = next(k), options;
	uint8_t room[256];
	struct wbuf w = wbuf_fixed(room, sizeof room);

	p.subscribe.packet_id = p.unsubscribe.packet_id = 1;
	if (!is_unsubscribe && (how & 4) != 0)
		*PROP_SET(&p.subscribe.props, SUBSCRIPTION_ID, subscription_id) = how;
	for (unsigned n = 1 + how % 3; n > 0; n--) {
		struct mqtt_filter f = { .filter = filter(k) };

		if (is_unsubscribe) {
			wbuf_bytes16(&w, f.filter);
			continue;
		}
		options = next(k);
		f.qos = (uint8_t)(options % 3);
		f.no_local = c->version == MQTT_V5 && (options & 4) != 0;
		f.retain_as_published = c->version == MQTT_V5 && (options & 8) != 0;
		f.retain_handling =
		    c->version == MQTT_V5 ? (uint8_t)((options >> 4) % 3) : 0;
		mqtt_encode_filter(&w, &f);
	}
	if (is_unsubscribe)
		p.unsubscribe.filters = wbuf_slice(&w);
	else
		p.subscribe.filters = wbuf_slice(&w);
	say_packet(c, p);
}

static void
publish(struct script *k, struct client *c)
{
	unsigned how = next(k);
	struct mqtt_publish p = { .topic = topic(k),
		.payload = payload(k),
		.qos = (uint8_t)(how % 3),
		.dup = how % 3 > 0 && (how & 4) != 0,
		.retain = (how & 8) != 0 };

	if (p.qos > 0)
		p.packet_id = (uint16_t)(1 + (how >> 6));
	if (c->version == MQTT_V5 && (how & 16) != 0) {
		*PROP_SET(&p.props, TOPIC_ALIAS, topic_alias) =
		    (uint16_t)(1 + (how >> 6));
		if ((how & 4) != 0)
			p.topic = SLICE_NONE;
	}
	if (c->version == MQTT_V5 && (how & 32) != 0)
		*PROP_SET(&p.props, MESSAGE_EXPIRY, message_expiry) = 1 + (how >> 6);
	say_packet(c, (struct mqtt_packet){ .type = MQTT_PUBLISH, .publish = p });
}

/* An acknowledgement of the first ids, right or wrong. */
static void
acknowledge(struct script *k, struct client *c)
{
	unsigned how = next(k);
	enum mqtt_type type = (enum mqtt_type)(MQTT_PUBACK + how % 4);
	uint16_t id = (uint16_t)(1 + (how >> 2) % 32);
	bool is_error = (how & 128) != 0 && c->version == MQTT_V5 &&
			(type == MQTT_PUBACK || type == MQTT_PUBREC);
	struct mqtt_packet p = { .type = type,
		.first = (uint8_t)(type << 4 | (type == MQTT_PUBREL ? 2 : 0)),
		.ack = {
		    .packet_id = id, .reason = is_error ? REASON_QUOTA_EXCEEDED : 0 } };
	uint8_t state;

	hear(c);
	state = c->id[id];
	if ((state == ID_QOS1 && type == MQTT_PUBACK) ||
	    (state == ID_QOS2 && type == MQTT_PUBREC && is_error) ||
	    (state == ID_RELEASED && type == MQTT_PUBCOMP)) {
		c->id[id] = ID_FREE;
		c->under_way--;
	} else if (state != ID_QOS2 || type != MQTT_PUBREC) {
		c->is_raw = true; /* the broker may have sent what it means meanwhile */
	}
	say_packet(c, p);
}

static void
raw(struct script *k, struct client *c)
{
	size_t n = next(k);
	struct slice bytes = slice_head(k->rest, n < k->rest.n ? n : k->rest.n);

	if (c->fd < 0)
		come(c, n & 1);
	c->is_raw = true;
	if (!c->is_greeted)
		c->version = 0; /* perhaps the script's CONNECT is the first */
	say(c, bytes);
	k->rest = slice_from(k->rest, bytes.n);
}

static void
step(struct script *k)
{
	unsigned what = next(k);
	struct client *c = &k->client[what % CLIENTS];
	struct mqtt_packet p = { .version = c->version };

	switch (what / CLIENTS % 16) {
	case 0: connect_client(k, c); break;
	case 1: subscribe(k, c, false); break;
	case 2: subscribe(k, c, true); break;
	case 3:
	case 4:
	case 5: publish(k, c); break;
	case 6:
	case 7: acknowledge(k, c); break;
	case 8:
		p.type = MQTT_DISCONNECT;
		p.first = 0xe0;
		p.disconnect.reason = c->version == MQTT_V5 ? next(k) % 5 & 4 : 0;
		say_packet(c, p);
		break;
	case 9:
		p.type = MQTT_PINGREQ;
		p.first = 0xc0;
		say_packet(c, p);
		break;
	case 10: raw(k, c); break;
	case 11: leave(c); break;
	case 12:
		if (c->fd >= 0)
			shutdown(c->fd, next(k) % 2 != 0 ? SHUT_WR : SHUT_RDWR);
		break;
	case 13: c->is_deaf = !c->is_deaf; break;
	case 14: turns(1); break;
	case 15:
		turns(1);
		for (unsigned i = 0; i < CLIENTS; i++)
			if (!k->client[i].is_deaf)
				hear(&k->client[i]);
		break;
	}
}

/* ---- the end */

#define CLEAN_TURNS 200

static void
kick(struct session *s, void *arg)
{
	struct session_facts f;

	(void)arg;
	session_facts(s, &f);
	CHECK(f.mqueue_len <= f.mqueue_max && f.subscriptions == s->subscriber.n);
	session_kick(s, END_KICKED);
}

static void
kick_all(void)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		uint64_t at = 0;

		as(i);
		while (registry_step(&at, 64, kick, NULL))
			;
	}
}

static void
clean(struct script *k)
{
	for (unsigned i = 0; i < CLIENTS; i++) {
		hear(&k->client[i]);
		leave(&k->client[i]);
	}
	/* A turn opens letters for a bounded time: one may stay for the next. */
	for (unsigned i = 0; i < CLEAN_TURNS && (i < 3 || registry_count_all() > 0);
	     i++) {
		turns(3);
		kick_all();
		turns(2);
	}
	CHECK(registry_count_all() == 0 && registry_online_all() == 0);
	CHECK(router_filters() == 0 && router_subscriptions_count() == 0 &&
	      router_shared_count() == 0);
	as(0);
	retain_worker_death();
	retain_death();
	retain_birth();
	retain_worker_birth();
	/* Nobody reads any more: what waits to be freed is, so that a leak is one. */
	for (unsigned i = 0; i < WORKERS; i++) {
		as(i);
		qsbr_drain();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct script k; /* a quarter of a megabyte */

	begin();
	be_alone(size % 2 == 0);
	k.rest = slice_of(data, size);
	for (unsigned i = 0; i < CLIENTS; i++)
		k.client[i].fd = -1;
	while (k.rest.n > 0)
		step(&k);
	turns(1);
	clean(&k);
	return 0;
}
