/* SPDX-License-Identifier: Apache-2.0 */
/* What is printed from the table is complete and well-formed. */
#include "ctl/docs.h"
#include "tests/unit/tap.h"

#include <cjson/cJSON.h>

static struct str s;

static bool
is_public(const struct cmd *cmd)
{
	return (cmd->flags & CMDF_HIDDEN) == 0;
}

TEST(the_manual_has_every_command)
{
	docs_mdoc(&s, SLICE_NONE);
	for (unsigned i = 0; i < CMD_N; i++) {
		struct str it = { 0 };

		str_add(&it, ".It Ic \"");
		cmd_usage(cmd_get((cmd_id)i), &it);
		str_add(&it, "\"\n");
		EQ(strstr(str_get(&s), str_get(&it)) != NULL,
		    is_public(cmd_get((cmd_id)i)));
		str_fini(&it);
	}
	str_reset(&s);
}

TEST(markdown_has_every_command)
{
	docs_markdown(&s);
	for (unsigned i = 0; i < CMD_N; i++) {
		struct str head = { 0 };

		str_addf(&head, "\n## %s\n", cmd_get((cmd_id)i)->path);
		EQ(strstr(str_get(&s), str_get(&head)) != NULL,
		    is_public(cmd_get((cmd_id)i)));
		str_fini(&head);
	}
	str_reset(&s);
}

TEST(json_has_every_command)
{
	struct json j = json_of(&s, true);
	cJSON *read;
	int n = 0;

	docs_json(&j, NULL, 0);
	read = cJSON_Parse(str_get(&s));
	for (unsigned i = 0; i < CMD_N; i++)
		n += is_public(cmd_get((cmd_id)i));
	EQ(cJSON_GetArraySize(read), n);
	STR_EQ(cJSON_GetObjectItem(cJSON_GetArrayItem(read, 0), "command")->valuestring,
	    "status");
	cJSON_Delete(read);
	str_reset(&s);
}

TEST(json_of_a_group_has_the_group_alone)
{
	struct slice word = SLICE_LIT("clients");
	struct json j = json_of(&s, false);
	cJSON *read;

	docs_json(&j, &word, 1);
	read = cJSON_Parse(str_get(&s));
	EQ(cJSON_GetArraySize(read), 3);
	cJSON_Delete(read);
	str_reset(&s);
}

TEST(each_shell_gets_a_script_that_asks_the_tool)
{
	static const char *const shells[] = { "bash", "zsh", "fish" };

	for (size_t i = 0; i < 3; i++) {
		str_reset(&s);
		docs_completion(&s, slice_str(shells[i]));
		OK(strstr(str_get(&s), "__complete") != NULL);
	}
	str_fini(&s);
}
