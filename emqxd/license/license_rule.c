/* SPDX-License-Identifier: Apache-2.0 */
/* license_rule: see license_rule.h. */
#include "emqxd/license/license_rule.h"
#include "emqxd/license/license_date.h"

#define EXACT_UP_TO 25u

int64_t
license_rule_days_left(const struct license_key *k, int64_t today)
{
	return k->end - today;
}

static enum license_state
state_behind(const struct license_key *k, int64_t left)
{
	/* An evaluation is a trial, whatever the type says. */
	if (k->type != LICENSE_OFFICIAL || k->customer_type == LICENSE_EVALUATION)
		return LICENSE_CLOSED;
	if (k->customer_type != LICENSE_SMALL)
		return LICENSE_OVER;
	return left < -LICENSE_RULE_GRACE_DAYS ? LICENSE_CLOSED : LICENSE_GRACE;
}

enum license_state
license_rule_state(const struct license_key *k, int64_t today)
{
	int64_t left;

	if (k == NULL)
		return LICENSE_NONE;
	left = license_rule_days_left(k, today);
	if (left < 0)
		return state_behind(k, left);
	return left < LICENSE_RULE_SOON_DAYS ? LICENSE_SOON : LICENSE_GOOD;
}

const char *
license_rule_state_name(enum license_state s)
{
	switch (s) {
	case LICENSE_NONE: return "community edition";
	case LICENSE_GOOD: return "valid";
	case LICENSE_SOON: return "expires soon";
	case LICENSE_GRACE: return "expired, in its days of grace";
	case LICENSE_OVER: return "expired";
	case LICENSE_CLOSED: return "expired, new clients are refused";
	}
	UNREACHABLE();
}

void
license_rule_remark(const struct license_key *k, int64_t today, struct str *out)
{
	enum license_state state = license_rule_state(k, today);
	char day[LICENSE_DATE_TEXT];

	if (state == LICENSE_NONE)
		return;
	if (k->start > today) /* EMQX looks at the last day alone, too */
		str_addf(out, "the licence begins on %s, and holds already",
		    license_date_print(k->start, day));
	else if (state != LICENSE_GOOD)
		str_addf(out, "the licence %s good until %s: %s",
		    license_rule_days_left(k, today) < 0 ? "was" : "is",
		    license_date_print(k->end, day), license_rule_state_name(state));
}

uint64_t
license_rule_ceiling(uint64_t max)
{
	return max <= EXACT_UP_TO ? max : max + (max + 9) / 10;
}
