/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener: the doors.  One listening socket each, in every client worker's epoll
 * (EPOLLEXCLUSIVE, no SO_REUSEPORT: a port in use must fail), at most 16 accepts a
 * turn.  Counters are kept by worker and live as long as the process, over a stop,
 * a restart and a reload of the listener.
 *
 * Threads: net_birth(), net_death() and listener_set() on main; the rest as said.
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "emqxd/model/end.h"
#include "emqxd/model/addr.h"
#include "emqxd/net/conn.h"

#define LISTENERS_MAX 64

struct listener;
struct listener_conf;

/* Node: the room's state.  @ops: what connections of clients call (client/). */
void net_birth(const struct conn_ops *ops);
void net_death(void);
/* On each client worker's thread. */
void net_worker_birth(void);
void net_worker_death(void);

/* Makes the listener of this number in CONF_LISTENERS, if it is not there yet; its
 * settings are read from the configuration in force.  EM_FULL: over LISTENERS_MAX. */
EM_MUST_USE em_err listener_set(unsigned number, struct fault *f);
/* By id "tcp:default" (also EMQX 4's "mqtt:tcp:default", "mqtt:tcp:external"); NULL: none. */
struct listener *listener_find(struct slice id);
struct listener *listener_at(unsigned i); /* as configured; NULL behind the last */

/* Starts or stops it at all workers; @done runs later on the calling thread (a worker's,
 * admin's or main's).  A stop ends its connections (END_LISTENER_STOPPED, or
 * END_SERVER_SHUTTING_DOWN when @is_shutdown).  EM_EXISTS: it runs, or does not,
 * already; EM_BUSY: it is being started or stopped. */
typedef void listener_done_fn(struct listener *l, void *arg, em_err err, struct fault *f);
void listener_start(struct listener *l, listener_done_fn *done, void *arg);
void listener_stop(
    struct listener *l, bool is_shutdown, listener_done_fn *done, void *arg);

struct listener_info {
	const char *id;              /* "tcp:default" */
	char address[ADDR_TEXT_MAX]; /* as bound: the port that the kernel gave */
	bool is_enabled, is_running, is_removed;
	bool has_failed;          /* to open, when it was last asked to */
	uint32_t acceptors;       /* workers */
	uint32_t max_connections; /* UINT32_MAX: infinity */
	uint64_t current, accepted, refused;
	uint64_t ended[END_N][END_SIDE_N];
};
/* Any thread: sums the workers' counters. */
void listener_info(const struct listener *l, struct listener_info *out);

/* It was stopped: what walks in from another worker is ended. */
bool listener_is_closing(const struct listener *l);
/* What conn.c needs: settings of the listener, and counting. */
const struct listener_conf *listener_settings(const struct listener *l);
const char *listener_id(const struct listener *l);
/* The port it is bound to. */
uint16_t listener_port(const struct listener *l);
void listener_count_end(struct listener *l, end_reason why, end_side side);
/* One more or one less connected here. */
void listener_count_current(struct listener *l, int by);

#endif
