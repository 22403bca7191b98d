/* SPDX-License-Identifier: Apache-2.0 */
/* given: see given.h. */
#include "emqxd/client/given.h"
#include "emqxd/session/exclusive.h"
#include "emqxd/session/registry.h"
#include "ipc/base/mem.h"

struct given {
	struct exclusive_claim claim; /* first */
	struct subopts opts;
	client_given_fn *done;
	void *arg;
	uint8_t bytes[]; /* filter, client id */
};

/* Its session may have ended, or be another one. */
static void
on_claimed(struct exclusive_claim *c, em_err err)
{
	struct given *g = (struct given *)c;

	if (err == EM_OK) {
		struct session *s = registry_find(c->clientid);

		err = s != NULL ? session_subscribe(s, SLICE_NONE, c->filter, g->opts)
				: EM_NOTFOUND;
		if (err != EM_OK)
			exclusive_unclaim(c);
	}
	if (g->done != NULL)
		g->done(g->arg, err);
	mem_free(g);
}

em_err
given_subscribe(struct session *s, const struct topic_filter *t, struct subopts o,
    client_given_fn *done, void *arg)
{
	struct slice id = session_clientid(s);
	struct given *g;
	em_err err;

	if (!o.exclusive || !exclusive_has_others())
		return session_subscribe(s, t->group, t->filter, o);
	g = mem_new(sizeof *g + t->filter.n + id.n);
	*g = (struct given){ .opts = o, .done = done, .arg = arg };
	memcpy(g->bytes, t->filter.p, t->filter.n);
	memcpy(g->bytes + t->filter.n, id.p, id.n);
	g->claim.filter = slice_of(g->bytes, t->filter.n);
	g->claim.clientid = slice_of(g->bytes + t->filter.n, id.n);
	g->claim.done = on_claimed;
	err = exclusive_claim(&g->claim);
	if (err == EM_OK)
		return EM_AGAIN;
	mem_free(g);
	return err;
}
