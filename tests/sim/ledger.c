/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: see ledger.h. */
#include "tests/sim/ledger.h"
#include "tests/sim/trail.h"
#include "ipc/base/check.h"
#include "ipc/base/vec.h"

#include <string.h>

enum state { OFF, ASKED, ON, LEAVING };

struct sub {
	enum state state;
	uint8_t qos;
	uint32_t since; /* it was granted; LEDGER_NEVER */
};

/* Of one message for one peer, by the QoS that it comes with. */
struct tally {
	uint8_t must[3], may[3];
	uint16_t came[3], fresh[3]; /* fresh: without DUP */
};

enum will_state { NO_WILL, WILL_OPEN, WILL_DUE, WILL_VOID };

struct entry {
	uint8_t peer, topic, qos, will;
	bool is_acked, is_settled;
	uint32_t sent; /* the step */
	uint32_t sends;
	int64_t from; /* ns */
	struct tally tally[LEDGER_PEERS];
};

static struct {
	unsigned peers;
	uint32_t step;
	struct sub sub[LEDGER_PEERS][LEDGER_FILTERS];
	/* The newest that came, by receiver, publisher, topic, its QoS and how it came. */
	unsigned newest[LEDGER_PEERS][LEDGER_PEERS][LEDGER_PLAIN][3][3];
	unsigned last[LEDGER_PEERS][LEDGER_TOPICS]; /* that came; number + 1 */
	VEC(struct entry) all;
} ledger;

static const char *const topics[LEDGER_TOPICS] = { "t/0", "t/1", "t/2", "s/0", "s/1",
	"r/0", "r/1", "r/2", "r/3", "r/4", "r/5", "w/0", "w/1", "w/2", "w/3", "w/4",
	"w/5" };

static const struct {
	const char *text;
	bool is_shared;
	uint32_t of; /* topics that it matches, a bit each */
} filters[LEDGER_FILTERS] = {
	{ "t/0", false, 1 },
	{ "t/1", false, 2 },
	{ "t/+", false, 7 },
	{ "t/#", false, 7 },
	{ "$share/g/s/#", true, 8 + 16 },
	{ "$share/h/s/0", true, 8 },
	{ "r/#", false, 0x3fu << LEDGER_SHARED },
	{ "w/#", false, 0x3fu << (LEDGER_SHARED + LEDGER_PEERS) },
};
enum { FILTER_RETAINED = 6, FILTER_WILLS = 7 };

void
ledger_begin(unsigned peers)
{
	VEC_FINI(&ledger.all);
	memset(&ledger, 0, sizeof ledger);
	ledger.peers = peers;
}

const char *
ledger_topic(unsigned topic)
{
	return topics[topic];
}

const char *
ledger_filter(unsigned filter)
{
	return filters[filter].text;
}

bool
ledger_is_shared(unsigned filter)
{
	return filters[filter].is_shared;
}

static bool
matches(unsigned filter, unsigned topic)
{
	return (filters[filter].of >> topic & 1) != 0;
}

static bool
is_retained(unsigned topic)
{
	return topic >= LEDGER_SHARED && topic < LEDGER_SHARED + LEDGER_PEERS;
}

static bool
is_for_groups(unsigned topic)
{
	return topic >= LEDGER_PLAIN && topic < LEDGER_SHARED;
}

static uint8_t
lower(uint8_t a, uint8_t b)
{
	return a < b ? a : b;
}

/* ---- publishing */

static unsigned
add(unsigned peer, unsigned topic, uint8_t qos)
{
	struct entry e = { .peer = (uint8_t)peer,
		.topic = (uint8_t)topic,
		.qos = qos,
		.sent = ++ledger.step,
		.sends = 1 };

	for (unsigned p = 0; p < ledger.peers; p++)
		for (unsigned f = 0; f < LEDGER_FILTERS; f++)
			if (ledger.sub[p][f].state != OFF && matches(f, topic))
				e.tally[p].may[lower(qos, ledger.sub[p][f].qos)]++;
	VEC_ADD(&ledger.all, e);
	return (unsigned)ledger.all.n - 1;
}

unsigned
ledger_publish(unsigned peer, unsigned topic, uint8_t qos)
{
	return add(peer, topic, qos);
}

unsigned
ledger_will(unsigned peer, uint8_t qos)
{
	unsigned number = add(peer, ledger_will_topic(peer), qos);

	ledger.all.p[number].will = WILL_OPEN;
	return number;
}

void
ledger_will_is_due(unsigned number)
{
	ledger.all.p[number].will = WILL_DUE;
}

void
ledger_will_is_void(unsigned number)
{
	ledger.all.p[number].will = WILL_VOID;
}

void
ledger_will_from(unsigned number, int64_t ns)
{
	ledger.all.p[number].from = ns;
}

void
ledger_resend(unsigned number)
{
	ledger.all.p[number].sends++;
}

uint8_t
ledger_qos(unsigned number)
{
	return ledger.all.p[number].qos;
}

unsigned
ledger_topic_of(unsigned number)
{
	return ledger.all.p[number].topic;
}

/* Acknowledged to its publisher, so for whoever has asked for it before. */
static bool
is_owed(const struct entry *e, const struct sub *s, unsigned filter)
{
	return e->is_acked && s->state == ON && s->since < e->sent &&
	       matches(filter, e->topic) && !filters[filter].is_shared;
}

void
ledger_acked(unsigned number)
{
	struct entry *e = &ledger.all.p[number];

	if (e->is_acked)
		return;
	e->is_acked = true;
	for (unsigned p = 0; p < ledger.peers; p++)
		for (unsigned f = 0; f < LEDGER_FILTERS; f++) {
			const struct sub *s = &ledger.sub[p][f];

			if (is_owed(e, s, f))
				e->tally[p].must[lower(e->qos, s->qos)]++;
		}
}

void
ledger_settle(void)
{
	for (size_t i = 0; i < ledger.all.n; i++)
		if (ledger.all.p[i].is_acked)
			ledger.all.p[i].is_settled = true;
}

/* ---- subscribing */

void
ledger_asks(unsigned peer, unsigned filter, uint8_t qos)
{
	struct sub *s = &ledger.sub[peer][filter];

	CHECK(s->state == OFF);
	s->state = ASKED;
	s->qos = qos;
	s->since = LEDGER_NEVER;
	/* What is still on its way may come too. */
	for (size_t i = 0; i < ledger.all.n; i++) {
		struct entry *e = &ledger.all.p[i];

		if (!e->is_settled && matches(filter, e->topic))
			e->tally[peer].may[lower(e->qos, qos)]++;
	}
}

void
ledger_granted(unsigned peer, unsigned filter)
{
	struct sub *s = &ledger.sub[peer][filter];

	if (s->state != ASKED)
		return;
	s->state = ON;
	s->since = ++ledger.step;
}

void
ledger_leaves(unsigned peer, unsigned filter)
{
	struct sub *s = &ledger.sub[peer][filter];

	/* What is still between two workers when the UNSUBSCRIBE is heard is owed no
	 * more: whom a message is for is asked where it arrives [MQTT5-3.10.4-2]. */
	for (size_t i = 0; i < ledger.all.n; i++) {
		struct entry *e = &ledger.all.p[i];
		uint8_t qos = lower(e->qos, s->qos);

		if (is_owed(e, s, filter) && !e->is_settled &&
		    e->tally[peer].must[qos] > 0)
			e->tally[peer].must[qos]--;
	}
	s->state = LEAVING;
	s->since = LEDGER_NEVER;
}

void
ledger_left(unsigned peer, unsigned filter)
{
	if (ledger.sub[peer][filter].state == LEAVING)
		ledger.sub[peer][filter].state = OFF;
}

bool
ledger_is_off(unsigned peer, unsigned filter)
{
	return ledger.sub[peer][filter].state == OFF;
}

bool
ledger_is_asked(unsigned peer, unsigned filter)
{
	return ledger.sub[peer][filter].state == ASKED;
}

void
ledger_session_gone(unsigned peer)
{
	for (unsigned f = 0; f < LEDGER_FILTERS; f++)
		ledger.sub[peer][f] = (struct sub){ .since = LEDGER_NEVER };
	for (size_t i = 0; i < ledger.all.n; i++)
		memset(ledger.all.p[i].tally[peer].must, 0,
		    sizeof ledger.all.p[i].tally[peer].must);
	memset(ledger.last[peer], 0, sizeof ledger.last[peer]);
}

/* ---- receiving */

static void
check_order(unsigned peer, unsigned number, const struct entry *e, uint8_t qos)
{
	unsigned *newest;

	/* One of QoS 1 that was sent again may come again, behind others. */
	if (e->topic >= LEDGER_PLAIN || (e->qos == 1 && e->sends > 1))
		return;
	newest = &ledger.newest[peer][e->peer][e->topic][e->qos][qos];
	if (number + 1 < *newest)
		trail_finding("order: c%u gets message %u of c%u on %s behind %u", peer,
		    number, e->peer, topics[e->topic], *newest - 1);
	*newest = number + 1;
}

static void
check_most(unsigned peer, unsigned number, const struct entry *e, uint8_t qos)
{
	const struct tally *t = &e->tally[peer];
	unsigned sends = e->qos == 1 ? e->sends : 1;
	unsigned came = qos == 1 ? t->fresh[1] : t->came[qos];

	if (is_retained(e->topic) ? t->may[qos] == 0 : came > t->may[qos] * sends)
		trail_finding("c%u gets message %u (QoS %u, %s) %u times at QoS %u, at "
			      "most %u were owed",
		    peer, number, e->qos, topics[e->topic], came, qos,
		    t->may[qos] * sends);
}

void
ledger_received(unsigned peer, unsigned number, struct slice topic, uint8_t qos, bool dup,
    int64_t now)
{
	struct entry *e;
	struct tally *t;

	if (number >= ledger.all.n)
		trail_finding("c%u gets a message that nobody sent", peer);
	e = &ledger.all.p[number];
	t = &e->tally[peer];
	if (!slice_eq_str(topic, topics[e->topic]))
		trail_finding("c%u gets message %u on %.*s, sent on %s", peer, number,
		    (int)topic.n, (const char *)topic.p, topics[e->topic]);
	if (e->will == WILL_VOID)
		trail_finding("c%u gets will %u, which is void", peer, number);
	if (now < e->from)
		trail_finding("c%u gets will %u before its delay is over", peer, number);
	t->came[qos]++;
	if (!dup)
		t->fresh[qos]++;
	if (t->came[qos] == 1)
		check_order(peer, number, e, qos);
	check_most(peer, number, e, qos);
	ledger.last[peer][e->topic] = number + 1;
}

/* ---- the end */

static void
check_least(unsigned number, const struct entry *e)
{
	for (unsigned p = 0; p < ledger.peers; p++)
		for (uint8_t q = 1; q < 3; q++)
			if (e->tally[p].came[q] < e->tally[p].must[q])
				trail_finding("message %u (QoS %u, %s, of c%u) was "
					      "acknowledged and came to c%u %u times, "
					      "%u are owed",
				    number, e->qos, topics[e->topic], e->peer, p,
				    e->tally[p].came[q], e->tally[p].must[q]);
}

static void
check_will(unsigned number, struct entry *e)
{
	const unsigned f = FILTER_WILLS;

	if (e->will != WILL_DUE)
		return;
	for (unsigned p = 0; p < ledger.peers; p++) {
		const struct sub *s = &ledger.sub[p][f];

		if (s->state == ON && s->since < e->sent && lower(e->qos, s->qos) > 0 &&
		    e->tally[p].came[1] + e->tally[p].came[2] == 0)
			trail_finding("will %u of c%u was due and did not come to c%u",
			    number, e->peer, p);
	}
}

/* Each group once, and at least one when somebody was in it all the time. */
static void
check_groups(unsigned number, const struct entry *e)
{
	unsigned groups = e->topic == LEDGER_PLAIN ? 2 : 1, must = 0, came = 0;

	for (unsigned f = 0; f < LEDGER_FILTERS; f++) {
		bool is_owed = false;

		for (unsigned p = 0; p < ledger.peers; p++) {
			const struct sub *s = &ledger.sub[p][f];

			is_owed |= filters[f].is_shared && matches(f, e->topic) &&
				   s->state == ON && s->since < e->sent && e->is_acked &&
				   e->qos > 0;
		}
		must += is_owed;
	}
	for (unsigned p = 0; p < ledger.peers; p++)
		for (uint8_t q = 0; q < 3; q++)
			came += e->tally[p].came[q];
	if (came < must)
		trail_finding("message %u (QoS %u, %s) came to %u of %u groups", number,
		    e->qos, topics[e->topic], came, must);
	if (e->qos == 2 && came > groups) {
		bool is_exact = true; /* QoS 1 members may get it again */

		for (unsigned p = 0; p < ledger.peers; p++)
			is_exact &= e->tally[p].came[1] == 0;
		if (is_exact)
			trail_finding("message %u (QoS 2, %s) came %u times to %u groups",
			    number, topics[e->topic], came, groups);
	}
}

/* The last value of a retained topic is the last that a subscriber sees. */
static void
check_retained(unsigned publisher)
{
	unsigned topic = ledger_retained(publisher), last = 0;

	for (unsigned i = 0; i < ledger.all.n; i++)
		if (ledger.all.p[i].topic == topic)
			last = i + 1;
	for (unsigned p = 0; p < ledger.peers; p++) {
		const struct sub *s = &ledger.sub[p][FILTER_RETAINED];

		if (last > 0 && s->state == ON && s->qos > 0 &&
		    ledger.last[p][topic] != last)
			trail_finding("the last value of %s is %u, c%u saw %d last",
			    topics[topic], last - 1, p, (int)ledger.last[p][topic] - 1);
	}
}

void
ledger_finish(void)
{
	for (unsigned i = 0; i < ledger.all.n; i++) {
		struct entry *e = &ledger.all.p[i];

		check_least(i, e);
		check_will(i, e);
		if (is_for_groups(e->topic))
			check_groups(i, e);
	}
	for (unsigned p = 0; p < ledger.peers; p++)
		check_retained(p);
}

unsigned
ledger_count(void)
{
	return (unsigned)ledger.all.n;
}
