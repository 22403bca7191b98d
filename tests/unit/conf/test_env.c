/* SPDX-License-Identifier: Apache-2.0 */
/* The environment above the file. */
#include "tests/unit/conf/fixture.h"

#define ENV(...) ((char *const[]){ __VA_ARGS__, NULL })

TEST(a_variable_is_over_the_file)
{
	struct loaded l = fixture_load("mqtt.max_inflight = 5\n",
	    ENV((char[]){ "EMQX_MQTT__MAX_INFLIGHT=6" },
		(char[]){ "EMQX_LISTENERS__TCP__DEFAULT__BIND=127.0.0.1:0" },
		(char[]){ "EMQX_MQTT__MQUEUE_PRIORITIES={\"t/1\" = 3}" },
		(char[]){ "EMQX_NODE__NAME=n#1" }, (char[]){ "PATH=/bin" }),
	    NULL);

	OK(strstr(str_get(&l.text), "EMQX_NODE__NAME: node.name") != NULL);
	fixture_free(&l);
	l = fixture_load("mqtt.max_inflight = 5\n",
	    ENV((char[]){ "EMQX_MQTT__MAX_INFLIGHT=6" },
		(char[]){ "EMQX_LISTENERS__TCP__DEFAULT__BIND=127.0.0.1:0" },
		(char[]){ "EMQX_MQTT__MQUEUE_PRIORITIES={\"t/1\" = 3}" }),
	    NULL);
	EQ(fixture_zone(&l, "default")->max_inflight, 6);
	EQ(fixture_zone(&l, "default")->mqueue_priorities.n, 1);
	EQ(fixture_listener(&l, "tcp:default")->bind.port, 0);
	fixture_free(&l);
}

TEST(a_name_of_4x_is_a_variable_too)
{
	struct loaded l = fixture_load(
	    NULL, ENV((char[]){ "EMQX_ZONE__EXTERNAL__MAX_MQUEUE_LEN=2000" }), NULL);

	EQ(fixture_zone(&l, "external")->max_mqueue_len, 2000);
	STR_EQ(fixture_listener(&l, "tcp:default")->zone, "external");
	fixture_free(&l);
}

TEST(a_guard_in_the_environment_stops_the_start)
{
	struct loaded l =
	    fixture_load(NULL, ENV((char[]){ "EMQX_ALLOW_ANONYMOUS=false" }), NULL);

	OK(l.err != EM_OK);
	EQ(l.report.fault.n, 1);
	STR_EQ(l.report.fault.p[0].where, "EMQX_ALLOW_ANONYMOUS");
	OK(strstr(l.report.fault.p[0].text, "not built yet") != NULL);
	fixture_free(&l);
	l = fixture_load(
	    NULL, ENV((char[]){ "EMQX_AUTHENTICATION__1__ENABLE=true" }), NULL);
	OK(l.err != EM_OK);
	fixture_free(&l);
	l = fixture_load("authentication = [{enable = true}]",
	    ENV((char[]){ "EMQX_AUTHENTICATION__1__ENABLE=false" }), NULL);
	EQ(l.err, EM_OK);
	fixture_free(&l);
}

TEST(emqx_socket_is_the_tools)
{
	struct loaded l = fixture_load(NULL, ENV((char[]){ "EMQX_SOCKET=/tmp/x" }), NULL);

	EQ(l.err, EM_OK);
	EQ(l.report.warning.n, 0);
	fixture_free(&l);
}

TEST(unknown_variables_get_one_warning)
{
	struct loaded l = fixture_load(NULL,
	    ENV((char[]){ "EMQX_FOO=1" }, (char[]){ "EMQX_A__B=2" },
		(char[]){ "EMQX_=3" }, (char[]){ "EMQX_X\x1b__Y=4" }),
	    NULL);

	EQ(l.err, EM_OK);
	EQ(l.report.warning.n, 1);
	OK(strstr(l.report.warning.p[0].text,
	       "EMQX_FOO, EMQX_A__B, EMQX_, EMQX_X\\x1b__Y") != NULL);
	fixture_free(&l);
}

TEST(an_unknown_variable_gets_the_nearest)
{
	struct loaded l =
	    fixture_load(NULL, ENV((char[]){ "EMQX_MQTT__MAX_INFLIGT=6" }), NULL);

	STR_EQ(l.report.warning.p[0].hint, "did you mean EMQX_MQTT__MAX_INFLIGHT?");
	fixture_free(&l);
}

TEST(a_value_with_a_hash_or_a_comma_is_whole)
{
	struct loaded l = fixture_load(
	    NULL, ENV((char[]){ "EMQX_MQTT__RESPONSE_INFORMATION=a, b # c" }), NULL);

	STR_EQ(fixture_zone(&l, "default")->response_information, "a, b # c");
	fixture_free(&l);
}

TEST(a_variable_that_is_no_hocon_is_a_fault)
{
	struct loaded l = fixture_load(
	    NULL, ENV((char[]){ "EMQX_MQTT__MQUEUE_PRIORITIES={\"t\" = " }), NULL);

	OK(l.err != EM_OK);
	OK(strstr(str_get(&l.text), "EMQX_MQTT__MQUEUE_PRIORITIES") != NULL);
	fixture_free(&l);
}

TEST(a_maps_name_may_stand_in_a_variable)
{
	struct loaded l =
	    fixture_load(NULL, ENV((char[]){ "EMQX_LOG__ROOMS__NET=debug" }), NULL);

	EQ(fixture_core(&l)->log_rooms.n, 1);
	STR_EQ(fixture_core(&l)->log_rooms.pair[0].name, "net");
	fixture_free(&l);
}
