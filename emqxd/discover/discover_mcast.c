/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discover_mcast: nodes that say where they are, by UDP multicast (IPv4).
 *
 * A datagram: "EMQXD", version 1, flags (1: tell me who is there), name of the cluster
 * and address ("name@host:port") with two bytes of length each, and an HMAC-SHA256 of all
 * that under node.cookie.  What is not exactly that, or of another cookie, is counted and,
 * the first time of each kind, told; what another cluster says is counted.
 *
 * Nothing is encrypted and an old datagram may be sent again: it yields an address that
 * was one, and the link proves who is there.  Who asks is answered with the next
 * announcement, which comes at once, but no sooner than a tenth of a second after the last.
 *
 * At most DISCOVER_MAX nodes are remembered, at most BATCH_MAX datagrams read in a turn.
 */
#include "emqxd/discover/discover_round.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/timer.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/num.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAGIC SLICE_LIT("EMQXD\1")
#define ANSWER_DELAY span_ms(100)

enum { DATAGRAM_MAX = 1024, BATCH_MAX = 64, PORTS_MAX = 8, MAC_BYTES = 32, FLAG_ASK = 1 };

enum why { WHY_MALFORMED, WHY_COOKIE, WHY_CLUSTER, WHY_N };

struct heard {
	struct discover_addr addr;
	mono_t at;
};

struct discover_mcast {
	struct watch watch;
	struct timer answer;
	const struct discover_conf *conf;
	discover_heard_fn *on_heard;
	void *arg;
	struct sockaddr_in to[PORTS_MAX];
	unsigned to_n;
	struct heard heard[DISCOVER_MAX];
	unsigned heard_n;
	uint64_t refused;
	unsigned told; /* bits of enum why */
};

/* ---- datagrams */

static void
add_mac(const struct discover_conf *c, struct slice text, uint8_t out[MAC_BYTES])
{
	unsigned n = MAC_BYTES;
	uint8_t *done = HMAC(
	    EVP_sha256(), c->secret, (int)strlen(c->secret), text.p, text.n, out, &n);

	CHECK(done != NULL && n == MAC_BYTES);
}

static struct slice
write_datagram(const struct discover_conf *c, bool ask, uint8_t buf[DATAGRAM_MAX])
{
	struct wbuf w = wbuf_fixed(buf, DATAGRAM_MAX - MAC_BYTES);
	char address[DISCOVER_TEXT_MAX];

	wbuf_bytes(&w, MAGIC);
	wbuf_u8(&w, ask ? FLAG_ASK : 0);
	wbuf_bytes16(&w, slice_str(c->cluster));
	wbuf_bytes16(&w, slice_str(discover_addr_print(&c->me, address)));
	if (w.err != EM_OK)
		return SLICE_NONE; /* a name of the cluster that is too long */
	add_mac(c, wbuf_slice(&w), buf + w.n);
	return slice_of(buf, w.n + MAC_BYTES);
}

/* WHY_N: it is a good one. */
static enum why
read_datagram(
    const struct discover_conf *c, struct slice s, struct discover_addr *from, bool *asks)
{
	struct rbuf r = rbuf_of(slice_head(s, s.n > MAC_BYTES ? s.n - MAC_BYTES : 0));
	struct slice magic = rbuf_bytes(&r, MAGIC.n);
	uint8_t flags = rbuf_u8(&r), mac[MAC_BYTES];
	struct slice cluster = rbuf_bytes16(&r), address = rbuf_bytes16(&r);

	if (r.err != EM_OK || rbuf_left(&r) > 0 || !slice_eq(magic, MAGIC))
		return WHY_MALFORMED;
	if (!slice_eq_str(cluster, c->cluster))
		return WHY_CLUSTER; /* may well have another cookie */
	add_mac(c, slice_head(s, s.n - MAC_BYTES), mac);
	if (CRYPTO_memcmp(mac, s.p + s.n - MAC_BYTES, MAC_BYTES) != 0)
		return WHY_COOKIE;
	*asks = (flags & FLAG_ASK) != 0;
	return discover_addr_parse(address, &c->me, from) == EM_OK ? WHY_N
								   : WHY_MALFORMED;
}

/* ---- who was heard */

static void
remember(struct discover_mcast *m, const struct discover_addr *from)
{
	unsigned i = 0, oldest = 0;
	bool is_new;

	while (i < m->heard_n && discover_addr_cmp(&m->heard[i].addr, from) != 0) {
		if (m->heard[i].at.ns < m->heard[oldest].at.ns)
			oldest = i;
		i++;
	}
	is_new = i == m->heard_n;
	if (is_new && m->heard_n == DISCOVER_MAX) {
		i = oldest; /* told to nobody: more nodes than that would never rest */
		is_new = false;
	} else if (is_new) {
		m->heard_n++;
	}
	m->heard[i] = (struct heard){ *from, clock_mono() };
	if (is_new)
		m->on_heard(m->arg);
}

void
discover_mcast_list(struct discover_mcast *m, span_t keep, struct discover_list *list)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < m->heard_n; i++)
		if (mono_since(clock_mono(), m->heard[i].at).ns <= keep.ns)
			m->heard[kept++] = m->heard[i];
	m->heard_n = kept;
	for (unsigned i = 0; i < kept; i++)
		(void)discover_add(list, &m->heard[i].addr);
	(void)discover_add(list, &m->conf->me);
}

static void
refuse(struct discover_mcast *m, enum why why, const struct sockaddr_in *from)
{
	static const char *const texts[WHY_N] = { "it is malformed",
		"it was made with another node.cookie" };
	char ip[INET_ADDRSTRLEN] = "?";

	m->refused++;
	if ((m->told & 1u << why) != 0 || why == WHY_CLUSTER)
		return;
	m->told |= 1u << why;
	inet_ntop(AF_INET, &from->sin_addr, ip, sizeof ip);
	LOG(WARN, "discovery_datagram_refused", "from", ip, "why", texts[why]);
}

static void
on_answer_due(struct timer *t)
{
	struct discover_mcast *m = LIST_OWNER(t, struct discover_mcast, answer);
	em_err err = discover_mcast_announce(m, false, NULL);

	(void)err; /* the next regular one says why */
}

static void
on_ready(struct watch *w, uint32_t events)
{
	struct discover_mcast *m = LIST_OWNER(w, struct discover_mcast, watch);
	uint8_t buf[DATAGRAM_MAX + 1];
	struct discover_addr from;
	struct sockaddr_in sa;
	enum why why;

	(void)events;
	for (unsigned i = 0; i < BATCH_MAX; i++) {
		socklen_t n = sizeof sa;
		bool asks = false;
		ssize_t got =
		    recvfrom(m->watch.fd, buf, sizeof buf, MSG_DONTWAIT, (void *)&sa, &n);

		if (got < 0)
			return;
		why = got > DATAGRAM_MAX ? WHY_MALFORMED
					 : read_datagram(m->conf,
					       slice_of(buf, (size_t)got), &from, &asks);
		if (why != WHY_N) {
			refuse(m, why, &sa);
			continue;
		}
		if (discover_addr_cmp(&from, &m->conf->me) == 0)
			continue; /* ourselves */
		if (asks && !timer_is_armed(&m->answer))
			timer_arm(&m->answer, ANSWER_DELAY, on_answer_due);
		remember(m, &from);
	}
}

/* ---- the socket */

em_err
discover_mcast_announce(struct discover_mcast *m, bool ask, struct fault *f)
{
	uint8_t buf[DATAGRAM_MAX];
	struct slice s = write_datagram(m->conf, ask, buf);
	int failed = s.n > 0 ? 0 : EMSGSIZE;

	for (unsigned i = 0; i < m->to_n && s.n > 0; i++)
		if (sendto(m->watch.fd, s.p, s.n, MSG_DONTWAIT | MSG_NOSIGNAL,
			(const void *)&m->to[i], sizeof m->to[i]) < 0)
			failed = errno;
	if (failed == 0 || failed == EAGAIN)
		return EM_OK;
	return fault_set(f, err_from_errno(failed), "nothing can be sent to %s: %s",
	    m->conf->mcast.addr, strerror(failed));
}

static em_err
set_ports(struct discover_mcast *m, struct fault *f)
{
	const struct conf_list *ports = &m->conf->mcast.ports;
	struct in_addr group;
	uint64_t port;

	if (inet_pton(AF_INET, m->conf->mcast.addr, &group) != 1 ||
	    !IN_MULTICAST(ntohl(group.s_addr)))
		return fault_set(f, EM_USAGE,
		    "cluster.mcast.addr: %s is no IPv4 multicast address",
		    m->conf->mcast.addr);
	if (ports->n == 0 || ports->n > PORTS_MAX)
		return fault_set(
		    f, EM_USAGE, "cluster.mcast.ports: one to %d are taken", PORTS_MAX);
	for (size_t i = 0; i < ports->n; i++) {
		if (num_parse_u64(slice_str(ports->item[i]), &port) != EM_OK ||
		    port == 0 || port > 65535)
			return fault_set(f, EM_USAGE,
			    "cluster.mcast.ports: %s is no port", ports->item[i]);
		m->to[m->to_n++] = (struct sockaddr_in){ .sin_family = AF_INET,
			.sin_addr = group,
			.sin_port = htons((uint16_t)port) };
	}
	return EM_OK;
}

static bool
set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

static bool
set_options(const struct discover_mcast *m, const struct ip_mreqn *group)
{
	const struct discover_conf *c = m->conf;
	int fd = m->watch.fd;

	if (c->mcast.sndbuf > 0)
		(void)set_option(fd, SOL_SOCKET, SO_SNDBUF, (int)c->mcast.sndbuf);
	if (c->mcast.recbuf > 0)
		(void)set_option(fd, SOL_SOCKET, SO_RCVBUF, (int)c->mcast.recbuf);
	return set_option(fd, IPPROTO_IP, IP_MULTICAST_TTL, c->mcast.ttl) &&
	       set_option(fd, IPPROTO_IP, IP_MULTICAST_LOOP, c->mcast.loop) &&
	       setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, group, sizeof *group) == 0 &&
	       setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, group, sizeof *group) == 0;
}

/* Several nodes of one machine may listen at the same port: each gets every datagram. */
static em_err
open_socket(struct discover_mcast *m, struct fault *f)
{
	const struct discover_conf *c = m->conf;
	struct ip_mreqn group = { .imr_multiaddr = m->to[0].sin_addr };
	bool is_bound = false;

	if (inet_pton(AF_INET, c->mcast.iface, &group.imr_address) != 1)
		return fault_set(f, EM_USAGE,
		    "cluster.mcast.iface: %s is no IPv4 address", c->mcast.iface);
	m->watch.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (m->watch.fd < 0)
		return fault_set(f, err_from_errno(errno), "socket: %s", strerror(errno));
	(void)set_option(m->watch.fd, SOL_SOCKET, SO_REUSEADDR, 1);
	for (unsigned i = 0; i < m->to_n && !is_bound; i++)
		is_bound =
		    bind(m->watch.fd, (const void *)&m->to[i], sizeof m->to[i]) == 0;
	if (!is_bound)
		return fault_set(f, err_from_errno(errno),
		    "no port of cluster.mcast.ports can be had: %s", strerror(errno));
	if (!set_options(m, &group))
		return fault_set(f, err_from_errno(errno),
		    "%s at %s: no multicast there: %s", c->mcast.addr, c->mcast.iface,
		    strerror(errno));
	return loop_watch(worker_self()->loop, &m->watch, EPOLLIN);
}

struct discover_mcast *
discover_mcast_open(const struct discover_conf *conf, discover_heard_fn *on_heard,
    void *arg, struct fault *f)
{
	struct discover_mcast *m = MEM_NEW(struct discover_mcast);

	*m = (struct discover_mcast){ .watch = { .on_ready = on_ready, .fd = -1 },
		.conf = conf,
		.on_heard = on_heard,
		.arg = arg };
	if (set_ports(m, f) == EM_OK && open_socket(m, f) == EM_OK)
		return m;
	if (m->watch.fd >= 0)
		close(m->watch.fd);
	mem_free(m);
	return NULL;
}

static void
free_later(void *p, size_t n)
{
	(void)n;
	mem_free(p);
}

void
discover_mcast_close(struct discover_mcast **mp)
{
	struct discover_mcast *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	timer_cancel(&m->answer);
	loop_unwatch(worker_self()->loop, &m->watch);
	close(m->watch.fd);
	m->watch.fd = -1;
	qsbr_retire(m, sizeof *m, free_later); /* an event of this turn may name it */
}

uint64_t
discover_mcast_refused(const struct discover_mcast *m)
{
	return m != NULL ? m->refused : 0;
}
