/* SPDX-License-Identifier: Apache-2.0 */
/* client: what the room keeps by worker; see client.h and channel.h. */
#include "emqxd/client/client.h"
#include "emqxd/client/channel.h"
#include "emqxd/client/rewrite.h"
#include "emqxd/core/worker.h"
#include "emqxd/session/claim.h"
#include "ipc/base/mem.h"

struct client_worker *
client_worker(void)
{
	return worker_slot(ROOM_CLIENT);
}

struct client_node *
client_node(void)
{
	return node_slot(ROOM_CLIENT);
}

void
client_birth(void)
{
	node_slot_set(ROOM_CLIENT, MEM_NEW(struct client_node));
	rewrite_configure();
}

void
client_configure(void)
{
	rewrite_configure();
}

void
client_death(void)
{
	struct client_node *n = client_node();

	rewrite_death();
	node_slot_set(ROOM_CLIENT, NULL);
	mem_free(n);
}

void
client_worker_birth(void)
{
	worker_self()->slot[ROOM_CLIENT] = MEM_NEW(struct client_worker);
}

static void
end_at_death(struct conn *c, void *arg)
{
	(void)arg;
	conn_end(c, END_SERVER_SHUTTING_DOWN, END_BY_SERVER, NULL);
}

/* Who is still connected, where there was no time to stop the listeners, goes while
 * there are sessions to leave. */
void
client_worker_death(void)
{
	struct client_worker *w = client_worker();

	conn_each(end_at_death, NULL);
	claim_end();
	for (unsigned i = 0; i < WORKER_ALL_MAX; i++) {
		VEC_FINI(&w->waiting[i].channels);
		VEC_FINI(&w->waiting[i].going);
	}
	mem_free(w->scratch);
	str_fini(&w->topic);
	str_fini(&w->rewritten);
	str_fini(&w->mountpoint);
	mem_free(w);
	worker_self()->slot[ROOM_CLIENT] = NULL;
}

uint8_t *
client_scratch(size_t n)
{
	struct client_worker *w = client_worker();

	if (n > w->scratch_n || w->scratch == NULL) {
		w->scratch_n = n < 4096 ? 4096 : n;
		w->scratch = mem_grow(w->scratch, w->scratch_n);
	}
	return w->scratch;
}
