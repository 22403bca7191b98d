/* SPDX-License-Identifier: Apache-2.0 */
/* claim: see claim.h. */
#include "emqxd/session/claim.h"
#include "emqxd/core/loop.h"
#include "emqxd/session/inside.h"

#define A_LOOK 64u /* sessions that are told of between two looks at the clock */

bool
claim_is_on(void)
{
	return session_worker()->remote != NULL;
}

uint64_t
claim_hash(struct slice clientid)
{
	uint64_t hash = hash_sip24(clientid, 0x636c61696d, 0x636c69656e74);

	return hash != 0 ? hash : 1;
}

void
claim_changed(struct slice clientid, bool is_here)
{
	const struct claim_remote *remote = session_worker()->remote;

	if (EM_UNLIKELY(remote != NULL))
		remote->changed(claim_hash(clientid), is_here);
}

/* ---- those who are there already */

static void
tell(struct session *s, void *arg)
{
	(void)arg;
	claim_changed(session_clientid(s), true);
}

static void
on_tell(struct timer *t)
{
	struct session_worker *w = session_worker();

	do {
		if (!registry_step(&w->told, A_LOOK, tell, NULL))
			return;
	} while (!loop_is_late());
	timer_arm(t, span_ms(1), on_tell);
}

void
claim_use(const struct claim_remote *remote)
{
	struct session_worker *w = session_worker();

	w->remote = remote;
	w->told = 0;
	if (remote != NULL)
		timer_arm(&w->tell, span_ms(0), on_tell);
	else
		timer_cancel(&w->tell);
}

/* ---- in their order */

void
claim_begin(struct claim *c)
{
	struct session_worker *w = session_worker();
	struct claim *first = map_find(&w->claims, c->clientid);

	c->next = NULL;
	c->last = c;
	c->is_bringing = false;
	if (first != NULL) {
		first->last->next = c;
		first->last = c;
		return;
	}
	CHECK(w->remote != NULL);
	map_put(&w->claims, c->clientid, c);
	w->remote->claim(c);
}

void
claim_answered(struct claim *c)
{
	struct session_worker *w = session_worker();
	struct claim *next;

	/* Those behind it have nobody to ask when the node is alone again. */
	for (; c != NULL; c = next) {
		CHECK(map_find(&w->claims, c->clientid) == c);
		next = c->next;
		if (next != NULL) {
			next->last = c->last;
			map_put(&w->claims, next->clientid, next);
		} else {
			map_take(&w->claims, c->clientid);
		}
		c->done(c);
		if (next != NULL && w->remote != NULL) {
			w->remote->claim(next);
			return;
		}
	}
}

bool
claim_is_bringing(struct slice clientid)
{
	const struct claim *c = map_find(&session_worker()->claims, clientid);

	return c != NULL && c->is_bringing;
}

void
claim_end(void)
{
	struct session_worker *w = session_worker();
	size_t at = 0;
	void *first;

	claim_use(NULL);
	while (map_next(&w->claims, &at, NULL, &first)) {
		claim_answered(first); /* and those behind it */
		at = 0;
	}
	map_fini(&w->claims);
}
