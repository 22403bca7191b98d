/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shutdown: the leave.  net/ ends the connections and client/ sends each what it
 * understands; here is only how long that may take.
 */
#include "emqxd/app/shutdown.h"
#include "emqxd/admin/admin.h"
#include "emqxd/app/app.h"
#include "emqxd/app/doors.h"
#include "emqxd/app/notify.h"
#include "emqxd/core/log.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/worker.h"
#include "emqxd/session/session.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

#define LEAVE_LIMIT span_s(10)
#define BURY_LIMIT span_s(1)

void
shutdown_begin(struct app *a)
{
	if (a->phase == APP_DRAINING)
		a->is_hurried = true;
	a->phase = APP_DRAINING;
}

static bool
are_closed(const struct app *a)
{
	return a->doors == 0;
}

static bool
is_buried(const struct app *a)
{
	(void)a;
	return qsbr_is_idle();
}

/* A letter that goes through the sessions of a worker and comes back. */
struct farewell {
	struct letter letter;
	struct app *app;
	uint64_t at;
};

static void
on_farewell_over(struct letter *l)
{
	struct farewell *f = LIST_OWNER(l, struct farewell, letter);

	f->app->farewells--;
	mem_free(f);
}

static void
on_farewell(struct letter *l)
{
	struct farewell *f = LIST_OWNER(l, struct farewell, letter);

	if (session_farewell(&f->at)) {
		worker_post(worker_self(), l);
		return;
	}
	f->letter.open = on_farewell_over;
	worker_post(worker_main(), l);
}

static bool
are_said(const struct app *a)
{
	return a->farewells == 0;
}

/* Wills that wait for their delay: there will be no session that could publish them. */
static void
say_farewell(struct app *a)
{
	for (unsigned i = 0; i < worker_count(); i++) {
		struct farewell *f = MEM_NEW(struct farewell);

		*f = (struct farewell){ .letter = { .open = on_farewell }, .app = a };
		a->farewells++;
		worker_post(worker_get(i), &f->letter);
	}
	if (!app_turn_until(a, are_said, LEAVE_LIMIT))
		LOG(WARN, "shutdown_cut_short", "workers", a->farewells);
}

void
shutdown_drain(struct app *a)
{
	a->phase = APP_DRAINING;
	notify_send("STOPPING=1");
	admin_set_state(ADMIN_DRAINING, "ending connections");
	doors_close(a);
	if (!app_turn_until(a, are_closed, LEAVE_LIMIT))
		LOG(WARN, "shutdown_cut_short", "listeners", a->doors);
	say_farewell(a);
	(void)app_turn_until(a, is_buried, BURY_LIMIT);
}
