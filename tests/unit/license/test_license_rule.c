/* SPDX-License-Identifier: Apache-2.0 */
/* license_rule: what is allowed on a day. */
#include "emqxd/license/license_rule.h"
#include "tests/unit/tap.h"

static enum license_state
state(enum license_type type, unsigned customer, int64_t left)
{
	struct license_key k = { .type = type, .customer_type = customer, .end = 1000 };

	return license_rule_state(&k, 1000 - left);
}

TEST(it_is_good_up_to_and_with_its_last_day)
{
	EQ(state(LICENSE_TRIAL, 1, 30), LICENSE_GOOD);
	EQ(state(LICENSE_TRIAL, 1, 29), LICENSE_SOON);
	EQ(state(LICENSE_TRIAL, 1, 0), LICENSE_SOON);
	EQ(state(LICENSE_TRIAL, 1, -1), LICENSE_CLOSED);
	EQ(license_rule_state(NULL, 0), LICENSE_NONE);
}

TEST(grace_is_by_kind)
{
	EQ(state(LICENSE_COMMUNITY, 11, -1), LICENSE_CLOSED);
	EQ(state(LICENSE_OFFICIAL, LICENSE_EVALUATION, -1), LICENSE_CLOSED);
	EQ(state(LICENSE_OFFICIAL, LICENSE_SMALL, -1), LICENSE_GRACE);
	EQ(state(LICENSE_OFFICIAL, LICENSE_SMALL, -90), LICENSE_GRACE);
	EQ(state(LICENSE_OFFICIAL, LICENSE_SMALL, -91), LICENSE_CLOSED);
	EQ(state(LICENSE_OFFICIAL, 1, -1), LICENSE_OVER);
	EQ(state(LICENSE_OFFICIAL, 3, -5000), LICENSE_OVER);
}

static const char *
remark(enum license_type type, int64_t start, int64_t end, struct str *text)
{
	struct license_key k = {
		.type = type, .customer_type = 1, .start = start, .end = end
	};

	str_reset(text);
	license_rule_remark(&k, 1000, text);
	return str_get(text);
}

TEST(what_is_to_be_known_is_a_sentence)
{
	struct str text = { 0 };

	STR_EQ(remark(LICENSE_OFFICIAL, 900, 2000, &text), "");
	STR_EQ(remark(LICENSE_OFFICIAL, 1000, 2000, &text), "");
	STR_EQ(remark(LICENSE_OFFICIAL, 1001, 2000, &text),
	    "the licence begins on 1972-09-28, and holds already");
	STR_EQ(remark(LICENSE_OFFICIAL, 900, 1010, &text),
	    "the licence is good until 1972-10-07: expires soon");
	STR_EQ(remark(LICENSE_OFFICIAL, 900, 999, &text),
	    "the licence was good until 1972-09-26: expired");
	str_reset(&text);
	license_rule_remark(NULL, 1000, &text);
	STR_EQ(str_get(&text), "");
	str_fini(&text);
}

TEST(a_tenth_more_comes_over_25)
{
	EQ(license_rule_ceiling(0), 0);
	EQ(license_rule_ceiling(25), 25);
	EQ(license_rule_ceiling(26), 29); /* 28.6 */
	EQ(license_rule_ceiling(100), 110);
	EQ(license_rule_ceiling(1001), 1102);
}

TEST(each_state_has_a_name)
{
	for (unsigned s = LICENSE_NONE; s <= LICENSE_CLOSED; s++)
		OK(license_rule_state_name((enum license_state)s)[0] != '\0');
}
