/* SPDX-License-Identifier: Apache-2.0 */
/* rpc: see rpc.h. */
#include "emqxd/link/rpc.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "emqxd/core/log.h"
#include "emqxd/core/worker.h"
#include "emqxd/link/link.h"
#include "emqxd/model/nodes.h"

#include <stdatomic.h>

struct rpc {
	const struct rpc_serve *serve;
	struct link_house *house; /* of the link thread, while it turns; or NULL */
	_Atomic size_t waiting;   /* bytes on their way to the office */
};

/* A piece between the two threads. */
struct rpc_letter {
	struct letter letter;
	char *node;
	size_t n;
	uint8_t bytes[];
};

/* NULL: the rooms go, or there is none. */
static struct rpc *
self(void)
{
	return node_slot(ROOM_RPC);
}

/* Posts a copy; false: there is no memory for it. */
static bool
post(struct worker *to, void (*open)(struct letter *l), struct slice node,
    struct slice piece)
{
	struct rpc_letter *l = mem_try(sizeof *l + piece.n);

	if (l == NULL)
		return false;
	*l = (struct rpc_letter){ .letter = { .open = open }, .n = piece.n };
	l->node = mem_dup(node.p, node.n);
	if (piece.n > 0)
		memcpy(l->bytes, piece.p, piece.n);
	worker_post(to, &l->letter);
	return true;
}

static void
free_letter(struct rpc_letter *l)
{
	mem_free(l->node);
	mem_free(l);
}

/* ---- on the admin thread */

static void
on_lost(struct letter *letter)
{
	struct rpc_letter *l = LIST_OWNER(letter, struct rpc_letter, letter);

	if (self() != NULL)
		self()->serve->lost(slice_str(l->node));
	free_letter(l);
}

static void
on_piece(struct letter *letter)
{
	struct rpc_letter *l = LIST_OWNER(letter, struct rpc_letter, letter);
	struct rpc *rpc = self();

	if (rpc != NULL) {
		atomic_fetch_sub(&rpc->waiting, l->n);
		rpc->serve->receive(slice_str(l->node), slice_of(l->bytes, l->n));
	}
	free_letter(l);
}

/* ---- on the link thread */

static void
tell_lost(struct slice node)
{
	if (!post(worker_admin(), on_lost, node, SLICE_NONE))
		LOG(ERROR, "rpc_no_memory", "bytes", node.n);
}

static void
on_send(struct letter *letter)
{
	struct rpc_letter *l = LIST_OWNER(letter, struct rpc_letter, letter);
	struct link_house *house = self() != NULL ? self()->house : NULL;
	struct link_peer *p =
	    house != NULL ? link_peer_find(house, slice_str(l->node)) : NULL;

	if (p == NULL ||
	    link_send(p, LINK_CTL, LINK_RPC, slice_of(l->bytes, l->n)) != EM_OK)
		tell_lost(slice_str(l->node));
	free_letter(l);
}

static void
on_frame(struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	struct rpc *rpc = arg;
	struct slice name = slice_str(link_peer_name(from));

	(void)ask;
	if (atomic_load(&rpc->waiting) + body.n <= RPC_WAITING_MAX &&
	    post(worker_admin(), on_piece, name, body)) {
		atomic_fetch_add(&rpc->waiting, body.n);
		return;
	}
	LOG(WARN, "rpc_full", "node", link_peer_name(from), "bytes", body.n);
	tell_lost(name);
}

static void
on_event(struct link_peer *p, enum link_event event, void *arg)
{
	(void)arg;
	if (event == LINK_CTL_DOWN || event == LINK_UNREACHABLE)
		tell_lost(slice_str(link_peer_name(p)));
}

void
rpc_worker_birth(struct link_house *house)
{
	self()->house = house;
	link_on(house, LINK_RPC, on_frame, self());
	link_on_peer(house, on_event, NULL);
}

void
rpc_worker_death(void)
{
	self()->house = NULL;
}

/* ---- on main */

void
rpc_birth(const struct rpc_serve *serve)
{
	struct rpc *rpc = MEM_NEW(struct rpc);

	rpc->serve = serve;
	atomic_init(&rpc->waiting, 0);
	node_slot_set(ROOM_RPC, rpc);
}

void
rpc_death(void)
{
	struct rpc *rpc = self();

	node_slot_set(ROOM_RPC, NULL);
	mem_free(rpc);
}

/* ---- asking */

em_err
rpc_send(const char *node, struct slice piece)
{
	unsigned place = nodes_find(slice_str(node));

	if (place == NODES_MAX || place == 0 || !nodes_is_running(place))
		return EM_UNREACHABLE;
	return post(worker_link(), on_send, slice_str(node), piece) ? EM_OK : EM_NOMEM;
}
