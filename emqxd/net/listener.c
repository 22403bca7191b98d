/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener: see listener.h.
 *
 * The set of listeners is the node's and only grows: slots are filled by main (or
 * admin) before they are published by their count, so workers walk them freely.  A
 * listener has the number of its settings in the configuration, which is its own
 * over reloads.
 */
#include "emqxd/net/listener.h"
#include "emqxd/conf/snapshot.h"
#include "emqxd/core/log.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/metrics.h"
#include "emqxd/net/listener_conf.h"
#include "emqxd/net/hall.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 16    /* some 50 us each */
#define END_A_TURN 32        /* connections that a stop looks at */
#define END_A_TURN_LAST 4096 /* at shutdown: there is a deadline */
#define REST span_ms(100)    /* after an accept that failed for want of something */

/* One worker's part: its watcher and its counters. */
struct door {
	struct watch watch;
	struct listener *listener;
	struct timer rest; /* after an accept that failed for want of something */
	bool is_watched;
	_Alignas(64) _Atomic int64_t current;
	_Atomic uint64_t accepted, refused;
	_Atomic uint64_t ended[END_N][END_SIDE_N];
};

struct listener {
	char *id;
	unsigned number; /* in CONF_LISTENERS */
	int fd;
	_Atomic bool is_running;
	_Atomic bool has_failed;   /* to open, when it was last asked to */
	_Atomic bool is_closing;   /* what walks in now is ended */
	_Atomic bool is_switching; /* by main or by admin: whoever set it */
	struct net_addr bound;
	struct door door[]; /* by worker */
};

struct net_node {
	const struct conn_ops *ops;
	_Atomic unsigned n;
	struct listener *all[LISTENERS_MAX];
	_Atomic int spare_fd; /* closed to take and close one when descriptors run out */
};

static struct net_node *
net_node(void)
{
	return node_slot(ROOM_NET);
}

static int
spare_open(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void
net_birth(const struct conn_ops *ops)
{
	struct net_node *n = MEM_NEW(struct net_node);

	n->ops = ops;
	atomic_store(&n->spare_fd, spare_open());
	node_slot_set(ROOM_NET, n);
}

void
net_death(void)
{
	struct net_node *n = net_node();

	for (unsigned i = 0; i < n->n; i++) {
		struct listener *l = n->all[i];

		if (l->fd >= 0)
			close(l->fd);
		mem_free(l->id);
		mem_free(l);
	}
	close(atomic_load(&n->spare_fd));
	node_slot_set(ROOM_NET, NULL);
	mem_free(n);
}

void
net_worker_birth(void)
{
	hall_birth();
}

void
net_worker_death(void)
{
	hall_death();
}

static void
count(_Atomic uint64_t *counter)
{
	atomic_store_explicit(counter,
	    atomic_load_explicit(counter, memory_order_relaxed) + 1,
	    memory_order_relaxed);
}

static struct door *
door_here(struct listener *l)
{
	return &l->door[worker_self()->id];
}

/* ---- the set */

struct listener *
listener_at(unsigned i)
{
	struct net_node *node = net_node();

	return i < atomic_load_explicit(&node->n, memory_order_acquire) ? node->all[i]
									: NULL;
}

static struct listener *
find(struct slice id)
{
	struct listener *l;

	for (unsigned i = 0; (l = listener_at(i)) != NULL; i++)
		if (slice_eq_str(id, l->id))
			return l;
	return NULL;
}

struct listener *
listener_find(struct slice id)
{
	struct slice old = SLICE_LIT("mqtt:");
	struct listener *l;

	if (slice_starts(id, old))
		id = slice_from(id, old.n);
	l = find(id);
	/* EMQX 4 ships "tcp:external" where 5 ships "tcp:default". */
	if (l == NULL && slice_eq_str(id, "tcp:external"))
		l = find(SLICE_LIT("tcp:default"));
	return l;
}

em_err
listener_set(unsigned number, struct fault *f)
{
	const struct listener_conf *conf = conf_get(CONF_LISTENERS);
	struct net_node *node = net_node();
	unsigned n = atomic_load(&node->n);
	struct listener *l;

	CHECK(number < conf_count(CONF_LISTENERS));
	conf += number;
	if (find(slice_str(conf->name)) != NULL)
		return EM_OK;
	if (n == LISTENERS_MAX)
		return fault_set(f, EM_FULL, "more than %d listeners", LISTENERS_MAX);
	l = aligned_alloc(64, sizeof *l + worker_count() * sizeof l->door[0]);
	CHECK(l != NULL);
	memset(l, 0, sizeof *l + worker_count() * sizeof l->door[0]);
	l->id = mem_strdup(conf->name);
	l->number = number;
	l->fd = -1;
	for (unsigned i = 0; i < worker_count(); i++)
		l->door[i].listener = l;
	node->all[n] = l;
	atomic_store_explicit(&node->n, n + 1, memory_order_release);
	return EM_OK;
}

const struct listener_conf *
listener_settings(const struct listener *l)
{
	return (const struct listener_conf *)conf_get(CONF_LISTENERS) + l->number;
}

uint16_t
listener_port(const struct listener *l)
{
	return l->bound.port;
}

const char *
listener_id(const struct listener *l)
{
	return l->id;
}

/* ---- accepting */

static uint64_t
current_all(const struct listener *l)
{
	int64_t n = 0;

	for (unsigned i = 0; i < worker_count(); i++)
		n += atomic_load_explicit(&l->door[i].current, memory_order_relaxed);
	return n > 0 ? (uint64_t)n : 0;
}

/* Is there no place for one more?  The log holds bursts back by itself. */
static bool
is_full(const struct listener *l, uint32_t max)
{
	if (max == LISTENER_UNLIMITED || current_all(l) < max)
		return false;
	LOG(WARN, "listener_full", "listener", l->id, "max_connections", max);
	return true;
}

static void
refuse(struct door *d, int fd)
{
	close(fd);
	count(&d->refused);
	metric_inc(METRIC_LISTENER_REFUSED);
}

/* No descriptor is left: the spare one takes the peer's place so that it is told,
 * and so that the socket does not stay ready for ever. */
static bool
refuse_one_with_spare(struct door *d)
{
	struct net_node *node = net_node();
	int spare = atomic_exchange(&node->spare_fd, -1);
	int fd;

	if (spare < 0) /* another worker has it, or somebody took its place meanwhile */
		spare = spare_open();
	if (spare < 0)
		return false;
	close(spare);
	fd = accept4(d->watch.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		refuse(d, fd);
	spare = atomic_exchange(&node->spare_fd, spare_open());
	if (spare >= 0) /* two workers were here */
		close(spare);
	LOG(ERROR, "listener_no_descriptor", "listener", d->listener->id);
	return fd >= 0;
}

static void
set_options(int fd, const struct tcp_options *o)
{
	int on = 1, ms = (int)span_to_ms(o->user_timeout);
	int idle = (int)o->keepalive_idle, every = (int)o->keepalive_interval;
	int probes = (int)o->keepalive_probes;

	/* A peer that is gone already makes these fail; reading tells. */
	if (o->nodelay)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (ms > 0)
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
	if (idle > 0) {
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
	}
}

static void on_door(struct watch *w, uint32_t events);

static void
on_rested(struct timer *t)
{
	struct door *d = LIST_OWNER(t, struct door, rest);

	d->watch.on_ready = on_door;
	if (loop_watch(worker_self()->loop, &d->watch, EPOLLIN | EPOLLEXCLUSIVE) != EM_OK)
		timer_arm(t, REST, on_rested);
}

/* The socket stays ready while nothing can be accepted: this worker looks away for a
 * while instead of asking again at once. */
static void
rest(struct door *d)
{
	loop_unwatch(worker_self()->loop, &d->watch);
	timer_arm(&d->rest, REST, on_rested);
}

static bool
is_short_of_something(int e)
{
	return e == EMFILE || e == ENFILE || e == ENOBUFS || e == ENOMEM;
}

static void
on_door(struct watch *w, uint32_t events)
{
	struct door *d = LIST_OWNER(w, struct door, watch);
	const struct listener_conf *conf = listener_settings(d->listener);

	(void)events;
	for (unsigned i = 0; i < ACCEPTS_A_TURN && d->is_watched; i++) {
		if (i > 0 && loop_is_late())
			return; /* it is still ready */

		int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			int e = errno;

			if ((e == EMFILE || e == ENFILE) && refuse_one_with_spare(d))
				continue;
			if (is_short_of_something(e))
				rest(d);
			return;
		}
		if (is_full(d->listener, conf->max_connections)) {
			refuse(d, fd);
			continue;
		}
		set_options(fd, &conf->tcp);
		count(&d->accepted);
		conn_start(fd, d->listener, net_node()->ops);
	}
}

/* ---- starting and stopping: a letter to each client worker and back */

struct switching {
	struct listener *listener;
	bool is_on, is_shutdown;
	unsigned waiting;
	em_err err; /* of a worker that could not */
	struct worker *asker;
	listener_done_fn *done;
	void *arg;
};

struct switch_letter {
	struct letter letter;
	struct switching *s;
	em_err err;
	size_t left; /* connections of this worker still to be looked at */
};

static void
end_one(struct conn *c, void *arg)
{
	struct switching *s = arg;

	if (c->listener != s->listener)
		return;
	conn_end(c, s->is_shutdown ? END_SERVER_SHUTTING_DOWN : END_LISTENER_STOPPED,
	    END_BY_SERVER, NULL);
}

static void
finish(struct switching *s, em_err err)
{
	struct listener *l = s->listener;
	bool runs = s->is_on && err == EM_OK;
	struct fault f = { 0 };

	if (!runs) {
		close(l->fd);
		l->fd = -1;
	}
	atomic_store(&l->is_running, runs);
	atomic_store(&l->is_switching, false);
	if (err == EM_OK)
		LOG(INFO, runs ? "listener_started" : "listener_stopped", "listener",
		    l->id);
	else
		fault_set(&f, err, "listener %s: a worker cannot watch it: %s", l->id,
		    err_text(err));
	s->done(l, s->arg, err, &f);
	fault_clear(&f);
	mem_free(s);
}

/* A letter that is opened after all threads have ended: there are no listeners any more. */
static bool
is_over(void)
{
	return net_node() == NULL;
}

static void
on_switched(struct letter *letter)
{
	struct switch_letter *m = LIST_OWNER(letter, struct switch_letter, letter);
	struct switching *s = m->s;

	if (m->err != EM_OK)
		s->err = m->err;
	mem_free(m);
	if (--s->waiting > 0)
		return;
	if (is_over())
		mem_free(s);
	else
		finish(s, s->err);
}

static void
on_switch(struct letter *letter)
{
	struct switch_letter *m = LIST_OWNER(letter, struct switch_letter, letter);
	struct switching *s = m->s;
	struct loop *loop = worker_self()->loop;
	struct door *d;

	if (is_over()) {
		on_switched(letter);
		return;
	}
	d = door_here(s->listener);
	if (s->is_on) {
		d->watch = (struct watch){ .on_ready = on_door, .fd = s->listener->fd };
		m->err = loop_watch(loop, &d->watch, EPOLLIN | EPOLLEXCLUSIVE);
		d->is_watched = m->err == EM_OK;
	} else {
		timer_cancel(&d->rest);
		if (d->is_watched)
			loop_unwatch(loop, &d->watch);
		d->is_watched = false;
		/* In portions, so that a million that end stall nobody. */
		m->left = conn_each_some(
		    m->left, s->is_shutdown ? END_A_TURN_LAST : END_A_TURN, end_one, s);
		if (m->left > 0) {
			worker_post(worker_self(), letter);
			return;
		}
	}
	m->letter.open = on_switched;
	worker_post(s->asker, &m->letter);
}

static void
switch_all(
    struct listener *l, bool on, bool is_shutdown, listener_done_fn *done, void *arg)
{
	struct switching *s = MEM_NEW(struct switching);

	*s = (struct switching){ .listener = l,
		.is_on = on,
		.is_shutdown = is_shutdown,
		.waiting = worker_count(),
		.asker = worker_self(),
		.done = done,
		.arg = arg };
	atomic_store(&l->is_closing, !on);
	for (unsigned i = 0; i < worker_count(); i++) {
		struct switch_letter *m = MEM_NEW(struct switch_letter);

		m->letter.open = on_switch;
		m->s = s;
		m->left = SIZE_MAX;
		worker_post(worker_get(i), &m->letter);
	}
}

/* "" is every IPv4 address; a name other than localhost was refused by conf/. */
static socklen_t
bind_address(const struct conf_addr *bind, struct sockaddr_storage *ss)
{
	struct slice host = slice_str(bind->host);
	struct net_addr a = { .family = AF_INET };

	if (slice_eq_str(host, "localhost"))
		host = slice_str("127.0.0.1");
	if (host.n > 0 && addr_parse(host, &a) != EM_OK)
		a.family = AF_INET;
	a.port = bind->port;
	return addr_to_sockaddr(&a, ss);
}

static em_err
open_socket(struct listener *l, struct fault *f)
{
	const struct listener_conf *conf = listener_settings(l);
	struct sockaddr_storage ss;
	socklen_t n = bind_address(&conf->bind, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, rcv = (int)conf->tcp.recbuf, snd = (int)conf->tcp.sndbuf;

	if (fd < 0)
		return fault_set(f, EM_IO, "listener %s: %s", l->id, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (rcv > 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcv, sizeof rcv);
	if (snd > 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &snd, sizeof snd);
	if (bind(fd, (struct sockaddr *)&ss, n) != 0 ||
	    listen(fd, (int)conf->tcp.backlog) != 0) {
		struct net_addr want = addr_of(&ss);
		char text[ADDR_TEXT_MAX];
		int e = errno;

		close(fd);
		addr_print(&want, text);
		fault_set(f, EM_IO, "listener %s: cannot listen on %s: %s", l->id, text,
		    strerror(e));
		if (e == EADDRINUSE)
			fault_hint(f, "another program has that port (ss -ltnp); change "
				      "listeners.tcp.*.bind");
		return EM_IO;
	}
	n = sizeof ss;
	getsockname(fd, (struct sockaddr *)&ss, &n);
	l->bound = addr_of(&ss);
	l->fd = fd;
	conf_taken(CONF_LISTENERS, l->id);
	return EM_OK;
}

/* False: it is being started or stopped just now, by another thread perhaps. */
static bool
claim(struct listener *l, struct fault *f)
{
	if (!atomic_exchange(&l->is_switching, true))
		return true;
	fault_set(f, EM_BUSY, "listener %s is being started or stopped", l->id);
	return false;
}

void
listener_start(struct listener *l, listener_done_fn *done, void *arg)
{
	struct fault f = { 0 };
	em_err err = EM_OK;

	if (!claim(l, &f)) {
		done(l, arg, f.err, &f);
		fault_clear(&f);
		return;
	}
	if (atomic_load(&l->is_running))
		err = fault_set(&f, EM_EXISTS, "listener %s runs already", l->id);
	else if (listener_settings(l)->is_removed)
		err = fault_set(&f, EM_NOTFOUND,
		    "listener %s was removed from the configuration", l->id);
	else
		err = open_socket(l, &f);
	atomic_store(&l->has_failed, err == EM_IO);
	if (err == EM_OK) {
		switch_all(l, true, false, done, arg);
		return;
	}
	atomic_store(&l->is_switching, false);
	done(l, arg, err, &f);
	fault_clear(&f);
}

void
listener_stop(struct listener *l, bool is_shutdown, listener_done_fn *done, void *arg)
{
	struct fault f = { 0 };

	if (claim(l, &f)) {
		if (atomic_load(&l->is_running)) {
			switch_all(l, false, is_shutdown, done, arg);
			return;
		}
		atomic_store(&l->has_failed, false); /* nobody wants it now */
		atomic_store(&l->is_switching, false);
		fault_set(&f, EM_EXISTS, "listener %s does not run", l->id);
	}
	done(l, arg, f.err, &f);
	fault_clear(&f);
}

bool
listener_is_closing(const struct listener *l)
{
	return atomic_load_explicit(&l->is_closing, memory_order_relaxed);
}

/* ---- counting and telling */

void
listener_count_end(struct listener *l, end_reason why, end_side side)
{
	count(&door_here(l)->ended[why][side]);
}

void
listener_count_current(struct listener *l, int by)
{
	struct door *d = door_here(l);

	atomic_store_explicit(&d->current,
	    atomic_load_explicit(&d->current, memory_order_relaxed) + by,
	    memory_order_relaxed);
}

void
listener_info(const struct listener *l, struct listener_info *out)
{
	const struct listener_conf *conf = listener_settings(l);

	*out = (struct listener_info){ .id = l->id,
		.is_enabled = conf->enable,
		.is_removed = conf->is_removed,
		.is_running = atomic_load(&l->is_running),
		.has_failed = atomic_load(&l->has_failed),
		.acceptors = worker_count(),
		.max_connections = conf->max_connections,
		.current = current_all(l) };
	if (out->is_running) {
		addr_print(&l->bound, out->address);
	} else {
		struct sockaddr_storage ss;
		struct net_addr a;

		bind_address(&conf->bind, &ss);
		a = addr_of(&ss);
		addr_print(&a, out->address);
	}
	for (unsigned i = 0; i < worker_count(); i++) {
		const struct door *d = &l->door[i];

		out->accepted += atomic_load_explicit(&d->accepted, memory_order_relaxed);
		out->refused += atomic_load_explicit(&d->refused, memory_order_relaxed);
		for (unsigned r = 0; r < END_N; r++)
			for (unsigned side = 0; side < END_SIDE_N; side++)
				out->ended[r][side] += atomic_load_explicit(
				    &d->ended[r][side], memory_order_relaxed);
	}
}
