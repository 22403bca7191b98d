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

void
shutdown_drain(struct app *a)
{
	a->phase = APP_DRAINING;
	notify_send("STOPPING=1");
	admin_set_state(ADMIN_DRAINING, "ending connections");
	doors_close(a);
	if (!app_turn_until(a, are_closed, LEAVE_LIMIT))
		LOG(WARN, "shutdown_cut_short", "listeners", a->doors);
	(void)app_turn_until(a, is_buried, BURY_LIMIT);
}
