/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests on their way through three workers: made-up operations, the real letters,
 * one thread that acts as each worker in turn.
 */
#include "tests/unit/tap.h"
#include "emqxd/admin/gather.h"
#include "emqxd/admin/op.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/nodes.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"

#include <stdio.h>

#define WORKERS 3u

/* What the sink was told. */
struct heard {
	struct str rows; /* first cells, "a b " */
	bool is_over;
	em_err err;
	struct str text, hint, next;
	unsigned room; /* rows that still fit */
};

static void
on_row(void *arg, struct slice bytes)
{
	struct heard *h = arg;
	struct row row;

	OK(!h->is_over);
	OK(row_get(cmd_get(CMD_CLIENTS_LIST), bytes, &row) == EM_OK ||
	    row_get(cmd_get(CMD_CLIENTS_KICK), bytes, &row) == EM_OK);
	str_add_slice(&h->rows, row.v[0].text);
	str_add_char(&h->rows, ' ');
	h->room--;
}

static bool
has_room(void *arg)
{
	return ((struct heard *)arg)->room > 0;
}

static void
on_end(void *arg, const struct wire_end *end, const struct fault *f)
{
	struct heard *h = arg;

	OK(!h->is_over);
	h->is_over = true;
	h->err = f != NULL ? f->err : EM_OK;
	if (f != NULL) {
		str_add(&h->text, f->text);
		str_add(&h->hint, f->hint != NULL ? f->hint : "");
	}
	str_add_slice(&h->next, end->next);
}

static const struct gather_sink sink = {
	.on_row = on_row, .has_room = has_room, .on_end = on_end
};

/* ---- the house */

struct house {
	struct heard heard;
	size_t bytes;
	struct gather *gather;
	size_t turns;
};

static void
one_round(struct house *h)
{
	for (unsigned i = 0; i < WORKERS + 2; i++) {
		worker_act_as(worker_get(i));
		mailbox_open_all(worker_get(i));
		mailbox_post_all(worker_get(i));
	}
	worker_act_as(worker_admin());
	mailbox_post_all(worker_admin());
	h->turns++;
}

static void
go_on(struct house *h)
{
	for (unsigned i = 0; i < 500; i++)
		one_round(h);
}

static void
build(struct house *h)
{
	*h = (struct house){ .heard = { .room = 100000 } };
	worker_init(WORKERS);
	worker_act_as(worker_admin());
	nodes_birth("a@host", 1);
}

static void
tear_down(struct house *h)
{
	go_on(h);
	EQ(h->bytes, 0);
	str_fini(&h->heard.rows);
	str_fini(&h->heard.text);
	str_fini(&h->heard.hint);
	str_fini(&h->heard.next);
	worker_act_as(worker_main());
	nodes_death();
	worker_fini();
}

/* Asks @cmd with "name=word" options. */
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

/* ---- operations */

/* Worker n has the clients "n0", "n1" ... in the opposite order. */
struct count {
	unsigned left;
};
enum { EACH = 1000 };

static em_err
count_open(struct op_ctx *op)
{
	struct count *c = MEM_NEW(struct count);

	c->left = EACH;
	op->state = c;
	return EM_OK;
}

static void
count_row(struct op_ctx *op, unsigned i)
{
	struct row_writer *row = op_row(op);

	row_strf(row, "clientid", "%u%03u", (unsigned)worker_self()->id, i);
	row_int(row, "mqueue_len", i);
	op_row_end(op);
}

static em_err
count_step(struct op_ctx *op)
{
	struct count *c = op->state;

	CHECK(worker_self()->kind == WORKER_CLIENTS);
	while (c->left > 0 && !op_is_full(op))
		count_row(op, --c->left);
	return c->left > 0 ? EM_AGAIN : EM_OK;
}

static void
count_close(struct op_ctx *op)
{
	CHECK(worker_self()->kind == WORKER_CLIENTS);
	MEM_FREE(op->state);
}

static const struct op counting = { .where = OP_EVERY_WORKER,
	.open = count_open,
	.step = count_step,
	.close = count_close };

/* Half of them are there. */
static em_err
kick_call(struct op_ctx *op)
{
	bool is_there = op->value.p[0] != 'x';
	struct row_writer *row;

	if (!is_there && !op->is_one_of_many)
		return op_no_client(op);
	row = op_row(op);
	row_text(row, "clientid", op->value);
	row_str(row, "result", is_there ? "ok" : "no such client");
	op_row_end(op);
	return is_there ? EM_OK : op_no_client(op);
}

static em_err
near_step(struct op_ctx *op)
{
	row_strf(op_row(op), "name", "y%u", (unsigned)worker_self()->id);
	op_row_end(op);
	return EM_OK;
}

static const struct op near = { .where = OP_EVERY_WORKER, .step = near_step };
static const struct op kicking = {
	.where = OP_AT_HOME, .key = "clientid", .call = kick_call, .near = &near
};

static em_err
fail_step(struct op_ctx *op)
{
	if (worker_self()->id == 1)
		return op_fault(op, EM_IO, "worker 1 cannot");
	return count_step(op);
}

static const struct op failing = { .where = OP_EVERY_WORKER,
	.open = count_open,
	.step = fail_step,
	.close = count_close };

/* ---- facts */

static unsigned
words_in(const struct str *s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->p[i] == ' ';
	return n;
}

TEST(rows_of_all_workers_come_in_one_order)
{
	struct house h;
	char first[] = "0000 0001 0002 ", last[] = "2998 2999 ";

	build(&h);
	ask(&h, CMD_CLIENTS_LIST, &counting, 65536, NULL);
	go_on(&h);
	OK(h.heard.is_over && h.heard.err == EM_OK);
	EQ(words_in(&h.heard.rows), WORKERS * EACH);
	OK(strncmp(str_get(&h.heard.rows), first, strlen(first)) == 0);
	STR_EQ(str_get(&h.heard.rows) + h.heard.rows.n - strlen(last), last);
	EQ(h.heard.next.n, 0);
	tear_down(&h);
}

TEST(a_worker_gives_at_most_256_rows_a_turn)
{
	struct house h;

	build(&h);
	ask(&h, CMD_CLIENTS_LIST, &counting, 65536, NULL);
	while (!h.heard.is_over)
		one_round(&h);
	OK(h.turns >= EACH / 256 + 1);
	tear_down(&h);
}

TEST(filter_sort_and_limit_are_obeyed)
{
	static const char *const words[] = { "filter=mqueue_len < 900",
		"sort=-mqueue_len", "limit=4", NULL };
	struct house h;

	build(&h);
	ask(&h, CMD_CLIENTS_LIST, &counting, 65536, words);
	go_on(&h);
	STR_EQ(str_get(&h.heard.rows), "0899 1899 2899 0898 ");
	OK(h.heard.next.n > 0);
	tear_down(&h);
}

TEST(a_page_goes_on_behind_the_cursor)
{
	static const char *const first[] = { "limit=2", NULL };
	const char *second[] = { "limit=2", NULL, NULL };
	struct str after = { 0 };
	struct house h;

	build(&h);
	ask(&h, CMD_CLIENTS_LIST, &counting, 65536, first);
	go_on(&h);
	str_addf(&after, "after=%s", str_get(&h.heard.next));
	second[1] = str_get(&after);
	tear_down(&h);
	build(&h);
	ask(&h, CMD_CLIENTS_LIST, &counting, 65536, second);
	go_on(&h);
	STR_EQ(str_get(&h.heard.rows), "0002 0003 ");
	str_fini(&after);
	tear_down(&h);
}

TEST(rows_wait_for_credit_and_for_room)
{
	struct house h;

	build(&h);
	ask(&h, CMD_CLIENTS_LIST, &counting, 2, NULL);
	go_on(&h);
	STR_EQ(str_get(&h.heard.rows), "0000 0001 ");
	OK(!h.heard.is_over);
	gather_credit(h.gather, 1);
	STR_EQ(str_get(&h.heard.rows), "0000 0001 0002 ");
	h.heard.room = 2;
	gather_credit(h.gather, 60000);
	EQ(words_in(&h.heard.rows), 5);
	h.heard.room = 100000;
	gather_go_on(h.gather);
	OK(h.heard.is_over && h.heard.err == EM_OK);
	EQ(words_in(&h.heard.rows), WORKERS * EACH);
	tear_down(&h);
}

TEST(a_cancelled_request_closes_its_parts_and_says_so)
{
	struct house h;

	build(&h);
	ask(&h, CMD_CLIENTS_LIST, &counting, 65536, NULL);
	one_round(&h);
	gather_cancel(h.gather);
	go_on(&h);
	OK(h.heard.is_over && h.heard.err == EM_CANCELLED);
	EQ(h.heard.rows.n, 0);
	tear_down(&h);
}

TEST(who_leaves_hears_nothing_more)
{
	struct house h;

	build(&h);
	ask(&h, CMD_CLIENTS_LIST, &counting, 65536, NULL);
	one_round(&h);
	one_round(&h);
	OK(h.bytes > 0);
	gather_leave(h.gather);
	EQ(h.bytes, 0);
	go_on(&h);
	OK(!h.heard.is_over);
	tear_down(&h);
}

TEST(who_leaves_a_finished_list_frees_it)
{
	struct house h;

	build(&h);
	ask(&h, CMD_CLIENTS_LIST, &counting, 1, NULL);
	go_on(&h);
	OK(!h.heard.is_over && h.bytes > 0);
	gather_leave(h.gather);
	tear_down(&h);
}

TEST(the_first_fault_of_a_worker_is_the_requests)
{
	struct house h;

	build(&h);
	ask(&h, CMD_CLIENTS_LIST, &failing, 65536, NULL);
	go_on(&h);
	OK(h.heard.is_over && h.heard.err == EM_IO);
	STR_EQ(str_get(&h.heard.text), "worker 1 cannot");
	tear_down(&h);
}

TEST(a_filter_that_is_none_is_refused_at_once)
{
	static const char *const words[] = { "filter=nonsense", NULL };
	struct house h;

	build(&h);
	ask(&h, CMD_CLIENTS_LIST, &counting, 65536, words);
	OK(h.gather == NULL && h.heard.is_over && h.heard.err == EM_USAGE);
	tear_down(&h);
}

TEST(several_values_are_answered_in_their_order)
{
	static const char *const words[] = { "clientid=e", "clientid=a", "clientid=d",
		"clientid=b", "clientid=c", NULL };
	struct house h;

	build(&h);
	ask(&h, CMD_CLIENTS_KICK, &kicking, 65536, words);
	go_on(&h);
	OK(h.heard.is_over && h.heard.err == EM_OK);
	STR_EQ(str_get(&h.heard.rows), "e a d b c ");
	tear_down(&h);
}

TEST(very_many_values_are_all_answered)
{
	enum { MANY = 3000 };
	char text[MANY][20];
	const char *words[MANY + 1] = { NULL };
	struct house h;

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text[i], sizeof text[i], "clientid=a%u", i);
		words[i] = text[i];
	}
	build(&h);
	ask(&h, CMD_CLIENTS_KICK, &kicking, 65536, words);
	go_on(&h);
	OK(h.heard.is_over && h.heard.err == EM_OK);
	EQ(words_in(&h.heard.rows), MANY);
	tear_down(&h);
}

TEST(those_that_are_not_here_may_be_on_a_node_that_does_not_answer)
{
	static const char *const words[] = { "clientid=x1", "clientid=a", "clientid=x2",
		NULL };
	struct house h;
	unsigned place;

	build(&h);
	OK(nodes_add(SLICE_LIT("b@host"), 2, &place) == EM_OK);
	ask(&h, CMD_CLIENTS_KICK, &kicking, 65536, words);
	go_on(&h);
	EQ(h.heard.err, EM_PARTLY);
	STR_EQ(str_get(&h.heard.text), "2 of 3 failed");
	STR_EQ(str_get(&h.heard.hint), "no answer from b@host: it may be there");
	STR_EQ(str_get(&h.heard.rows), "x1 a x2 ");
	tear_down(&h);
}

TEST(some_that_fail_are_partly_done)
{
	static const char *const words[] = { "clientid=a", "clientid=x1", "clientid=c",
		NULL };
	struct house h;

	build(&h);
	ask(&h, CMD_CLIENTS_KICK, &kicking, 65536, words);
	go_on(&h);
	EQ(h.heard.err, EM_PARTLY);
	STR_EQ(str_get(&h.heard.text), "1 of 3 failed");
	STR_EQ(str_get(&h.heard.rows), "a x1 c ");
	tear_down(&h);
}

TEST(all_that_fail_have_the_code_of_the_first)
{
	static const char *const words[] = { "clientid=x1", "clientid=x2", NULL };
	struct house h;

	build(&h);
	ask(&h, CMD_CLIENTS_KICK, &kicking, 65536, words);
	go_on(&h);
	EQ(h.heard.err, EM_NOTFOUND);
	STR_EQ(str_get(&h.heard.rows), "x1 x2 ");
	tear_down(&h);
}

TEST(one_that_is_missing_leads_to_the_nearest)
{
	static const char *const words[] = { "clientid=x1", NULL };
	struct house h;

	build(&h);
	ask(&h, CMD_CLIENTS_KICK, &kicking, 65536, words);
	go_on(&h);
	EQ(h.heard.err, EM_NOTFOUND);
	STR_EQ(str_get(&h.heard.text), "no client 'x1'");
	OK(strstr(str_get(&h.heard.hint), "did you mean 'y1'?") != NULL);
	tear_down(&h);
}
