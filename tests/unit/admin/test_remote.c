/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request between two offices, which are the same one: what it sends to "b@host" comes
 * back as from "a@host", and the other way round.
 */
#include "tests/unit/tap.h"
#include "emqxd/admin/op.h"
#include "emqxd/admin/remote.h"
#include "emqxd/admin/remote_wire.h"
#include "emqxd/core/log.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/nodes.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"
#include "ipc/base/vec.h"

/* Pieces on their way. */
struct posted {
	bool is_for_b;
	uint8_t *p;
	size_t n;
};
static struct {
	VEC(struct posted) box;
	bool is_cut;
	uint64_t pieces;
} line;

static em_err
post(const char *node, struct slice piece)
{
	struct posted *l;

	if (line.is_cut)
		return EM_UNREACHABLE;
	l = VEC_PUSH(&line.box);
	*l = (struct posted){ .is_for_b = strcmp(node, "b@host") == 0,
		.p = (uint8_t *)mem_dup(piece.p, piece.n),
		.n = piece.n };
	line.pieces++;
	return EM_OK;
}

static const struct rpc_ops loopback = { .send = post };

static void
deliver(size_t n)
{
	for (; n > 0 && line.box.n > 0; n--) {
		struct posted l = line.box.p[0];

		line.box.n--;
		memmove(line.box.p, line.box.p + 1, line.box.n * sizeof l);
		remote_receive(
		    slice_str(l.is_for_b ? "a@host" : "b@host"), slice_of(l.p, l.n));
		mem_free(l.p);
	}
}

static void
deliver_all(void)
{
	deliver(SIZE_MAX);
}

static void
drop_all(void)
{
	for (size_t i = 0; i < line.box.n; i++)
		mem_free(line.box.p[i].p);
	line.box.n = 0;
}

/* ---- the house */

struct heard {
	struct str rows; /* whose row of the room net came */
	unsigned n;
	bool is_over;
	em_err err;
	struct str text, hint;
};

static void
on_row(void *arg, struct slice bytes)
{
	struct heard *h = arg;
	struct row row;

	OK(row_get(cmd_get(CMD_LOG_ROOM_LEVEL), bytes, &row) == EM_OK);
	h->n++;
	if (slice_eq_str(row.v[0].text, "net")) {
		str_add_slice(&h->rows, row_find(&row, "node")->text);
		str_add_char(&h->rows, ' ');
	}
}

static bool
has_room(void *arg)
{
	(void)arg;
	return true;
}

static void
on_end(void *arg, const struct wire_end *end, const struct fault *f)
{
	struct heard *h = arg;

	(void)end;
	h->is_over = true;
	h->err = f != NULL ? f->err : EM_OK;
	if (f != NULL) {
		str_add(&h->text, f->text);
		str_add(&h->hint, f->hint != NULL ? f->hint : "");
	}
}

static const struct gather_sink sink = {
	.on_row = on_row, .has_room = has_room, .on_end = on_end
};

struct house {
	struct heard heard;
	size_t bytes;
	struct gather *gather;
};

static void
turn(void)
{
	for (unsigned w = 0; w < 2; w++) {
		worker_act_as(worker_get(w));
		mailbox_open_all(worker_get(w));
		mailbox_post_all(worker_get(w));
	}
}

static void
go_on(void)
{
	for (unsigned i = 0; i < 2000; i++) {
		turn();
		deliver_all();
	}
}

static void
build(struct house *h)
{
	unsigned place;

	*h = (struct house){ .bytes = 0 };
	log_start();
	worker_init(1);
	worker_act_as(worker_admin());
	nodes_birth("a@host", 1);
	EQ(nodes_add(SLICE_LIT("b@host"), 2, &place), EM_OK);
	nodes_set_running(place, true);
	remote_birth(&loopback);
}

static void
tear_down(struct house *h)
{
	go_on();
	EQ(h->bytes, 0);
	str_fini(&h->heard.rows);
	str_fini(&h->heard.text);
	str_fini(&h->heard.hint);
	remote_death();
	worker_act_as(worker_main());
	nodes_death();
	worker_fini();
	log_stop();
	VEC_FINI(&line.box);
	memset(&line, 0, sizeof line);
}

static void
ask(struct house *h, cmd_id id, const struct op *op, uint32_t credit,
    const char *const *words)
{
	struct gather_asker who = { .list_bytes = &h->bytes };
	struct wire_req req = { .cmd = cmd_get(id), .credit = credit };

	for (; words != NULL && *words != NULL; words++) {
		const char *eq = strchr(*words, '=');
		struct slice name = slice_of(*words, (size_t)(eq - *words));
		const struct cmd_arg *arg = cmd_find_arg(req.cmd, name);

		if (arg == NULL)
			arg = cmd_find_opt(req.cmd, name);
		OK(params_add_word(&req.params, arg, slice_str(eq + 1), NULL) == EM_OK);
	}
	OK(params_check(&req.params, req.cmd, NULL) == EM_OK);
	h->gather = gather_start(&req, op, &who, &sink, &h->heard);
}

/* Both are this process, so each row says "a@host". */
TEST(a_list_of_another_node_comes_with_its_rows)
{
	struct house h;

	build(&h);
	ask(&h, CMD_LOG_ROOM_LEVEL, op_get(CMD_LOG_ROOM_LEVEL), 1000,
	    (const char *const[]){ "node=b@host", NULL });
	OK(!h.heard.is_over);
	EQ(line.box.n, 1);
	deliver(1);
	OK(line.box.n >= 1 && !line.box.p[0].is_for_b); /* it has begun, says b at once */
	EQ(line.box.p[0].p[0], PIECE_COLUMNS);
	go_on();
	OK(h.heard.is_over);
	EQ(h.heard.err, EM_OK);
	OK(h.heard.n > 3);
	STR_EQ(str_get(&h.heard.rows), "a@host ");
	tear_down(&h);
}

TEST(rows_wait_for_the_askers_credit)
{
	struct house h;

	build(&h);
	ask(&h, CMD_LOG_ROOM_LEVEL, op_get(CMD_LOG_ROOM_LEVEL), 2,
	    (const char *const[]){ "node=b@host", NULL });
	go_on();
	OK(!h.heard.is_over);
	EQ(h.heard.n, 2);
	gather_credit(h.gather, 1000);
	go_on();
	OK(h.heard.is_over);
	tear_down(&h);
}

TEST(one_node_of_several_that_is_away_is_partly)
{
	struct house h;

	build(&h);
	nodes_set_running(1, false);
	ask(&h, CMD_LOG_ROOM_LEVEL, op_get(CMD_LOG_ROOM_LEVEL), 1000,
	    (const char *const[]){ "all-nodes=true", NULL });
	go_on();
	OK(h.heard.is_over);
	EQ(h.heard.err, EM_PARTLY);
	STR_EQ(str_get(&h.heard.text), "no answer from b@host");
	OK(h.heard.n > 3);
	tear_down(&h);
}

TEST(who_leaves_ends_it_on_the_other_node_too)
{
	struct house h;

	build(&h);
	ask(&h, CMD_LOG_ROOM_LEVEL, op_get(CMD_LOG_ROOM_LEVEL), 1000,
	    (const char *const[]){ "node=b@host", NULL });
	gather_leave(h.gather);
	EQ(line.box.n, 2); /* asked, and cancelled */
	tear_down(&h);
}

TEST(an_unknown_node_is_not_found_and_says_which_there_are)
{
	struct house h;

	build(&h);
	ask(&h, CMD_LOG_ROOM_LEVEL, op_get(CMD_LOG_ROOM_LEVEL), 10,
	    (const char *const[]){ "node=bb@host", NULL });
	OK(h.heard.is_over);
	EQ(h.heard.err, EM_NOTFOUND);
	STR_EQ(str_get(&h.heard.text), "no node 'bb@host' in the cluster");
	OK(strstr(str_get(&h.heard.hint), "b@host") != NULL);
	tear_down(&h);
}

TEST(a_node_that_does_not_run_is_told_of)
{
	struct house h;

	build(&h);
	nodes_set_running(1, false);
	ask(&h, CMD_LOG_ROOM_LEVEL, op_get(CMD_LOG_ROOM_LEVEL), 10,
	    (const char *const[]){ "node=b", NULL });
	OK(h.heard.is_over);
	EQ(h.heard.err, EM_UNREACHABLE);
	tear_down(&h);
}

TEST(a_node_that_is_lost_ends_what_was_asked_of_it)
{
	struct house h;

	build(&h);
	ask(&h, CMD_LOG_ROOM_LEVEL, op_get(CMD_LOG_ROOM_LEVEL), 10,
	    (const char *const[]){ "node=b@host", NULL });
	OK(!h.heard.is_over);
	remote_lost(SLICE_LIT("b@host"));
	OK(h.heard.is_over);
	EQ(h.heard.err, EM_UNREACHABLE);
	STR_EQ(str_get(&h.heard.text), "node 'b@host' was lost");
	tear_down(&h);
}

TEST(a_list_ends_with_what_a_node_had_sent_when_it_was_lost)
{
	struct house h;
	unsigned all;

	build(&h);
	ask(&h, CMD_LOG_ROOM_LEVEL, op_get(CMD_LOG_ROOM_LEVEL), 2,
	    (const char *const[]){ "node=b@host", NULL });
	deliver_all();
	for (unsigned i = 0; i < 100; i++)
		turn();
	OK(line.box.n > 6);
	deliver(6);
	drop_all();
	remote_lost(SLICE_LIT("b@host"));
	OK(!h.heard.is_over);
	all = h.heard.n;
	EQ(all, 2);
	gather_credit(h.gather, 1000);
	go_on();
	OK(h.heard.is_over && h.heard.n > all);
	EQ(h.heard.err, EM_PARTLY);
	STR_EQ(str_get(&h.heard.text), "b@host was lost: not all of its rows are here");
	tear_down(&h);
}

TEST(what_cannot_be_read_ends_nothing_but_itself)
{
	struct house h;
	uint8_t bytes[64] = { PIECE_ASK, 0, 0, 0, 1 };

	build(&h);
	for (unsigned kind = 0; kind < 12; kind++) {
		for (size_t n = 0; n < sizeof bytes; n++) {
			bytes[0] = (uint8_t)kind;
			remote_receive(SLICE_LIT("b@host"), slice_of(bytes, n));
		}
	}
	tear_down(&h);
}

TEST(one_node_alone_does_not_take_up_all_that_is_answered)
{
	struct house h;
	unsigned full = 0;

	build(&h);
	for (uint32_t id = 1; id <= 100; id++) {
		struct wire_req req = { .cmd = cmd_get(CMD_LOG_ROOM_LEVEL), .credit = 1 };
		struct wbuf w = wbuf_growing(4096);
		struct piece p;

		remote_piece_begin(&w, PIECE_ASK, id);
		remote_req_put(&w, &req, "a@host", 0, 1);
		remote_receive(SLICE_LIT("c@host"), wbuf_slice(&w));
		wbuf_fini(&w);
		for (; line.box.n > 0; mem_free(line.box.p[line.box.n].p)) {
			struct posted l = line.box.p[--line.box.n];

			OK(remote_piece_get(slice_of(l.p, l.n), &p) == EM_OK);
			full += p.kind == PIECE_FAULT;
		}
	}
	EQ(full, 36);
	remote_lost(SLICE_LIT("c@host"));
	tear_down(&h);
}

TEST(an_unknown_command_says_which_side_is_older)
{
	struct house h;
	struct wbuf w = wbuf_growing(1000);
	struct piece p;
	struct fault f = { .err = EM_OK };

	build(&h);
	remote_piece_begin(&w, PIECE_ASK, 7);
	pack_map(&w, 4);
	pack_text(&w, SLICE_LIT("cmd"));
	pack_text(&w, SLICE_LIT("clients dance"));
	pack_text(&w, SLICE_LIT("version"));
	pack_text(&w, SLICE_LIT("99.0"));
	pack_text(&w, SLICE_LIT("node"));
	pack_text(&w, SLICE_LIT("a@host"));
	pack_text(&w, SLICE_LIT("args"));
	pack_map(&w, 0);
	remote_receive(SLICE_LIT("b@host"), wbuf_slice(&w));
	EQ(line.box.n, 1);
	EQ(remote_piece_get(slice_of(line.box.p[0].p, line.box.p[0].n), &p), EM_OK);
	EQ(p.kind, PIECE_FAULT);
	EQ(wire_fault_get(p.body, &f), EM_OK);
	EQ(f.err, EM_UNSUPPORTED);
	STR_EQ(f.text, "node 'a@host' does not know 'clients dance'");
	OK(strstr(f.hint, "that node is older") != NULL);
	fault_clear(&f);
	wbuf_fini(&w);
	tear_down(&h);
}

TEST(columns_go_by_their_names)
{
	const struct cmd *cmd = cmd_get(CMD_TOPICS_LIST);
	struct remote_columns c;
	struct wbuf names = wbuf_growing(1000), there = wbuf_growing(1000),
		    here = wbuf_growing(1000);
	struct row row;

	pack_array(&names, 6);
	pack_text(&names, SLICE_LIT("of_tomorrow"));
	pack_text(&names, SLICE_LIT("int"));
	pack_text(&names, SLICE_LIT("topic"));
	pack_text(&names, SLICE_LIT("filter"));
	pack_text(&names, SLICE_LIT("subscribers"));
	pack_text(&names, SLICE_LIT("text")); /* of another form: left out */
	EQ(remote_columns_get(wbuf_slice(&names), cmd, &c), EM_OK);
	pack_array(&there, 3);
	pack_int(&there, 1);
	pack_text(&there, SLICE_LIT("t/#"));
	pack_text(&there, SLICE_LIT("x"));
	EQ(remote_row_get(wbuf_slice(&there), cmd, &c, "b@host", &here), EM_OK);
	EQ(row_get(cmd, wbuf_slice(&here), &row), EM_OK);
	OK(slice_eq_str(row_find(&row, "topic")->text, "t/#"));
	OK(slice_eq_str(row_find(&row, "node")->text, "b@host"));
	OK(!row_find(&row, "subscribers")->set);
	wbuf_fini(&names);
	wbuf_fini(&there);
	wbuf_fini(&here);
}
