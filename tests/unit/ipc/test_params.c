/* SPDX-License-Identifier: Apache-2.0 */
/* Values: what travels is what was given; what the row does not allow is refused. */
#include "ipc/params.h"
#include "ipc/base/str.h"
#include "ipc/pack.h"
#include "tests/unit/tap.h"

#include <fcntl.h>
#include <unistd.h>

static em_err
add(struct params *p, const struct cmd *cmd, const char *name, const char *word)
{
	const struct cmd_arg *arg = cmd_find_arg(cmd, slice_str(name));

	if (arg == NULL)
		arg = cmd_find_opt(cmd, slice_str(name));
	return params_add_word(p, arg, slice_str(word), NULL);
}

TEST(a_map_brings_all_values_back)
{
	const struct cmd *cmd = cmd_get(CMD_CLIENTS_KICK);
	struct params p = { 0 }, q = { 0 };
	struct wbuf w = wbuf_growing(1000);
	struct pack_reader r;

	EQ(add(&p, cmd, "clientid", "a"), EM_OK);
	EQ(add(&p, cmd, "clientid", "b\n"), EM_OK);
	params_pack(&p, &w);
	r = pack_reader_of(wbuf_slice(&w));
	EQ(params_unpack(&q, cmd, &r, NULL), EM_OK);
	EQ(rbuf_left(&r.r), 0);
	EQ(params_count(&q, "clientid"), 2);
	OK(slice_eq_str(params_text_at(&q, "clientid", 1), "b\n"));
	OK(q.cmd == cmd && params_is_write(&q));
	params_fini(&p);
	params_fini(&q);
	wbuf_fini(&w);
}

TEST(maps_cut_at_each_byte_are_refused)
{
	const struct cmd *cmd = cmd_get(CMD_CLIENTS_LIST);
	struct params p = { 0 };
	struct wbuf w = wbuf_growing(1000);

	EQ(add(&p, cmd, "limit", "5"), EM_OK);
	EQ(add(&p, cmd, "filter", "a > 1"), EM_OK);
	params_pack(&p, &w);
	for (size_t n = 0; n < w.n; n++) {
		struct pack_reader r = pack_reader_of(slice_head(wbuf_slice(&w), n));
		struct params q = { 0 };

		EQ(params_unpack(&q, cmd, &r, NULL), EM_MALFORMED);
		params_fini(&q);
	}
	params_fini(&p);
	wbuf_fini(&w);
}

static em_err
unpack_one(const struct cmd *cmd, const char *name, const char *word)
{
	struct params q = { 0 };
	struct wbuf w = wbuf_growing(1000);
	struct pack_reader r;
	em_err err;

	pack_map(&w, 1);
	pack_text(&w, slice_str(name));
	pack_text(&w, slice_str(word));
	r = pack_reader_of(wbuf_slice(&w));
	err = params_unpack(&q, cmd, &r, NULL);
	params_fini(&q);
	wbuf_fini(&w);
	return err;
}

TEST(the_daemon_checks_again_what_the_tool_checked)
{
	const struct cmd *list = cmd_get(CMD_CLIENTS_LIST);

	EQ(unpack_one(list, "limit", "5"), EM_OK);
	EQ(unpack_one(list, "limit", "0"), EM_USAGE);
	EQ(unpack_one(list, "limit", "99999999999999999999"), EM_USAGE);
	EQ(unpack_one(list, "sort", "nobody"), EM_USAGE);
	EQ(unpack_one(list, "sort", "-"), EM_USAGE);
	EQ(unpack_one(list, "columns", "node,,node"), EM_USAGE);
	EQ(unpack_one(list, "nothing", ""), EM_USAGE);
	EQ(unpack_one(cmd_get(CMD_CLIENTS_SHOW), "clientid", ""), EM_USAGE);
	EQ(unpack_one(cmd_get(CMD_CLIENTS_SHOW), "x", "y"), EM_USAGE);
	EQ(unpack_one(cmd_get(CMD_CLIENTS_KICK), "clientid", "a"), EM_MALFORMED);
	EQ(unpack_one(cmd_get(CMD_LOG_SET_LEVEL), "level", "debug"), EM_OK);
	EQ(unpack_one(cmd_get(CMD_LOG_SET_LEVEL), "level", "loud"), EM_USAGE);
}

TEST(more_values_than_a_request_may_have_are_refused)
{
	const struct cmd *cmd = cmd_get(CMD_CLIENTS_KICK);
	struct params q = { 0 };
	struct wbuf w = wbuf_growing(1 << 20);
	struct pack_reader r;

	pack_map(&w, 1);
	pack_text(&w, SLICE_LIT("clientid"));
	pack_array(&w, PARAMS_MAX + 1);
	for (unsigned i = 0; i <= PARAMS_MAX; i++)
		pack_text(&w, SLICE_LIT("c"));
	r = pack_reader_of(wbuf_slice(&w));
	EQ(params_unpack(&q, cmd, &r, NULL), EM_USAGE);
	EQ(q.v.n, PARAMS_MAX);
	params_fini(&q);
	wbuf_fini(&w);
}

TEST(a_reading_command_writes_when_told_to)
{
	const struct cmd *cmd = cmd_get(CMD_LOG_PRIMARY_LEVEL);
	struct params p = { 0 };

	EQ(params_check(&p, cmd, NULL), EM_OK);
	OK(!params_is_write(&p));
	EQ(add(&p, cmd, "level", "info"), EM_OK);
	OK(params_is_write(&p));
	EQ(params_int(&p, "level", -1), 1);
	params_fini(&p);
}

TEST(descriptors_change_hands)
{
	const struct cmd *cmd = cmd_get(CMD_TRACE_START);
	struct params p = { 0 };
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC), other = dup(fd);

	EQ(add(&p, cmd, "file", "x.log"), EM_OK);
	EQ(params_take_fd(&p, "file"), -1);
	params_give_fd(&p, "file", fd, SLICE_LIT("/tmp/x.log"));
	OK(slice_eq_str(params_text(&p, "file"), "/tmp/x.log"));
	EQ(params_take_fd(&p, "file"), fd);
	EQ(params_take_fd(&p, "file"), -1);
	close(fd);
	params_give_fd(&p, "file", other, SLICE_LIT("/tmp/y.log"));
	params_fini(&p);
	OK(fcntl(other, F_GETFD) < 0);
}

TEST(a_description_hides_secrets_and_escapes_bytes)
{
	static const struct cmd_arg secret = { .name = "password", .type = CT_SECRET };
	static const struct cmd_arg flag = { .name = "now", .type = CT_FLAG };
	struct params p = { 0 };
	struct str s = { 0 };

	EQ(add(&p, cmd_get(CMD_CLIENTS_SHOW), "clientid", "a\n"), EM_OK);
	EQ(params_add_word(&p, &secret, SLICE_LIT("pw"), NULL), EM_OK);
	EQ(params_add_word(&p, &flag, SLICE_NONE, NULL), EM_OK);
	params_describe(&p, &s);
	STR_EQ(str_get(&s), "clientid=a\\x0a password=****** now=true");
	str_fini(&s);
	params_fini(&p);
}

TEST(each_type_reads_its_words)
{
	static const struct {
		cmd_type type;
		const char *word;
		em_err err;
		int64_t i;
	} t[] = {
		{ CT_LIMIT, "infinity", EM_OK, INT64_MAX },
		{ CT_LIMIT, "12", EM_OK, 12 },
		{ CT_LIMIT, "-1", EM_USAGE, 0 },
		{ CT_BYTES, "64KB", EM_OK, 65536 },
		{ CT_BYTES, "x", EM_USAGE, 0 },
		{ CT_BOOL, "true", EM_OK, 1 },
		{ CT_BOOL, "false", EM_OK, 0 },
		{ CT_BOOL, "yes", EM_USAGE, 0 },
		{ CT_SPAN, "1h30m", EM_OK, 5400000000000 },
		{ CT_SPAN, "3", EM_OK, 3000000000 },
		{ CT_LISTENER, "mqtt:tcp:external", EM_OK, 0 },
		{ CT_LISTENER, "tcp", EM_USAGE, 0 },
		{ CT_INT, "-3", EM_OK, -3 },
		{ CT_INT, "3.5", EM_USAGE, 0 },
		{ CT_NUMBER, "3.5", EM_OK, 0 },
		{ CT_NUMBER, "three", EM_USAGE, 0 },
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct cmd_arg arg = { .name = "x", .type = t[i].type };
		struct params p = { 0 };

		EQ(params_add_word(&p, &arg, slice_str(t[i].word), NULL), t[i].err);
		if (t[i].err == EM_OK)
			EQ(params_int(&p, "x", -7), t[i].i);
		params_fini(&p);
	}
}
