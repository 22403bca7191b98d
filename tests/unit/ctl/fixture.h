/* SPDX-License-Identifier: Apache-2.0 */
/* Rows for tests of what is printed, made as the daemon makes them. */
#ifndef TESTS_UNIT_CTL_FIXTURE_H
#define TESTS_UNIT_CTL_FIXTURE_H

#include "ipc/row.h"

/* A client id that tries all it can: colour, a line of its own, a formula. */
#define EVIL "a\x1b[31m\n=1+1"

static inline em_err
fixture_row(struct row_writer *w, struct wbuf *bytes, struct row *out)
{
	bytes->n = 0;
	if (row_end(w, bytes) != EM_OK)
		return EM_FAILED;
	return row_get(w->cmd, wbuf_slice(bytes), out);
}

/* A client; memory is @bytes'. */
static inline void
fixture_client(const char *id, struct wbuf *bytes, struct row *out)
{
	struct row_writer w;
	em_err err;

	row_writer_init(&w, cmd_get(CMD_CLIENTS_LIST));
	row_begin(&w);
	row_str(&w, "clientid", id);
	row_str(&w, "peername", "127.0.0.1:62135");
	row_bool(&w, "clean_start", true);
	row_span(&w, "keepalive", span_s(60));
	row_span(&w, "session_expiry_interval", span_s(0));
	row_int(&w, "subscriptions", 2);
	row_int(&w, "inflight", 0);
	row_int(&w, "awaiting_rel", 0);
	row_int(&w, "delivered_msgs", 7);
	row_int(&w, "mqueue_len", 3);
	row_int(&w, "dropped_msgs", 0);
	row_bool(&w, "connected", true);
	row_time(&w, "created_at", (wall_t){ 1582249657123000000 });
	row_time(&w, "connected_at", (wall_t){ 1582249657123000000 });
	row_int(&w, "mqueue_max", ROW_INFINITE);
	row_str(&w, "node", "emqx1@127.0.0.1");
	err = fixture_row(&w, bytes, out);
	CHECK(err == EM_OK);
	row_writer_fini(&w);
}

/* tcp:default, running or not. */
static inline void
fixture_listener(bool running, struct wbuf *bytes, struct row *out)
{
	struct row_count counts[] = {
		{ SLICE_LIT("keepalive_timeout"), 1, 0, 1, 0 },
		{ SLICE_LIT("tcp_closed"), 2, 2, 0, 0 },
	};
	struct row_writer w;
	em_err err;

	row_writer_init(&w, cmd_get(CMD_LISTENERS));
	row_begin(&w);
	row_str(&w, "id", "tcp:default");
	row_str(&w, "listen_on", "0.0.0.0:1883");
	row_int(&w, "acceptors", 2);
	row_bool(&w, "proxy_protocol", false);
	row_bool(&w, "enable", true);
	row_bool(&w, "running", running);
	if (running) {
		row_int(&w, "current_conn", 12);
		row_int(&w, "max_conns", ROW_INFINITE);
		row_counts(&w, "shutdown_count", counts, 2);
	}
	err = fixture_row(&w, bytes, out);
	CHECK(err == EM_OK);
	row_writer_fini(&w);
}

#endif
