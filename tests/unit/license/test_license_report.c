/* SPDX-License-Identifier: Apache-2.0 */
/* license_report: what became of a licence here, for who asks early, late or in vain. */
#include "emqxd/core/worker.h"
#include "emqxd/license/inside.h"
#include "ipc/base/mem.h"
#include "tests/unit/tap.h"

#define LIMIT span_ms(20)

static struct license room;
static struct str told; /* "ok /copy /backup hash;" or "timeout sentence;" */

static void
begin(void)
{
	worker_init(1);
	worker_act_as(worker_admin());
	room = (struct license){ .said = LICENSE_NONE };
	list_init(&room.waiting);
	node_slot_set(ROOM_LICENSE, &room);
	str_reset(&told);
}

static void
end(void)
{
	license_report_stop(&room);
	license_report_death(&room);
	license_file_kept_fini(&room.kept);
	fault_clear(&room.copy_fault);
	node_slot_set(ROOM_LICENSE, NULL);
	worker_act_as(NULL);
	worker_fini();
	str_fini(&told);
}

static void
on_report(void *arg, const struct license_report *r)
{
	(void)arg;
	if (r->err != EM_OK)
		str_addf(&told, "%s %s;", err_name(r->err), r->why);
	else
		str_addf(&told, "ok %s %s %s;", r->copy, r->backup, r->hash);
}

static void
ask(int64_t at)
{
	license_report((wall_t){ at }, LIMIT, on_report, NULL);
}

static void
came(int64_t at, em_err err, const char *why)
{
	struct fault f = { .err = EM_OK };

	if (err != EM_OK)
		fault_set(&f, err, "%s", why);
	else
		room.asked++;
	license_report_news(&room, (wall_t){ at }, &f);
	license_report_look(&room);
	fault_clear(&f);
}

static void
copied(const char *path, const char *backup)
{
	license_file_kept_fini(&room.kept);
	fault_clear(&room.copy_fault);
	str_add(&room.kept.path, path);
	str_add(&room.kept.backup, backup);
	strcpy(room.kept.hash, "abc");
	room.done = room.asked;
	license_report_look(&room);
}

TEST(who_asks_early_waits_for_the_copy)
{
	begin();
	ask(7);
	STR_EQ(str_get(&told), "");
	came(7, EM_OK, NULL);
	STR_EQ(str_get(&told), "");
	copied("/c", "/b");
	STR_EQ(str_get(&told), "ok /c /b abc;");
	ask(7);
	STR_EQ(str_get(&told), "ok /c /b abc;ok /c /b abc;");
	end();
}

TEST(one_that_is_not_accepted_says_why_at_once)
{
	begin();
	ask(7);
	came(7, EM_DENIED, "invalid_signature");
	STR_EQ(str_get(&told), "denied invalid_signature;");
	end();
}

TEST(a_disk_that_refuses_is_said)
{
	begin();
	came(7, EM_OK, NULL);
	fault_set(&room.copy_fault, EM_FULL, "no room");
	room.done = room.asked;
	ask(7);
	STR_EQ(str_get(&told),
	    "full the licence is in force, and this node has no copy of it: no room;");
	end();
}

TEST(one_that_another_came_behind_has_no_backup_of_its_own)
{
	begin();
	came(7, EM_OK, NULL);
	came(8, EM_OK, NULL);
	copied("/c", "/b");
	ask(7);
	ask(8);
	STR_EQ(str_get(&told), "ok /c  abc;ok /c /b abc;");
	end();
}

TEST(who_asks_in_vain_is_told_in_time)
{
	begin();
	for (int i = 1; i <= 9; i++) /* the first one is forgotten by then */
		came(i, EM_OK, NULL);
	copied("/c", "");
	ask(1);
	ask(99);
	STR_EQ(str_get(&told), "");
	worker_self()->now.ns += 2 * LIMIT.ns;
	while (wheel_run(worker_self()->wheel, worker_self()->now))
		;
	STR_EQ(str_get(&told), "timeout this node has not got it yet;"
			       "timeout this node has not got it yet;");
	ask(0);
	OK(strstr(str_get(&told), "ok /c  abc;") != NULL);
	end();
}
