/* SPDX-License-Identifier: Apache-2.0 */
/* What the writer of JSON writes is JSON. */
#include "ctl/json.h"
#include "tests/unit/tap.h"

#include <cjson/cJSON.h>
#include <math.h>

static void
put_all(struct json *j)
{
	json_open(j, '{');
	json_key(j, "text\"\n");
	json_text(j, SLICE_LIT("a\x1b[31m\"\\\n\xff\xc3\xa9"));
	json_key(j, "list");
	json_open(j, '[');
	json_int(j, -5);
	json_uint(j, UINT64_MAX);
	json_bool(j, true);
	json_null(j);
	json_number(j, 0.1);
	json_number(j, HUGE_VAL);
	json_open(j, '{');
	json_close(j, '}');
	json_close(j, ']');
	json_key(j, "none");
	json_str(j, NULL);
	json_close(j, '}');
}

TEST(compact_json_has_no_blanks)
{
	struct str s = { 0 };
	struct json j = json_of(&s, false);

	put_all(&j);
	STR_EQ(str_get(&s),
	    "{\"text\\\"\\n\":\"a\\u001b[31m\\\"\\\\\\n\xef\xbf\xbd\xc3\xa9\","
	    "\"list\":[-5,18446744073709551615,true,null,0.1,null,{}],"
	    "\"none\":null}");
	str_fini(&s);
}

TEST(another_reader_understands_both_kinds)
{
	for (int pretty = 0; pretty < 2; pretty++) {
		struct str s = { 0 };
		struct json j = json_of(&s, pretty != 0);
		cJSON *read;

		put_all(&j);
		read = cJSON_Parse(str_get(&s));
		OK(read != NULL);
		EQ(cJSON_GetArraySize(cJSON_GetObjectItem(read, "list")), 7);
		cJSON_Delete(read);
		str_fini(&s);
	}
}

TEST(numbers_are_as_short_as_they_can_be)
{
	char buf[JSON_NUMBER_MAX];

	STR_EQ(json_print_number(0.1, buf), "0.1");
	STR_EQ(json_print_number(60, buf), "60");
	STR_EQ(json_print_number(1.5, buf), "1.5");
	STR_EQ(json_print_number(1.0 / 3, buf), "0.3333333333333333");
}
