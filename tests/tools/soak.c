/* SPDX-License-Identifier: Apache-2.0 */
/*
 * soak: nothing lost, doubled or out of order beyond what each QoS allows, whatever
 * happens to connections.  See soak/soak.h; the daemon should keep all that waits
 * (mqtt.max_mqueue_len = infinity).
 *
 *	soak -h ADDRESS -p PORT [-s SEED] [-t SECONDS] [-n PAIRS] [-w WINDOW] [-c ONE_IN]
 *
 * -c: a connection is cut at one packet in so many.  The last line is "soak: ok" or
 * "soak: N findings"; the seed is printed first.
 */
#include "tests/tools/soak/soak.h"
#include "ipc/base/num.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define FINDINGS_SHOWN 20u
#define QUIET span_s(30) /* nothing comes for so long: what is missing is lost */
#define LOOK span_ms(200)
#define CLOSE_LIMIT span_s(30)
#define EVENTS 256

uint64_t
soak_below(struct soak *s, uint64_t n)
{
	/* splitmix64: a run can be played again from its seed as far as the network lets it */
	uint64_t x = s->seed += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (x ^ x >> 31) % n;
}

void
soak_finding(const struct client *c, const char *fmt, ...)
{
	va_list ap;

	if (c->soak->findings++ >= FINDINGS_SHOWN)
		return;
	printf("finding: %s %u (v%d): ", c->is_sub ? "subscriber" : "publisher",
	    c->number, c->version);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

/* ---- birth */

static struct client
client_of(struct soak *s, unsigned number, bool is_sub)
{
	return (struct client){ .soak = s,
		.number = number,
		.is_sub = is_sub,
		.version = number % 2 == 0 ? MQTT_V5 : MQTT_V311 };
}

static void
birth(struct soak *s)
{
	size_t tracks = s->pairs * SOAK_QOS;

	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->pubs = mem_new_array(s->pairs, sizeof *s->pubs);
	s->subs = mem_new_array(s->pairs, sizeof *s->subs);
	s->groups_n = (unsigned)(s->pairs / (5 * SOAK_GROUP));
	s->groups = mem_new_array(s->groups_n + 1, sizeof *s->groups);
	for (unsigned i = 0; i < s->groups_n; i++)
		s->groups[i].seen = mem_new_array(tracks, sizeof *s->groups[i].seen);
	for (unsigned i = 0; i < s->pairs; i++) {
		struct client *sub = &s->subs[i];

		s->pubs[i] = client_of(s, i, false);
		s->pubs[i].pub = MEM_NEW(struct publisher);
		*sub = client_of(s, i, true);
		sub->sub = MEM_NEW(struct subscriber);
		sub->sub->track = mem_new_array(tracks, sizeof *sub->sub->track);
		sub->sub->group =
		    i < s->groups_n * SOAK_GROUP ? (int)(i / SOAK_GROUP) : -1;
	}
}

/* ---- turns */

static void
on_event(struct soak *s, struct link *l, uint32_t events)
{
	struct client *c = l->client;

	if (c == NULL || c->link != l)
		return; /* a stray is looked at elsewhere */
	if ((events & EPOLLOUT) != 0 && l->is_connecting)
		client_writable(c);
	if (c->link == l && !l->is_connecting && (events & ~(uint32_t)EPOLLOUT) != 0)
		client_readable(c);
	(void)s;
}

/* EPOLLOUT only while something waits. */
static void
rearm(struct soak *s, struct client *c)
{
	struct link *l = c->link;
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = l };

	if (l == NULL || l->is_connecting)
		return;
	if (!link_flush(l)) {
		soak_finding(c, "the broker closed while something was sent");
		client_cut(c);
		return;
	}
	if ((l->out.n > 0) == l->is_armed)
		return;
	l->is_armed = l->out.n > 0;
	if (l->is_armed)
		e.events |= EPOLLOUT;
	epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, l->fd, &e);
}

/* A connection that was taken over: the broker must close it, 5.0 with a word. */
static bool
stray_is_over(struct soak *s, struct link *l)
{
	struct mqtt_packet p;
	const char *wrong;
	size_t at = 0;
	bool is_open = link_fill(l);

	while (link_take(l, &at, &p, &wrong) && wrong == NULL)
		if (p.type == MQTT_DISCONNECT && p.disconnect.reason == 0x8e)
			l->has_last_word = true;
	link_forget(l, at);
	if (is_open && s->now.ns - l->since.ns < CLOSE_LIMIT.ns)
		return false;
	if (is_open) {
		s->findings++;
		printf("finding: a connection that was taken over stays open\n");
	}
	return true;
}

static void
look_at_strays(struct soak *s)
{
	for (size_t i = 0; i < s->strays.n; i++) {
		if (!stray_is_over(s, s->strays.p[i]))
			continue;
		link_cut(s, &s->strays.p[i]);
		s->strays.p[i--] = s->strays.p[--s->strays.n];
	}
}

/* A publisher waits when one of its receivers is far behind. */
static void
look_ahead(struct soak *s)
{
	for (unsigned p = 0; p < s->pairs; p++)
		s->pubs[p].pub->is_ahead = false;
	for (unsigned i = 0; i < s->pairs; i++) {
		struct subscriber *b = s->subs[i].sub;

		if (b->group >= 0)
			continue;
		for (unsigned p = 0; p < s->pairs; p++)
			for (unsigned q = 1; q < SOAK_QOS; q++) {
				struct track *t = &b->track[p * SOAK_QOS + q];
				struct publisher *pub = s->pubs[p].pub;

				if (t->is_subscribed && t->last + s->ahead < pub->sent[q])
					pub->is_ahead = true;
			}
	}
}

static void
turn(struct soak *s, int wait_ms)
{
	struct epoll_event e[EVENTS];
	int n = epoll_wait(s->epoll_fd, e, EVENTS, wait_ms);

	s->now = span_mono_now();
	for (int i = 0; i < n; i++) {
		struct link *l = e[i].data.ptr;
		bool is_gone = true;

		/* It may have been cut because of an event before this one. */
		for (unsigned k = 0; k < s->pairs && is_gone; k++)
			is_gone = s->pubs[k].link != l && s->subs[k].link != l;
		if (!is_gone)
			on_event(s, l, e[i].events);
	}
	for (unsigned i = 0; i < s->pairs; i++) {
		client_chance(&s->pubs[i]);
		client_chance(&s->subs[i]);
		pub_turn(&s->pubs[i]);
		rearm(s, &s->pubs[i]);
		rearm(s, &s->subs[i]);
	}
	look_ahead(s);
	look_at_strays(s);
}

/* ---- the end */

static bool
publishers_are_done(const struct soak *s)
{
	for (unsigned i = 0; i < s->pairs; i++)
		if (s->pubs[i].pub->window.n > 0)
			return false;
	return true;
}

/* How many of QoS 1 and 2 are still to come, in the order of receivers. */
static uint64_t
missing(const struct soak *s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < s->pairs; i++)
		for (unsigned p = 0; p < s->pairs; p++)
			for (unsigned q = 1; q < SOAK_QOS; q++) {
				const struct track *t =
				    &s->subs[i].sub->track[p * SOAK_QOS + q];

				if (t->is_subscribed)
					n += s->pubs[p].pub->sent[q] - t->last;
			}
	for (unsigned g = 0; g < s->groups_n; g++)
		for (unsigned p = 0; p < s->pairs; p++)
			for (unsigned q = 1; q < SOAK_QOS; q++)
				for (uint64_t i = 1; i <= s->pubs[p].pub->sent[q]; i++)
					n +=
					    i >= s->groups[g].seen[p * SOAK_QOS + q].n ||
					    s->groups[g].seen[p * SOAK_QOS + q].p[i] == 0;
	return n;
}

/* Groups see what was published after their first member subscribed. */
static void
await_subscribers(struct soak *s)
{
	mono_t limit = mono_add(span_mono_now(), span_s(60));
	bool is_waiting = true;

	while (is_waiting && s->now.ns < limit.ns) {
		is_waiting = false;
		for (unsigned i = 0; i < s->pairs; i++) {
			s->pubs[i].due = mono_add(span_mono_now(), span_s(1));
			is_waiting |= !s->subs[i].is_subscribed;
		}
		turn(s, 10);
	}
	for (unsigned i = 0; i < s->pairs; i++)
		s->pubs[i].due = s->now;
}

static void
drain(struct soak *s)
{
	mono_t since = s->now, looked = s->now;
	uint64_t received = s->received;

	s->is_draining = true;
	while (s->now.ns - since.ns < QUIET.ns) {
		turn(s, 20);
		if (s->received != received)
			since = s->now;
		received = s->received;
		if (s->now.ns - looked.ns < LOOK.ns)
			continue;
		looked = s->now;
		if (publishers_are_done(s) && s->strays.n == 0 && missing(s) == 0)
			break;
	}
}

static void
report_cuts(const struct soak *s)
{
	static const char *const names[] = { [MQTT_CONNECT] = "CONNECT",
		[MQTT_CONNACK] = "CONNACK",
		[MQTT_PUBLISH] = "PUBLISH",
		[MQTT_PUBACK] = "PUBACK",
		[MQTT_PUBREC] = "PUBREC",
		[MQTT_PUBREL] = "PUBREL",
		[MQTT_PUBCOMP] = "PUBCOMP",
		[MQTT_SUBSCRIBE] = "SUBSCRIBE",
		[MQTT_SUBACK] = "SUBACK",
		[MQTT_PINGREQ] = "PINGREQ",
		[MQTT_PINGRESP] = "PINGRESP",
		[MQTT_DISCONNECT] = "DISCONNECT" };

	for (unsigned kind = 0; kind < 2; kind++)
		for (unsigned t = 1; t <= MQTT_DISCONNECT; t++) {
			uint64_t before = s->cuts.before[kind][t],
				 half = s->cuts.half[kind][t],
				 behind = s->cuts.behind[kind][t];

			if (before + half + behind > 0)
				printf("cut %s %-10s before %llu, within %llu, behind "
				       "%llu\n",
				    kind == 0 ? "publishers " : "subscribers", names[t],
				    (unsigned long long)before, (unsigned long long)half,
				    (unsigned long long)behind);
		}
}

static void
report(struct soak *s)
{
	uint64_t sent[SOAK_QOS] = { 0 }, got[SOAK_QOS] = { 0 }, doubled = 0, lost0 = 0;
	uint64_t left = missing(s);

	for (unsigned i = 0; i < s->pairs; i++)
		for (unsigned q = 0; q < SOAK_QOS; q++) {
			sent[q] += s->pubs[i].pub->sent[q];
			for (unsigned p = 0; p < s->pairs; p++) {
				struct track *t =
				    &s->subs[i].sub->track[p * SOAK_QOS + q];

				got[q] += t->got;
				doubled += t->doubled;
				if (q == 0 && t->is_subscribed)
					lost0 += s->pubs[p].pub->sent[0] - t->got;
			}
		}
	report_cuts(s);
	printf("taken over %llu, said goodbye %llu\n", (unsigned long long)s->takeovers,
	    (unsigned long long)s->farewells);
	for (unsigned q = 0; q < SOAK_QOS; q++)
		printf("QoS %u: published %llu, delivered %llu\n", q,
		    (unsigned long long)sent[q], (unsigned long long)got[q]);
	printf("QoS 0 not delivered to a subscriber: %llu; QoS 1 delivered again as "
	       "allowed: "
	       "%llu\n",
	    (unsigned long long)lost0, (unsigned long long)doubled);
	if (left > 0) {
		s->findings++;
		printf("finding: %llu deliveries of QoS 1 and 2 are missing\n",
		    (unsigned long long)left);
	}
	if (!publishers_are_done(s)) {
		s->findings++;
		printf("finding: messages of publishers are not acknowledged\n");
	}
	if (s->findings == 0)
		printf("soak: ok\n");
	else
		printf("soak: %llu findings\n", (unsigned long long)s->findings);
}

static void
death(struct soak *s)
{
	for (unsigned i = 0; i < s->pairs; i++) {
		if (s->pubs[i].link != NULL)
			link_cut(s, &s->pubs[i].link);
		if (s->subs[i].link != NULL)
			link_cut(s, &s->subs[i].link);
		VEC_FINI(&s->pubs[i].pub->window);
		VEC_FINI(&s->pubs[i].pub->again);
		mem_free(s->pubs[i].pub);
		VEC_FINI(&s->subs[i].sub->held);
		mem_free(s->subs[i].sub->track);
		mem_free(s->subs[i].sub);
	}
	for (unsigned i = 0; i < s->groups_n; i++) {
		for (size_t k = 0; k < s->pairs * SOAK_QOS; k++)
			VEC_FINI(&s->groups[i].seen[k]);
		mem_free(s->groups[i].seen);
	}
	VEC_FINI(&s->strays);
	mem_free(s->groups);
	mem_free(s->pubs);
	mem_free(s->subs);
	close(s->epoll_fd);
}

static void
usage(void)
{
	fputs("usage: soak -h ADDRESS -p PORT [-s SEED] [-t SECONDS] [-n PAIRS] "
	      "[-w WINDOW] [-c ONE_IN]\n",
	    stderr);
	exit(2);
}

static void
options(struct soak *s, int argc, char **argv)
{
	uint64_t port = 1883, seed = (uint64_t)span_wall_now().ns;
	int c;

	*s = (struct soak){ .host = "127.0.0.1",
		.seconds = 10,
		.pairs = 50,
		.window = 10,
		.ahead = 2000,
		.cut_one_in = 3000 };
	while ((c = getopt(argc, argv, "h:p:s:t:n:w:c:")) != -1) {
		uint64_t n = 0;

		if (c == 'h') {
			s->host = optarg;
			continue;
		}
		if (c == '?' || num_parse_u64(slice_str(optarg), &n) != EM_OK)
			usage();
		switch (c) {
		case 'p': port = n; break;
		case 's': seed = n; break;
		case 't': s->seconds = n; break;
		case 'n': s->pairs = n; break;
		case 'w': s->window = n; break;
		case 'c': s->cut_one_in = n; break;
		}
	}
	if (port == 0 || port > UINT16_MAX || s->pairs == 0 || s->cut_one_in == 0)
		usage();
	s->port = (uint16_t)port;
	s->seed = seed;
	printf("seed %llu\n", (unsigned long long)seed);
}

int
main(int argc, char **argv)
{
	struct soak s;
	bool is_bad;

	setvbuf(stdout, NULL, _IOLBF, 0);
	options(&s, argc, argv);
	s.now = span_mono_now();
	birth(&s);
	await_subscribers(&s);
	s.end = mono_add(span_mono_now(), span_s((int64_t)s.seconds));
	while (s.now.ns < s.end.ns)
		turn(&s, 1);
	drain(&s);
	report(&s);
	is_bad = s.findings > 0;
	death(&s);
	return is_bad ? 1 : 0;
}
