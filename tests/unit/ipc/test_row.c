/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: what is written is read, by column; other shapes are refused. */
#include "ipc/row.h"
#include "ipc/pack.h"
#include "tests/unit/tap.h"

static const struct cmd *
listeners(void)
{
	return cmd_get(CMD_LISTENERS);
}

static struct wbuf
one_listener(void)
{
	struct row_count counts[] = { { SLICE_LIT("tcp_closed"), 3, 2, 1, 0 },
		{ SLICE_LIT("normal"), UINT64_MAX, UINT64_MAX, 0, 0 } };
	struct wbuf out = wbuf_growing(1 << 20);
	struct row_writer w;

	row_writer_init(&w, listeners());
	for (unsigned twice = 0; twice < 2; twice++) {
		out.n = 0;
		row_begin(&w);
		row_str(&w, "id", "tcp:default");
		row_strf(&w, "listen_on", "%s:%d", "0.0.0.0", 1883);
		row_bool(&w, "running", true); /* out of order */
		row_int(&w, "acceptors", 2);
		row_int(&w, "max_conns", ROW_INFINITE);
		row_counts(&w, "shutdown_count", counts, 2);
		EQ(row_end(&w, &out), EM_OK);
	}
	row_writer_fini(&w);
	return out;
}

TEST(cells_come_back_by_column)
{
	struct wbuf out = one_listener();
	struct row row;
	struct row_count c;
	size_t at = 0;

	EQ(row_get(listeners(), wbuf_slice(&out), &row), EM_OK);
	EQ(row.n, cmd_n_cols(listeners()));
	OK(slice_eq_str(row_find(&row, "id")->text, "tcp:default"));
	OK(slice_eq_str(row_find(&row, "listen_on")->text, "0.0.0.0:1883"));
	EQ(row_find(&row, "acceptors")->i, 2);
	EQ(row_find(&row, "running")->i, 1);
	OK(row_find(&row, "running")->set);
	OK(!row_find(&row, "current_conn")->set);
	OK(row_find(&row, "max_conns")->i == ROW_INFINITE);
	OK(row_next_count(row_find(&row, "shutdown_count"), &at, &c));
	OK(slice_eq_str(c.name, "tcp_closed"));
	EQ(c.total, 3);
	EQ(c.client, 2);
	EQ(c.server, 1);
	OK(row_next_count(row_find(&row, "shutdown_count"), &at, &c));
	OK(c.total == UINT64_MAX);
	OK(!row_next_count(row_find(&row, "shutdown_count"), &at, &c));
	wbuf_fini(&out);
}

TEST(rows_cut_at_each_byte_are_refused)
{
	struct wbuf out = one_listener();
	struct row row;

	for (size_t n = 0; n < out.n; n++)
		EQ(row_get(listeners(), slice_head(wbuf_slice(&out), n), &row),
		    EM_MALFORMED);
	wbuf_u8(&out, 0xc0);
	EQ(row_get(listeners(), wbuf_slice(&out), &row), EM_MALFORMED);
	wbuf_fini(&out);
}

TEST(rows_of_another_shape_are_refused)
{
	struct wbuf out = one_listener();
	struct row row;

	EQ(row_get(cmd_get(CMD_STATUS), wbuf_slice(&out), &row), EM_MALFORMED);
	out.n = 0;
	pack_array(&out, cmd_n_cols(listeners()));
	for (size_t i = 0; i < cmd_n_cols(listeners()); i++)
		pack_int(&out, 1); /* text wanted */
	EQ(row_get(listeners(), wbuf_slice(&out), &row), EM_MALFORMED);
	out.n = 0;
	pack_map(&out, 0);
	EQ(row_get(listeners(), wbuf_slice(&out), &row), EM_MALFORMED);
	wbuf_fini(&out);
}

TEST(counts_of_a_newer_daemon_may_say_more_not_less)
{
	struct wbuf out = wbuf_growing(1000);
	struct row row;
	struct row_count c;
	size_t at = 0, last = cmd_n_cols(listeners()) - 2; /* behind it: node */

	for (unsigned fields = 4; fields <= 6; fields++) {
		out.n = 0;
		pack_array(&out, last + 2);
		for (size_t i = 0; i < last; i++)
			pack_nil(&out);
		pack_array(&out, 1);
		pack_array(&out, fields);
		pack_text(&out, SLICE_LIT("x"));
		for (unsigned i = 1; i < fields; i++)
			pack_uint(&out, i);
		pack_nil(&out);
		EQ(row_get(listeners(), wbuf_slice(&out), &row),
		    fields < 5 ? EM_MALFORMED : EM_OK);
	}
	OK(row_next_count(&row.v[last], &at, &c));
	EQ(c.network, 4);
	OK(!row_next_count(&row.v[last], &at, &c));
	wbuf_fini(&out);
}

TEST(numbers_may_be_whole_or_not)
{
	const struct cmd *vm = cmd_get(CMD_VM);
	struct wbuf out = wbuf_growing(1000);
	struct row_writer w;
	struct row row;

	row_writer_init(&w, vm);
	row_begin(&w);
	row_number(&w, "value", 13.25);
	EQ(row_end(&w, &out), EM_OK);
	EQ(row_get(vm, wbuf_slice(&out), &row), EM_OK);
	OK(!row_find(&row, "value")->is_int && row_find(&row, "value")->d == 13.25);
	out.n = 0;
	row_begin(&w);
	row_int(&w, "value", 42);
	EQ(row_end(&w, &out), EM_OK);
	EQ(row_get(vm, wbuf_slice(&out), &row), EM_OK);
	OK(row_find(&row, "value")->is_int && row_find(&row, "value")->i == 42);
	row_writer_fini(&w);
	wbuf_fini(&out);
}

TEST(times_and_spans_keep_their_nanoseconds)
{
	const struct cmd *cmd = cmd_get(CMD_BROKER);
	struct wbuf out = wbuf_growing(1000);
	struct row_writer w;
	struct row row;

	row_writer_init(&w, cmd);
	row_begin(&w);
	row_span(&w, "uptime", SPAN_INFINITE);
	row_time(&w, "datetime", (wall_t){ 1795345678123456789 });
	EQ(row_end(&w, &out), EM_OK);
	EQ(row_get(cmd, wbuf_slice(&out), &row), EM_OK);
	EQ(row_find(&row, "uptime")->i, INT64_MAX);
	EQ(row_find(&row, "datetime")->i, 1795345678123456789);
	row_writer_fini(&w);
	wbuf_fini(&out);
}

TEST(a_row_too_large_is_said_and_leaves_nothing)
{
	static uint8_t big[ROW_MAX];
	const struct cmd *cmd = cmd_get(CMD_NAMES);
	struct wbuf out = wbuf_growing(4 << 20);
	struct row_writer w;

	row_writer_init(&w, cmd);
	row_begin(&w);
	row_text(&w, "name", slice_of(big, sizeof big));
	EQ(row_end(&w, &out), EM_TOOBIG);
	EQ(out.n, 0);
	row_begin(&w);
	row_text(&w, "name", slice_of(big, 10));
	EQ(row_end(&w, &out), EM_OK);
	row_writer_fini(&w);
	wbuf_fini(&out);
}
