/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subscribe: SUBSCRIBE and UNSUBSCRIBE.  Each filter is judged by itself and has its own
 * code in the answer, in order; one that is refused takes nothing from the others.
 *
 * A packet may have a hundred thousand of them: when the turn is over the connection is
 * paused, and goes on with the rest in the next one (pressure.c).
 *
 * With other nodes SUBACK waits until they know of the subscriptions, for a bounded time
 * (router/remote.h): who publishes there after it reaches this client.
 */
#include "emqxd/access/access.h"
#include "emqxd/client/channel.h"
#include "emqxd/client/client.h"
#include "emqxd/client/extra.h"
#include "emqxd/client/given.h"
#include "emqxd/client/topics.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/trace_point.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/metrics.h"
#include "emqxd/model/topic.h"
#include "emqxd/mqtt/encode.h"
#include "emqxd/mqtt/prop.h"
#include "emqxd/router/remote.h"
#include "emqxd/session/exclusive.h"
#include "ipc/base/mem.h"

#define LOOK 32u /* filters between two looks at the clock */
#define EXCLUSIVE GIVEN_EXCLUSIVE

static bool
is_exclusive(const struct zone *zone, struct slice filter)
{
	return slice_starts(filter, EXCLUSIVE) && zone->exclusive_subscription;
}

/* The code for a filter that cannot be subscribed to at all, or 0. */
static uint8_t
judge(const struct zone *zone, const struct topic_filter *t)
{
	if (topic_levels(t->filter) > zone->max_topic_levels ||
	    (slice_starts(t->filter, EXCLUSIVE) && !zone->exclusive_subscription))
		return REASON_TOPIC_FILTER_INVALID;
	if (t->group.n > 0 && !zone->shared_subscription)
		return REASON_SHARED_SUBSCRIPTIONS_NOT_SUPPORTED;
	if (!zone->wildcard_subscription && topic_has_wildcard(t->filter))
		return REASON_WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED;
	return 0;
}

static bool
is_permitted(struct channel *ch, struct slice filter)
{
	struct clientinfo who = session_info(ch->session);
	bool may;

	who.is_superuser = (ch->flags & CHANNEL_SUPERUSER) != 0;
	may = access_may_subscribe(&who, filter);
	metric_inc(METRIC_CLIENT_AUTHORIZE);
	metric_inc(may ? METRIC_AUTHORIZATION_ALLOW : METRIC_AUTHORIZATION_DENY);
	if (who.is_superuser)
		metric_inc(METRIC_AUTHORIZATION_SUPERUSER);
	else /* what no other rule meets meets the last one */
		metric_inc(may ? METRIC_AUTHORIZATION_MATCHED_ALLOW
			       : METRIC_AUTHORIZATION_MATCHED_DENY);
	if (!may)
		metric_inc(METRIC_PACKETS_SUBSCRIBE_AUTH_ERROR);
	return may;
}

uint8_t
client_code_of(em_err err, uint8_t granted)
{
	if (err == EM_OK)
		return granted;
	return err == EM_FULL || err == EM_BUSY ? REASON_QUOTA_EXCEEDED
						: REASON_UNSPECIFIED_ERROR;
}

/* What a filter means, and whether it may be at all: 0, or the code that refuses. */
static uint8_t
read_filter(
    const struct zone *zone, struct slice text, struct topic_filter *t, bool *exclusive)
{
	uint8_t code;

	*exclusive = is_exclusive(zone, text);
	if (*exclusive)
		text = slice_from(text, EXCLUSIVE.n);
	if (topic_filter_parse(text, t) != EM_OK)
		return REASON_TOPIC_FILTER_INVALID;
	code = judge(zone, t);
	if (code != 0)
		return code;
	return *exclusive && t->group.n > 0 ? REASON_TOPIC_FILTER_INVALID : 0;
}

static uint8_t
granted_of(const struct zone *zone, uint8_t qos)
{
	return qos < zone->max_qos_allowed ? qos : zone->max_qos_allowed;
}

/* The code for one filter; *is_fatal: the connection must end with 0x82. */
static uint8_t
subscribe_one(
    struct channel *ch, const struct mqtt_filter *f, uint32_t id, bool *is_fatal)
{
	const struct zone *zone = channel_zone(ch);
	struct subopts o = { .id = id,
		.qos = granted_of(zone, f->qos),
		.retain_handling = f->retain_handling,
		.no_local = f->no_local,
		.retain_as_published =
		    f->retain_as_published || (ch->flags & CHANNEL_IS_BRIDGE) != 0 };
	struct topic_filter t;
	bool exclusive;
	uint8_t code = read_filter(zone, f->filter, &t, &exclusive);

	if (code != 0)
		return code;
	o.exclusive = exclusive;
	if (t.group.n > 0 && f->no_local) {
		*is_fatal = true;
		return REASON_PROTOCOL_ERROR;
	}
	if (!is_permitted(ch, t.filter))
		return REASON_NOT_AUTHORIZED;
	if (EM_UNLIKELY((ch->flags & CHANNEL_TOPICS) != 0) &&
	    !topics_in(ch->session, TOPICS_SUBSCRIBE, &t.filter))
		return REASON_TOPIC_FILTER_INVALID;
	return client_code_of(
	    session_subscribe(ch->session, t.group, t.filter, o), o.qos);
}

/* By what holds for its connection; of one who is away, by what holds now. */
static bool
changes_topics(const struct session *s)
{
	const struct channel *ch = s->to;

	return ch == NULL || (ch->flags & CHANNEL_TOPICS) != 0;
}

uint8_t
client_subscribe(
    struct session *s, struct slice filter, uint8_t qos, client_given_fn *done, void *arg)
{
	const struct zone *zone = zone_get(s->zone);
	struct subopts o = { .qos = granted_of(zone, qos) };
	struct topic_filter t;
	bool exclusive;
	uint8_t code = read_filter(zone, filter, &t, &exclusive);
	em_err err;

	if (code != 0)
		return code;
	o.exclusive = exclusive;
	if (changes_topics(s) && !topics_in(s, TOPICS_SUBSCRIBE, &t.filter))
		return REASON_TOPIC_FILTER_INVALID;
	err = given_subscribe(s, &t, o, done, arg);
	return err == EM_AGAIN ? CLIENT_LATER : client_code_of(err, o.qos);
}

static void
answer(struct channel *ch, enum mqtt_type type, uint16_t id, struct slice codes)
{
	struct mqtt_packet p = { .type = type,
		.version = channel_version(ch),
		.first = (uint8_t)(type << 4),
		.suback = { .packet_id = id, .codes = codes } };
	size_t n = mqtt_encode_size(&p);
	struct wbuf w;
	em_err err;

	if (n == 0 || n > ch->max_packet) {
		channel_refuse(ch, REASON_PACKET_TOO_LARGE,
		    "the answer is over the client's Maximum Packet Size");
		return;
	}
	w = wbuf_fixed(conn_room(ch->conn, n), n);
	err = mqtt_encode(&w, &p);
	CHECK(err == EM_OK);
	metric_inc(type == MQTT_SUBACK ? METRIC_PACKETS_SUBACK_SENT
				       : METRIC_PACKETS_UNSUBACK_SENT);
	if (trace_is_on())
		tracing_sent(ch, &p);
}

uint8_t
client_unsubscribe(struct session *s, struct slice filter)
{
	struct topic_filter t;

	if (is_exclusive(zone_get(s->zone), filter))
		filter = slice_from(filter, EXCLUSIVE.n);
	if (topic_filter_parse(filter, &t) != EM_OK)
		return REASON_TOPIC_FILTER_INVALID;
	if (changes_topics(s) && !topics_in(s, TOPICS_SUBSCRIBE, &t.filter))
		return REASON_NO_SUBSCRIPTION_EXISTED;
	if (session_unsubscribe(s, t.group, t.filter) != EM_OK)
		return REASON_NO_SUBSCRIPTION_EXISTED;
	return 0;
}

/* ---- a packet, as much of it a turn as there is time for */

/* A SUBSCRIBE or UNSUBSCRIBE under way. */
struct run {
	enum mqtt_type type;
	uint16_t packet_id;
	uint32_t subid;
	uint32_t done;     /* filters so far */
	struct slice rest; /* the others, as they came */
	uint8_t *codes;    /* one a filter */
	bool is_settled;   /* the other nodes know of them */
	uint32_t claimed; /* the number of the filter, from 1 on, that was claimed last */
	bool is_refused;  /* it is another client's */
	struct subscribe_claim
	    *claim; /* it is this one's, until it is subscribed or not */
};

/* What outlives the turn in which it came. */
struct subscribe_rest {
	size_t size;
	struct run run;
	uint8_t bytes[]; /* codes, then filters */
};

/* A filter that one client has for itself, with other nodes. */
struct subscribe_claim {
	struct exclusive_claim claim; /* first */
	struct channel *ch;           /* NULL: it has ended */
	uint8_t bytes[];              /* filter, client id */
};

static void
end_claim(struct run *r, bool is_subscribed)
{
	struct subscribe_claim *c = r->claim;

	if (c == NULL)
		return;
	if (!is_subscribed)
		exclusive_unclaim(&c->claim);
	r->claim = NULL;
	mem_free(c);
}

/* False: that was the last.  *is_fatal: the connection must end with 0x82. */
static bool
run_one(struct channel *ch, struct run *r, bool *is_fatal)
{
	struct mqtt_filter filter;
	struct slice name;
	uint8_t code;

	if (r->type == MQTT_SUBSCRIBE) {
		if (!mqtt_subscribe_next(&r->rest, &filter))
			return false;
		code = r->claimed == r->done + 1 && r->is_refused
			   ? REASON_QUOTA_EXCEEDED
			   : subscribe_one(ch, &filter, r->subid, is_fatal);
		end_claim(r, code < REASON_UNSPECIFIED_ERROR);
	} else {
		if (!mqtt_unsubscribe_next(&r->rest, &name))
			return false;
		code = client_unsubscribe(ch->session, name);
	}
	r->codes[r->done++] = code;
	if (code >= REASON_UNSPECIFIED_ERROR)
		metric_inc(r->type == MQTT_SUBSCRIBE ? METRIC_PACKETS_SUBSCRIBE_ERROR
						     : METRIC_PACKETS_UNSUBSCRIBE_ERROR);
	return true;
}

static void
on_claimed(struct exclusive_claim *of, em_err err)
{
	struct subscribe_claim *c = (struct subscribe_claim *)of;
	struct channel *ch = c->ch;
	struct run gone = { .claim = NULL }, *r = &gone;

	if (ch != NULL) {
		ch->extra->claiming = NULL;
		r = &ch->extra->subscribing->run;
		r->is_refused = err != EM_OK;
	}
	r->claim = c;
	if (ch == NULL || err != EM_OK)
		end_claim(r, err != EM_OK); /* who did not get it has nothing to give */
	if (ch != NULL)
		channel_read_on(ch);
}

/* Is the next filter one that must be asked for?  Then it was, and the packet waits. */
static bool
must_claim(struct channel *ch, struct run *r)
{
	const struct zone *zone = channel_zone(ch);
	struct slice rest = r->rest, id = session_clientid(ch->session);
	struct subscribe_claim *c;
	struct clientinfo who;
	struct mqtt_filter f;
	struct topic_filter t;
	bool exclusive;

	if (EM_LIKELY(!zone->exclusive_subscription) || r->type != MQTT_SUBSCRIBE ||
	    r->claimed == r->done + 1 || !exclusive_has_others() ||
	    !mqtt_subscribe_next(&rest, &f) ||
	    read_filter(zone, f.filter, &t, &exclusive) != 0 || !exclusive)
		return false;
	who = session_info(ch->session);
	who.is_superuser = (ch->flags & CHANNEL_SUPERUSER) != 0;
	if (!access_may_subscribe(&who, t.filter))
		return false; /* it is refused in its turn */
	if ((ch->flags & CHANNEL_TOPICS) != 0 &&
	    !topics_in(ch->session, TOPICS_SUBSCRIBE, &t.filter))
		return false;
	c = mem_new(sizeof *c + t.filter.n + id.n);
	memcpy(c->bytes, t.filter.p, t.filter.n);
	memcpy(c->bytes + t.filter.n, id.p, id.n);
	c->claim.filter = slice_of(c->bytes, t.filter.n);
	c->claim.clientid = slice_of(c->bytes + t.filter.n, id.n);
	c->claim.done = on_claimed;
	c->ch = ch;
	r->claimed = r->done + 1;
	r->is_refused = exclusive_claim(&c->claim) != EM_OK;
	if (r->is_refused) {
		mem_free(c);
		return false;
	}
	extra_of(&ch->extra)->claiming = c;
	return true;
}

/* ---- answers that wait for other nodes */

/* Comes back when they know. */
struct subscribe_settle {
	struct router_settle settle; /* first */
	struct channel *ch;          /* NULL: it has ended */
};

static void
on_settled(struct router_settle *s)
{
	struct subscribe_settle *w = (struct subscribe_settle *)s;
	struct channel *ch = w->ch;

	mem_free(w);
	if (ch == NULL)
		return;
	ch->extra->settling = NULL;
	ch->extra->subscribing->run.is_settled = true;
	channel_read_on(ch);
}

void
subscribe_leave(struct channel *ch)
{
	if (ch->extra == NULL)
		return;
	if (ch->extra->settling != NULL)
		ch->extra->settling->ch = NULL;
	if (ch->extra->claiming != NULL)
		ch->extra->claiming->ch = NULL;
	if (ch->extra->subscribing != NULL)
		end_claim(&ch->extra->subscribing->run, false);
	ch->extra->settling = NULL;
	ch->extra->claiming = NULL;
}

static bool
is_any_granted(const struct run *r)
{
	for (uint32_t i = 0; i < r->done; i++)
		if (r->codes[i] < REASON_UNSPECIFIED_ERROR)
			return true;
	return false;
}

/* True: the answer waits for other nodes. */
static bool
must_settle(struct channel *ch, const struct run *r)
{
	struct subscribe_settle *w;

	if (EM_LIKELY(!router_remote_is_used()) || r->is_settled ||
	    r->type != MQTT_SUBSCRIBE || !is_any_granted(r))
		return false;
	w = MEM_NEW(struct subscribe_settle);
	w->settle.done = on_settled;
	w->ch = ch;
	if (!router_remote_settle(&w->settle)) {
		mem_free(w);
		return false;
	}
	extra_of(&ch->extra)->settling = w;
	return true;
}

/* False: there is more, and no time, or the answer must wait. */
static bool
run_some(struct channel *ch, struct run *r)
{
	bool is_fatal = false;

	for (unsigned n = 1;; n++) {
		if (must_claim(ch, r))
			return false;
		if (!run_one(ch, r, &is_fatal))
			break;
		if (is_fatal) {
			channel_refuse(ch, REASON_PROTOCOL_ERROR,
			    "[MQTT5-3.8.3-4] No Local on a shared subscription");
			return true;
		}
		if (n % LOOK == 0 && r->rest.n > 0 && loop_is_late())
			return false;
	}
	if (must_settle(ch, r))
		return false;
	answer(ch, r->type == MQTT_SUBSCRIBE ? MQTT_SUBACK : MQTT_UNSUBACK, r->packet_id,
	    slice_of(r->codes, r->done));
	return true;
}

/* The packet's bytes and the codes are good for this turn only. */
static void
keep_rest(struct channel *ch, const struct run *r, uint32_t n)
{
	struct subscribe_rest *kept = mem_try(sizeof *kept + n + r->rest.n);

	if (kept == NULL) {
		conn_end(ch->conn, END_INTERNAL_ERROR, END_BY_SERVER,
		    "no memory for a packet");
		return;
	}
	kept->size = sizeof *kept + n + r->rest.n;
	kept->run = *r;
	kept->run.codes = kept->bytes;
	kept->run.rest = slice_of(kept->bytes + n, r->rest.n);
	memcpy(kept->bytes, r->codes, r->done);
	if (r->rest.n > 0) /* else it only waits for the other nodes */
		memcpy(kept->bytes + n, r->rest.p, r->rest.n);
	extra_of(&ch->extra)->subscribing = kept;
	pressure_pause(ch, worker_self());
}

static void
begin(struct channel *ch, struct run r, uint32_t n)
{
	r.codes = client_scratch(n);
	if (!run_some(ch, &r))
		keep_rest(ch, &r, n);
}

bool
subscribe_go_on(struct channel *ch)
{
	struct conn *c = ch->conn;
	struct subscribe_rest *kept = ch->extra->subscribing;

	if (ch->extra->settling != NULL || ch->extra->claiming != NULL)
		return false; /* on_settled() or on_claimed() reads on */
	/* Ending the connection would free it. */
	ch->extra->subscribing = NULL;
	if (!run_some(ch, &kept->run)) {
		ch->extra->subscribing = kept;
		pressure_pause(ch, worker_self());
		return false;
	}
	mem_free(kept);
	return !conn_is_ended(c);
}

void
subscribe_on_packet(struct channel *ch, const struct mqtt_frame *f)
{
	struct mqtt_subscribe p;
	struct mqtt_fault fault;

	metric_inc(METRIC_PACKETS_SUBSCRIBE_RECEIVED);
	if (mqtt_decode_subscribe(f, channel_version(ch),
		channel_decode_flags(channel_zone(ch)), &p, &fault) != EM_OK) {
		channel_fault(ch, &fault);
		return;
	}
	metric_inc(METRIC_CLIENT_SUBSCRIBE);
	begin(ch,
	    (struct run){ .type = MQTT_SUBSCRIBE,
		.packet_id = p.packet_id,
		.subid = PROP_GET(&p.props, SUBSCRIPTION_ID, subscription_id, 0),
		.rest = p.filters },
	    p.n);
}

void
subscribe_on_unsubscribe(struct channel *ch, const struct mqtt_frame *f)
{
	struct mqtt_unsubscribe p;
	struct mqtt_fault fault;

	metric_inc(METRIC_PACKETS_UNSUBSCRIBE_RECEIVED);
	if (mqtt_decode_unsubscribe(f, channel_version(ch),
		channel_decode_flags(channel_zone(ch)), &p, &fault) != EM_OK) {
		channel_fault(ch, &fault);
		return;
	}
	metric_inc(METRIC_CLIENT_UNSUBSCRIBE);
	begin(ch,
	    (struct run){
		.type = MQTT_UNSUBSCRIBE, .packet_id = p.packet_id, .rest = p.filters },
	    p.n);
}
