/* SPDX-License-Identifier: Apache-2.0 */
/* Rows in every format: EMQX's shapes exactly, and nothing that a client chose
 * gets out of its cell. */
#include "ctl/render.h"
#include "tests/unit/ctl/fixture.h"
#include "tests/unit/tap.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <unistd.h>

static struct wbuf bytes;
static struct row row;
static struct out out;
static struct str all;

/* Renders @n times the row that stands; the text is in all. */
static const char *
rendered(struct render_opts opts, const char *columns, size_t n, unsigned width)
{
	struct render r;
	struct fault f = { 0 };

	str_reset(&all);
	OK(out_open(&out, STDOUT_FILENO, false, NULL, &f) == EM_OK);
	out.held = true;
	out.terminal = out.person = width > 0;
	out.width = width;
	OK(render_open(&r, row.cmd, &opts, slice_str(columns), &out, &f) == EM_OK);
	for (size_t i = 0; i < n; i++)
		render_row(&r, &row);
	render_close(&r);
	str_add_slice(&all, str_slice(&out.text));
	str_reset(&out.text);
	OK(out_close(&out, &f) == EM_OK);
	return str_get(&all);
}

static const char *
in(render_format format)
{
	return rendered((struct render_opts){ .format = format, .utc = true }, "", 1, 0);
}

static void
client(const char *id)
{
	bytes = bytes.max == 0 ? wbuf_growing(1 << 20) : bytes;
	fixture_client(id, &bytes, &row);
}

static void
listener(bool running)
{
	bytes = bytes.max == 0 ? wbuf_growing(1 << 20) : bytes;
	fixture_listener(running, &bytes, &row);
}

TEST(a_client_in_a_pipe_is_the_line_of_emqx)
{
	client("mqttjs_1");
	STR_EQ(in(RENDER_AUTO),
	    "Client(mqttjs_1, username=undefined, peername=127.0.0.1:62135, "
	    "clean_start=true, keepalive=60, session_expiry_interval=0, subscriptions=2, "
	    "inflight=0, awaiting_rel=0, delivered_msgs=7, enqueued_msgs=3, "
	    "dropped_msgs=0, connected=true, created_at=1582249657123, "
	    "connected_at=1582249657123)\n");
}

TEST(a_listener_in_a_pipe_is_the_block_of_emqx)
{
	listener(true);
	STR_EQ(in(RENDER_AUTO),
	    "tcp:default\n"
	    "  listen_on       : 0.0.0.0:1883\n"
	    "  acceptors       : 2\n"
	    "  proxy_protocol  : false\n"
	    "  enable          : true\n"
	    "  running         : true\n"
	    "  current_conn    : 12\n"
	    "  max_conns       : infinity\n"
	    "  shutdown_count  : [{keepalive_timeout,1},{tcp_closed,2}]\n");
	listener(false);
	STR_EQ(in(RENDER_AUTO), "tcp:default\n"
				"  listen_on       : 0.0.0.0:1883\n"
				"  acceptors       : 2\n"
				"  proxy_protocol  : false\n"
				"  enable          : true\n"
				"  running         : false\n");
}

TEST(compat_44_is_the_older_block)
{
	struct render_opts opts = { .format = RENDER_CLASSIC, .compat44 = true };

	listener(true);
	STR_EQ(rendered(opts, "", 1, 0),
	    "tcp:default\n"
	    "  listen_on       : 0.0.0.0:1883\n"
	    "  acceptors       : 2\n"
	    "  max_conns       : infinity\n"
	    "  current_conn    : 12\n"
	    "  shutdown_count  : [{keepalive_timeout,1},{tcp_closed,2}]\n");
}

TEST(an_empty_list_says_what_emqx_says)
{
	struct render_opts old = { .format = RENDER_CLASSIC, .compat44 = true };

	client("c");
	STR_EQ(rendered((struct render_opts){ .format = RENDER_CLASSIC }, "", 0, 0),
	    "No clients.\n");
	STR_EQ(rendered(old, "", 0, 0), "");
	STR_EQ(rendered((struct render_opts){ .format = RENDER_JSON }, "", 0, 0), "[]\n");
	STR_EQ(rendered((struct render_opts){ .format = RENDER_TABLE }, "", 0, 0), "");
}

TEST(json_has_the_counts_of_each_side)
{
	listener(true);
	OK(strstr(in(RENDER_JSON),
	       "\"shutdown_count\":{\"keepalive_timeout\":{\"total\":1,\"client\":0,"
	       "\"server\":1,\"network\":0},\"tcp_closed\":{\"total\":2,\"client\":2,"
	       "\"server\":0,\"network\":0}}") != NULL);
	OK(strstr(str_get(&all), "\"max_conns\":\"infinity\"") != NULL);
}

TEST(json_is_json_with_every_key)
{
	cJSON *read;

	client(EVIL);
	read = cJSON_Parse(
	    rendered((struct render_opts){ .format = RENDER_JSON }, "", 3, 0));
	OK(cJSON_GetArraySize(read) == 3);
	EQ(cJSON_GetArraySize(cJSON_GetArrayItem(read, 1)),
	    (int)cmd_n_cols(cmd_get(CMD_CLIENTS_LIST)));
	STR_EQ(cJSON_GetObjectItem(cJSON_GetArrayItem(read, 2), "clientid")->valuestring,
	    EVIL);
	OK(cJSON_IsNull(cJSON_GetObjectItem(cJSON_GetArrayItem(read, 2), "username")));
	EQ(cJSON_GetObjectItem(cJSON_GetArrayItem(read, 2), "keepalive")->valueint, 60);
	cJSON_Delete(read);
	read = cJSON_Parse(
	    rendered((struct render_opts){ .format = RENDER_JSON }, "", 2, 80));
	OK(cJSON_GetArraySize(read) == 2); /* over several lines on a terminal */
	cJSON_Delete(read);
}

TEST(json_of_one_row_is_an_array_where_all_nodes_answer)
{
	const struct cmd *cmd = cmd_get(CMD_RETAINER_INFO);
	struct wbuf cells = wbuf_growing(1 << 20);
	struct row_writer w;
	cJSON *read;

	row_writer_init(&w, cmd);
	row_begin(&w);
	row_str(&w, "node", "emqx@a");
	OK(row_end(&w, &cells) == EM_OK);
	OK(row_get(cmd, wbuf_slice(&cells), &row) == EM_OK);
	read = cJSON_Parse(
	    rendered((struct render_opts){ .format = RENDER_JSON }, "", 1, 0));
	OK(cJSON_IsObject(read));
	cJSON_Delete(read);
	read = cJSON_Parse(rendered(
	    (struct render_opts){ .format = RENDER_JSON, .all_nodes = true }, "", 2, 0));
	OK(cJSON_IsArray(read) && cJSON_GetArraySize(read) == 2);
	cJSON_Delete(read);
	row_writer_fini(&w);
	wbuf_fini(&cells);
}

TEST(jsonl_is_an_object_a_line)
{
	struct render_opts opts = { .format = RENDER_JSONL };

	client("c");
	STR_EQ(rendered(opts, "clientid,mqueue_len,keepalive", 2, 0),
	    "{\"clientid\":\"c\",\"mqueue_len\":3,\"keepalive\":60}\n"
	    "{\"clientid\":\"c\",\"mqueue_len\":3,\"keepalive\":60}\n");
}

TEST(an_evil_client_id_gets_out_of_no_format)
{
	static const render_format formats[] = { RENDER_AUTO, RENDER_TABLE, RENDER_WIDE,
		RENDER_DETAIL, RENDER_JSON, RENDER_JSONL, RENDER_CSV, RENDER_NAME,
		RENDER_CLASSIC };
	size_t lines;

	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		for (unsigned width = 0; width <= 80; width += 80) {
			struct render_opts opts = { .format = formats[i] };

			client("x");
			(void)rendered(opts, "", 1, width);
			lines = 0;
			for (size_t k = 0; k < all.n; k++)
				lines += all.p[k] == '\n';
			client(EVIL);
			OK(strchr(rendered(opts, "", 1, width), '\033') == NULL);
			for (size_t k = 0; k < all.n; k++)
				lines -= all.p[k] == '\n';
			EQ(lines, 0);
			OK(strstr(str_get(&all), "\n=1") == NULL);
		}
	}
	STR_EQ(in(RENDER_NAME), "a\\x1b[31m\\x0a=1+1\n");
}

TEST(csv_lets_no_formula_through)
{
	struct render_opts opts = { .format = RENDER_CSV, .no_header = true };
	static const char *const ids[][2] = {
		{ "=1+1", "'=1+1,3\n" },
		{ "+1", "'+1,3\n" },
		{ "-1", "'-1,3\n" },
		{ "@SUM(A1)", "'@SUM(A1),3\n" },
		{ "=a,b", "\"'=a,b\",3\n" },
		{ "a\"b", "\"a\"\"b\",3\n" },
		{ "\t=1", "\\x09=1,3\n" },
		{ "a=1", "a=1,3\n" },
	};

	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		client(ids[i][0]);
		STR_EQ(rendered(opts, "clientid,mqueue_len", 1, 0), ids[i][1]);
	}
}

TEST(csv_begins_with_the_names_and_has_bare_numbers)
{
	struct render_opts opts = { .format = RENDER_CSV, .utc = true };

	client("c");
	STR_EQ(
	    rendered(opts, "clientid,username,keepalive,connected_at,mqueue_max", 1, 0),
	    "clientid,username,keepalive,connected_at,mqueue_max\n"
	    "c,,60,2020-02-21T01:47:37.123000+00:00,infinity\n");
}

TEST(a_table_has_its_numbers_on_the_right)
{
	struct render_opts opts = { .format = RENDER_TABLE };

	client("sensor-1");
	STR_EQ(rendered(opts, "clientid,mqueue_len,connected", 2, 80),
	    "clientid  mqueue_len  connected\n"
	    "sensor-1           3  true\n"
	    "sensor-1           3  true\n");
	opts.no_header = true;
	STR_EQ(rendered(opts, "clientid,mqueue_len,connected", 1, 80),
	    "sensor-1  3  true\n");
}

TEST(a_table_fits_the_terminal)
{
	struct render_opts opts = { .format = RENDER_AUTO };
	char id[200];

	memset(id, 'x', sizeof id - 1);
	id[sizeof id - 1] = '\0';
	client(id);
	(void)rendered(opts, "", 1, 60);
	for (char *p = all.p, *nl; (nl = strchr(p, '\n')) != NULL; p = nl + 1)
		OK(nl - p <= 62); /* the ellipsis has three bytes */
	OK(strstr(str_get(&all), "more columns have no room") != NULL);
	opts.no_trunc = true;
	OK(strstr(rendered(opts, "", 1, 60), id) != NULL);
	opts = (struct render_opts){ .format = RENDER_WIDE };
	OK(strstr(rendered(opts, "", 1, 60), id) != NULL);
	OK(strstr(str_get(&all), "mqueue_max") != NULL);
	OK(strstr(str_get(&all), "have no room") == NULL);
	opts.format = RENDER_AUTO;
	OK(strstr(rendered(opts, "", 1, 0), "Client(xxx") == str_get(&all));
}

static void
member(const char *hint)
{
	struct row_writer w;

	bytes = bytes.max == 0 ? wbuf_growing(1 << 20) : bytes;
	row_writer_init(&w, cmd_get(CMD_CLUSTER_STATUS));
	row_begin(&w);
	row_str(&w, "node", "emqx1@127.0.0.1");
	row_str(&w, "state", "running");
	row_str(&w, "role", "leader");
	row_span(&w, "rtt", span_ns(55593));
	row_str(&w, "hint", hint);
	OK(fixture_row(&w, &bytes, &row) == EM_OK);
	row_writer_fini(&w);
}

TEST(the_node_and_what_to_do_stay_before_figures)
{
	struct render_opts opts = { .format = RENDER_AUTO, .all_nodes = true };
	size_t n = 0;

	client("sensor-1");
	OK(strstr(rendered(opts, "", 2, 80), "  node\n") != NULL);
	OK(strstr(str_get(&all), "  emqx1@127.0.0.1\n") != NULL);
	OK(strstr(str_get(&all), "more columns have no room") != NULL);
	opts.all_nodes = false;
	OK(strstr(rendered(opts, "", 1, 80), "emqx1") == NULL);
	member("this node hears it, but it does not hear this node; emqx3@127.0.0.1 "
	       "reaches it");
	OK(strstr(rendered(opts, "", 1, 100),
	       "this node hears it, but it does not hear this nod") != NULL);
	OK(strstr(rendered(opts, "", 1, 40), "state    role") != NULL);
	OK(strstr(str_get(&all), "running  leader") != NULL);
	OK(strstr(rendered(opts, "", 1, 80), "this node hears it, but it does") != NULL);
	for (const char *p = all.p; *p != '\n'; p++)
		n++;
	OK(n <= 80);
	member(NULL);
	OK(strstr(rendered(opts, "", 1, 80), "hint") == NULL);
	OK(strstr(str_get(&all), "rtt") != NULL);
}

TEST(a_long_list_keeps_the_widths_of_its_begin)
{
	struct render_opts opts = { .format = RENDER_TABLE };
	size_t lines = 0;

	client("c");
	(void)rendered(opts, "clientid,mqueue_len", 2000, 80);
	for (size_t k = 0; k < all.n; k++)
		lines += all.p[k] == '\n';
	EQ(lines, 2001);
}

TEST(detail_shows_who_ended_the_connections)
{
	listener(true);
	STR_EQ(rendered((struct render_opts){ .format = RENDER_AUTO }, "", 1, 80),
	    "tcp:default\n"
	    "  listen_on      : 0.0.0.0:1883\n"
	    "  acceptors      : 2\n"
	    "  proxy_protocol : false\n"
	    "  enable         : true\n"
	    "  running        : true\n"
	    "  current_conn   : 12\n"
	    "  max_conns      : infinity\n"
	    "  shutdown_count :\n"
	    "    reason                  total     client     server    network\n"
	    "    keepalive_timeout           1          0          1          0\n"
	    "    tcp_closed                  2          2          0          0\n");
}

TEST(how_something_is_has_a_colour_beside_its_word)
{
	struct cmd_col state = { .name = "state", .type = CT_TEXT };
	struct cmd_col name = { .name = "clientid", .type = CT_CLIENTID };

	EQ(render_role(&state, SLICE_LIT("ready")), COLOR_GOOD);
	EQ(render_role(&state, SLICE_LIT("draining")), COLOR_WARN);
	EQ(render_role(&name, SLICE_LIT("ready")), COLOR_ROLE_N);
}

TEST(a_column_that_there_is_not_is_refused)
{
	struct render_opts opts = { .format = RENDER_TABLE };
	struct fault f = { 0 };
	struct render r;

	OK(out_open(&out, STDOUT_FILENO, false, NULL, &f) == EM_OK);
	EQ(render_open(&r, cmd_get(CMD_CLIENTS_LIST), &opts, SLICE_LIT("clientid,nope"),
	       &out, &f),
	    EM_USAGE);
	STR_EQ(f.text, "there is no column 'nope'");
	fault_clear(&f);
	OK(out_close(&out, NULL) == EM_OK);
}

TEST(every_command_with_columns_renders_in_every_format)
{
	bytes = bytes.max == 0 ? wbuf_growing(1 << 20) : bytes;
	for (unsigned i = 0; i < CMD_N; i++) {
		const struct cmd *cmd = cmd_get((cmd_id)i);
		struct row_writer w;

		if (cmd_n_cols(cmd) == 0)
			continue;
		row_writer_init(&w, cmd);
		row_begin(&w);
		OK(fixture_row(&w, &bytes, &row) == EM_OK);
		row_writer_fini(&w);
		for (unsigned k = RENDER_AUTO; k < RENDER_FORMAT_N; k++)
			for (unsigned width = 0; width <= 80; width += 80)
				(void)rendered(
				    (struct render_opts){ .format = (render_format)k },
				    "", 1, width);
	}
	wbuf_fini(&bytes);
	str_fini(&all);
}
