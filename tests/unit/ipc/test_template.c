/* SPDX-License-Identifier: Apache-2.0 */
/* Line shapes: what their notation means, and what is refused. */
#include "ipc/template.h"
#include "tests/unit/tap.h"

static const struct cmd *
clients(void)
{
	return cmd_get(CMD_CLIENTS_LIST);
}

TEST(parts_come_in_order)
{
	struct slice rest = SLICE_LIT("C({clientid:30}[?, at={created_at!ms}?])");
	struct template_part p = template_next(clients(), &rest);

	EQ(p.kind, TEMPLATE_TEXT);
	OK(slice_eq_str(p.text, "C("));
	p = template_next(clients(), &rest);
	EQ(p.kind, TEMPLATE_CELL);
	EQ(p.col, 0);
	EQ(p.width, 30);
	EQ(template_next(clients(), &rest).kind, TEMPLATE_OPEN);
	EQ(template_next(clients(), &rest).kind, TEMPLATE_TEXT);
	p = template_next(clients(), &rest);
	EQ(p.kind, TEMPLATE_CELL);
	EQ(p.form, FORM_MS);
	EQ(template_next(clients(), &rest).kind, TEMPLATE_CLOSE);
	EQ(template_next(clients(), &rest).kind, TEMPLATE_TEXT);
	EQ(template_next(clients(), &rest).kind, TEMPLATE_END);
	EQ(template_next(clients(), &rest).kind, TEMPLATE_END);
}

TEST(bad_shapes_are_seen)
{
	static const char *const bad[] = { "{nobody}", "{clientid", "{clientid!zz}",
		"{clientid:x}", "{clientid:1000}", "[?", "?]", "[?[??]?]", "{}", "{" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		OK(!template_is_good(clients(), bad[i]));
	OK(template_is_good(clients(), ""));
	OK(template_is_good(clients(), "a [b] ? } ["));
}
