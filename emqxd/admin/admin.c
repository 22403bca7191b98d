/* SPDX-License-Identifier: Apache-2.0 */
/* admin: see admin.h. */
#include "emqxd/admin/admin.h"
#include "ipc/base/mem.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/worker.h"
#include "emqxd/cluster/errand.h"
#include "emqxd/license/license.h"
#include "emqxd/admin/control.h"
#include "emqxd/admin/remote.h"

#include <stdatomic.h>

struct admin {
	struct admin_house house;
	char *node;
	struct control *control;
	mono_t since;
	_Atomic(enum admin_state) state;
	_Atomic(const char *) detail;
};

static struct admin *
self(void)
{
	struct admin *a = node_slot(ROOM_ADMIN);

	CHECK(a != NULL);
	return a;
}

em_err
admin_birth(const struct admin_house *house, struct fault *f)
{
	struct admin *a = MEM_NEW(struct admin);
	em_err err;

	a->house = *house;
	a->node = mem_strdup(house->node);
	a->house.node = a->node;
	a->since = clock_mono();
	atomic_init(&a->state, ADMIN_BOOTING);
	node_slot_set(ROOM_ADMIN, a);
	err = control_open(&a->control, f);
	if (err != EM_OK) {
		admin_death();
		return err;
	}
	return EM_OK;
}

void
admin_death(void)
{
	struct admin *a = node_slot(ROOM_ADMIN);

	if (a == NULL)
		return;
	control_close(&a->control);
	node_slot_set(ROOM_ADMIN, NULL);
	mem_free(a->node);
	mem_free(a);
}

void
admin_worker_birth(void)
{
	if (worker_self()->kind == WORKER_ADMIN) {
		remote_birth(self()->house.rpc);
		control_serve(self()->control);
	}
}

void
admin_worker_death(void)
{
	if (worker_self()->kind == WORKER_ADMIN) {
		remote_stop();
		license_give_up();
		errand_give_up();
		control_stop(self()->control);
		remote_death();
	}
}

void
admin_set_state(enum admin_state state, const char *detail)
{
	struct admin *a = self();

	atomic_store(&a->detail, detail);
	atomic_store(&a->state, state);
}

enum admin_state
admin_get_state(const char **detail)
{
	struct admin *a = self();

	*detail = atomic_load(&a->detail);
	return atomic_load(&a->state);
}

const struct admin_house *
admin_house(void)
{
	return &self()->house;
}

span_t
admin_uptime(void)
{
	return mono_since(clock_mono(), self()->since);
}
