/* SPDX-License-Identifier: Apache-2.0 */
/* The order of lists, their first so many rows, and where they go on. */
#include "tests/unit/tap.h"
#include "emqxd/admin/sorted.h"
#include "ipc/base/wbuf.h"

#include <stdio.h>

/* A list under test, and the rows that were taken, as "a1 b2 ". */
struct fixture {
	struct sorted s;
	size_t bytes;
	struct str taken;
};

static void
start(struct fixture *x, bool fifo, const char *sort, uint64_t limit)
{
	*x = (struct fixture){ .bytes = 0 };
	sorted_init(&x->s, cmd_get(CMD_SUBSCRIPTIONS_LIST), fifo, slice_str(sort), limit,
	    &x->bytes);
}

static void
end(struct fixture *x)
{
	sorted_fini(&x->s);
	str_fini(&x->taken);
	EQ(x->bytes, 0);
}

/* "a1": client a, QoS 1; topic "t". */
static void
add(struct fixture *x, const char *row)
{
	struct wbuf bytes = wbuf_growing(65536);
	struct row_writer w;

	row_writer_init(&w, cmd_get(CMD_SUBSCRIPTIONS_LIST));
	row_begin(&w);
	row_text(&w, "clientid", slice_of(row, 1));
	row_str(&w, "topic", "t");
	row_int(&w, "qos", row[1] - '0');
	OK(row_end(&w, &bytes) == EM_OK);
	EQ(sorted_add(&x->s, wbuf_slice(&bytes), 0, NULL), EM_OK);
	row_writer_fini(&w);
	wbuf_fini(&bytes);
}

static void
add_all(struct fixture *x, const char *rows)
{
	for (; *rows != '\0'; rows += rows[2] == ' ' ? 3 : 2)
		add(x, rows);
}

static const char *
take_all(struct fixture *x, unsigned max)
{
	struct slice bytes;
	struct row row;

	str_reset(&x->taken);
	while (max-- > 0 && sorted_take(&x->s, &bytes)) {
		OK(row_get(cmd_get(CMD_SUBSCRIPTIONS_LIST), bytes, &row) == EM_OK);
		str_add_slice(&x->taken, row_find(&row, "clientid")->text);
		str_addf(&x->taken, "%d ", (int)row_find(&row, "qos")->i);
	}
	return str_get(&x->taken);
}

TEST(rows_are_given_by_their_first_column_when_all_came)
{
	struct fixture x;

	start(&x, false, "", 0);
	add_all(&x, "c1 a2 e0 b1 d2");
	STR_EQ(take_all(&x, 9), "");
	sorted_end(&x.s);
	STR_EQ(take_all(&x, 9), "a2 b1 c1 d2 e0 ");
	end(&x);
}

TEST(a_column_to_sort_by_comes_before_the_first)
{
	struct fixture x;

	start(&x, false, "qos", 0);
	add_all(&x, "c1 a2 e0 b1 d2");
	sorted_end(&x.s);
	STR_EQ(take_all(&x, 9), "e0 b1 c1 a2 d2 ");
	end(&x);
	start(&x, false, "-qos", 0);
	add_all(&x, "c1 a2 e0 b1 d2");
	sorted_end(&x.s);
	STR_EQ(take_all(&x, 9), "a2 d2 b1 c1 e0 ");
	end(&x);
}

TEST(a_limit_keeps_the_first_ones_whatever_comes_when)
{
	struct fixture x;

	start(&x, false, "", 2);
	add_all(&x, "c1 a2 e0 b1 d2");
	EQ(sorted_count(&x.s), 2);
	OK(x.s.is_full);
	sorted_end(&x.s);
	STR_EQ(take_all(&x, 9), "a2 b1 ");
	end(&x);
	start(&x, false, "", 5);
	add_all(&x, "c1 a2 e0 b1 d2");
	OK(!x.s.is_full);
	sorted_end(&x.s);
	STR_EQ(take_all(&x, 9), "a2 b1 c1 d2 e0 ");
	end(&x);
}

TEST(a_row_that_came_twice_goes_out_once)
{
	struct fixture x;

	start(&x, false, "", 0);
	add_all(&x, "b1 a2 b1 c0 b1");
	sorted_end(&x.s);
	STR_EQ(take_all(&x, 9), "a2 b1 c0 ");
	end(&x);
}

TEST(rows_that_keep_their_order_go_at_once)
{
	struct fixture x;

	start(&x, true, "", 0);
	add_all(&x, "c1 a2");
	STR_EQ(take_all(&x, 9), "c1 a2 ");
	add_all(&x, "b1 b1");
	STR_EQ(take_all(&x, 9), "b1 b1 ");
	end(&x);
}

/* Pages of two rows each must be the whole list. */
static void
page_through(const char *sort, const char *all, const char *wanted)
{
	struct str cursor = { 0 }, got = { 0 };
	struct fixture x;

	for (int page = 0; page < 9; page++) {
		start(&x, false, sort, 2);
		if (page > 0)
			EQ(sorted_after(&x.s, str_slice(&cursor), NULL), EM_OK);
		add_all(&x, all);
		sorted_end(&x.s);
		str_add(&got, take_all(&x, 9));
		str_reset(&cursor);
		if (x.taken.n == 0) {
			end(&x);
			break;
		}
		sorted_cursor(&x.s, &cursor);
		end(&x);
	}
	STR_EQ(str_get(&got), wanted);
	str_fini(&cursor);
	str_fini(&got);
}

TEST(a_cursor_goes_on_where_the_page_ended)
{
	page_through("", "c1 a2 e0 b1 d2", "a2 b1 c1 d2 e0 ");
	page_through("qos", "c1 a2 e0 b1 d2", "e0 b1 c1 a2 d2 ");
	page_through("-qos", "c1 a2 e0 b1 d2", "a2 d2 b1 c1 e0 ");
}

TEST(a_list_that_keeps_its_order_goes_on_behind_the_row)
{
	struct str cursor = { 0 };
	struct fixture x;

	start(&x, true, "", 0);
	add_all(&x, "c1 a2 e0");
	STR_EQ(take_all(&x, 2), "c1 a2 ");
	sorted_cursor(&x.s, &cursor);
	end(&x);
	start(&x, true, "", 0);
	EQ(sorted_after(&x.s, str_slice(&cursor), NULL), EM_OK);
	OK(slice_eq_str(sorted_after_key(&x.s), "a"));
	add_all(&x, "c1 a2 e0 b1");
	STR_EQ(take_all(&x, 9), "e0 b1 ");
	str_fini(&cursor);
	end(&x);
}

TEST(garbage_is_no_cursor)
{
	static const char *const bad[] = { "", "9", "zz", "93", "93c0c0", "90", "c0",
		"ffffffff", "93a161a161", "93c0a161a5ff" };
	struct fixture x;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct fault f = { 0 };

		start(&x, false, "", 0);
		EQ(sorted_after(&x.s, slice_str(bad[i]), &f), EM_USAGE);
		fault_clear(&f);
		end(&x);
	}
}

TEST(what_lists_keep_is_bounded)
{
	struct fault f = { 0 };
	struct fixture x;
	struct wbuf bytes = wbuf_growing(65536);
	struct row_writer w;

	row_writer_init(&w, cmd_get(CMD_SUBSCRIPTIONS_LIST));
	row_begin(&w);
	row_str(&w, "clientid", "a");
	OK(row_end(&w, &bytes) == EM_OK);
	start(&x, false, "", 0);
	x.bytes = SORTED_BYTES_MAX; /* other lists have it all */
	EQ(sorted_add(&x.s, wbuf_slice(&bytes), 0, &f), EM_FULL);
	x.bytes = 0;
	fault_clear(&f);
	row_writer_fini(&w);
	wbuf_fini(&bytes);
	end(&x);
}
