/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of alarms. */
#include "emqxd/core/alarm.h"
#include "emqxd/core/worker.h"
#include "tests/unit/tap.h"

#include <stdio.h>

static unsigned raised, cleared;

static void
on_alarm(const struct alarm *a)
{
	*(a->cleared.ns == 0 ? &raised : &cleared) += 1;
}

static void
begin(unsigned history)
{
	const struct alarm_limits limits = { history, SPAN_INFINITE };

	raised = cleared = 0;
	worker_init(1);
	alarm_birth();
	alarm_configure(&limits);
	alarm_tell(on_alarm);
}

static void
end(void)
{
	alarm_death();
	worker_fini();
}

TEST(an_alarm_is_raised_once_and_cleared_once_and_remembered)
{
	struct alarm a;

	begin(10);
	OK(!alarm_clear("disk"));
	OK(alarm_raise("disk", NULL, "%d left", 3));
	OK(!alarm_raise("disk", NULL, "%d left", 2));
	OK(alarm_is_active("disk") && alarm_count() == 1);
	OK(alarm_get(0, &a));
	STR_EQ(a.name, "disk");
	STR_EQ(a.message, "3 left");
	STR_EQ(a.details, "{}");
	EQ(a.cleared.ns, 0);
	OK(alarm_clear("disk"));
	OK(!alarm_is_active("disk") && alarm_count() == 0);
	OK(alarm_get(0, &a) && a.cleared.ns != 0);
	OK(!alarm_get(1, &a));
	EQ(raised, 1);
	EQ(cleared, 1);
	alarm_forget();
	OK(!alarm_get(0, &a));
	end();
}

TEST(the_history_is_bounded_newest_first_behind_the_active_ones)
{
	char name[8];
	struct alarm a;

	begin(3);
	OK(alarm_raise("active", "{\"a\":1}", "x"));
	for (unsigned i = 0; i < 6; i++) {
		snprintf(name, sizeof name, "n%u", i);
		OK(alarm_raise(name, NULL, "x"));
		OK(alarm_clear(name));
	}
	OK(alarm_get(0, &a));
	STR_EQ(a.name, "active");
	OK(alarm_get(1, &a));
	STR_EQ(a.name, "n5");
	OK(alarm_get(3, &a));
	STR_EQ(a.name, "n3");
	OK(!alarm_get(4, &a));
	end();
}
