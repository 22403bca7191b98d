/* SPDX-License-Identifier: Apache-2.0 */
/* A small daemon for tests of the tool: a thread that answers a few commands as
 * emqxd would, for one connection after the other. */
#ifndef TESTS_UNIT_CTL_DAEMON_H
#define TESTS_UNIT_CTL_DAEMON_H

#include "ipc/peer.h"
#include "ipc/wire.h"
#include "tests/unit/ctl/fixture.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define DAEMON_GUESTS 64

struct daemon {
	const char
	    *_Atomic state; /* of the node: "ready"; NULL: it says nothing at all */
	const char *_Atomic reply; /* of a kick: NULL is done, else the text of a fault */
	_Atomic em_err reply_err;
	_Atomic unsigned clients; /* in the list */
	_Atomic unsigned
	    nodes; /* of the cluster: one that joins, one that is stopped, running ones */
	_Atomic bool no_quorum;
	_Atomic unsigned forks;      /* connections taken, a thread each */
	_Atomic unsigned calls;      /* requests read */
	_Atomic unsigned last_flags; /* of the last request */
	_Atomic bool cancelled;
	char dir[32], path[64];
	struct peer_server server;
	pthread_t thread;
	int end[2]; /* written to: stop */
};

static inline void
daemon_flush(int fd, struct wbuf *w)
{
	size_t at = 0;

	while (at < w->n) {
		ssize_t n = send(fd, w->p + at, w->n - at, MSG_NOSIGNAL);

		if (n > 0)
			at += (size_t)n;
		else if (errno != EAGAIN ||
			 poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, 5000) <
			     1)
			break;
	}
	w->n = 0;
}

static inline void
daemon_row(struct wbuf *w, uint32_t id, struct row_writer *rw)
{
	size_t at = ipc_frame_begin(w, FRAME_ROW, id);
	em_err err = row_end(rw, w);

	CHECK(err == EM_OK);
	ipc_frame_end(w, at);
}

static inline void
daemon_status(const struct daemon *d, struct wbuf *w, uint32_t id)
{
	struct row_writer rw;

	row_writer_init(&rw, cmd_get(CMD_STATUS));
	row_begin(&rw);
	row_str(&rw, "node", "emqx@test");
	row_str(&rw, "version", "1.2.3");
	row_str(&rw, "state", d->state);
	row_str(&rw, "init", "started");
	row_int(&rw, "connections", d->clients);
	daemon_row(w, id, &rw);
	row_writer_fini(&rw);
}

static inline void
daemon_nodes(const struct daemon *d, struct wbuf *w, uint32_t id)
{
	static const char *role[] = { "joining", "voter", "leader", "standby" };
	struct row_writer rw;

	row_writer_init(&rw, cmd_get(CMD_CLUSTER_STATUS));
	for (unsigned i = 0; i < d->nodes; i++) {
		row_begin(&rw);
		row_strf(&rw, "node", "emqx%u@test", i);
		row_str(&rw, "state", i == 1 ? "stopped" : "running");
		row_str(&rw, "role", role[i < 4 ? i : 3]);
		row_bool(&rw, "quorum", !d->no_quorum);
		daemon_row(w, id, &rw);
	}
	row_writer_fini(&rw);
}

static inline void
daemon_clients(const struct daemon *d, struct wbuf *w, uint32_t id, const char *col,
    const struct cmd *cmd)
{
	struct row_writer rw;

	row_writer_init(&rw, cmd);
	for (unsigned i = 0; i < d->clients && i < 200; i++) {
		row_begin(&rw);
		row_strf(&rw, col, "sensor-%u", i);
		daemon_row(w, id, &rw);
	}
	row_writer_fini(&rw);
}

static inline void
daemon_answer(struct daemon *d, int fd, const struct wire_req *req, uint32_t id)
{
	struct wbuf w = wbuf_growing(8 << 20);
	struct wire_end end = { 0 };
	struct fault f = { 0 };

	d->last_flags = req->flags;
	switch ((int)req->cmd->id) {
	case CMD_STATUS: daemon_status(d, &w, id); break;
	case CMD_CLUSTER_STATUS: daemon_nodes(d, &w, id); break;
	case CMD_CLIENTS_LIST:
		daemon_clients(d, &w, id, "clientid", req->cmd);
		end.next = SLICE_LIT("sensor-9");
		break;
	case CMD_NAMES: daemon_clients(d, &w, id, "name", req->cmd); break;
	case CMD_LISTENERS_STOP: break;
	default:
		if (d->reply != NULL)
			fault_set(&f, d->reply_err, "%s", d->reply);
	}
	if (f.err != EM_OK)
		wire_fault_put(&w, id, &f);
	else
		wire_end_put(&w, id, &end);
	fault_clear(&f);
	daemon_flush(fd, &w);
	wbuf_fini(&w);
}

static inline void
daemon_hello(int fd)
{
	struct wire_hello hello = { .protocol = WIRE_PROTOCOL,
		.table = cmd_table_hash(),
		.version = SLICE_LIT("1.2.3"),
		.node = SLICE_LIT("emqx@test"),
		.access = WIRE_ACCESS_ALL };
	struct wbuf w = wbuf_growing(4096);

	wire_hello_put(&w, &hello);
	daemon_flush(fd, &w);
	wbuf_fini(&w);
}

/* Waits for @fd; false: the test is over. */
static inline bool
daemon_wait(const struct daemon *d, int fd)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
		{ .fd = d->end[0], .events = POLLIN } };

	return poll(p, 2, 20000) > 0 && p[1].revents == 0;
}

static inline void
daemon_serve(struct daemon *d, int fd)
{
	struct ipc_frame_reader in;
	struct ipc_frame frame;
	em_err err = EM_OK;

	ipc_frame_reader_init(&in, IPC_FRAME_REQ_MAX);
	while ((err == EM_OK || err == EM_AGAIN) && daemon_wait(d, fd)) {
		err = ipc_frame_fill(&in, fd);
		while (err == EM_OK && ipc_frame_next(&in, &frame) == EM_OK) {
			struct wire_req req = { 0 };

			d->cancelled |= frame.kind == FRAME_CANCEL;
			if (frame.kind != FRAME_REQ)
				continue;
			d->calls++;
			err = wire_req_get(frame.body, &in, &req, NULL);
			if (err == EM_OK && d->state != NULL)
				daemon_answer(d, fd, &req, frame.id);
			wire_req_fini(&req);
		}
	}
	ipc_frame_reader_fini(&in);
}

struct daemon_guest {
	struct daemon *d;
	int fd;
};

static inline void *
daemon_entertain(void *arg)
{
	struct daemon_guest *g = arg;

	if (g->d->state != NULL)
		daemon_hello(g->fd);
	daemon_serve(g->d, g->fd);
	close(g->fd);
	free(g);
	return NULL;
}

static inline void *
daemon_run(void *arg)
{
	struct daemon *d = arg;
	pthread_t guest[DAEMON_GUESTS];

	while (daemon_wait(d, d->server.sock) && d->forks < DAEMON_GUESTS) {
		struct daemon_guest *g = malloc(sizeof *g);

		CHECK(g != NULL);
		*g = (struct daemon_guest){ d, peer_server_accept(&d->server) };
		CHECK(g->fd >= 0);
		CHECK(pthread_create(&guest[d->forks++], NULL, daemon_entertain, g) == 0);
	}
	for (unsigned i = 0; i < d->forks; i++)
		(void)pthread_join(guest[i], NULL);
	return NULL;
}

static inline void
daemon_start(struct daemon *d)
{
	em_err err;

	d->forks = 0;
	strcpy(d->dir, "/tmp/test_ctl_XXXXXX");
	CHECK(mkdtemp(d->dir) != NULL && pipe(d->end) == 0);
	(void)snprintf(d->path, sizeof d->path, "%s/s", d->dir);
	err = peer_server_open(&d->server, d->path, 0600, NULL, NULL);
	CHECK(err == EM_OK);
	CHECK(pthread_create(&d->thread, NULL, daemon_run, d) == 0);
}

static inline void
daemon_stop(struct daemon *d)
{
	CHECK(write(d->end[1], "x", 1) == 1);
	(void)pthread_join(d->thread, NULL);
	peer_server_close(&d->server);
	close(d->end[0]);
	close(d->end[1]);
	CHECK(rmdir(d->dir) == 0);
}

#endif
