/* SPDX-License-Identifier: Apache-2.0 */
/* link_refused: see link_refused.h. */
#include "emqxd/link/link_refused.h"
#include "ipc/base/hash.h"

static uint64_t
hash_of(struct slice who)
{
	uint64_t hash = hash_sip24(who, 0, 0);

	return hash != 0 ? hash : 1;
}

bool
link_refused_is_news(
    struct link_refused *t, struct slice who, em_err err, mono_t now, uint64_t *more)
{
	uint64_t hash = hash_of(who);
	unsigned at = 0;

	*more = 0;
	for (unsigned i = 0; i < LINK_REFUSED_MAX; i++) {
		if (t->item[i].who == hash) {
			at = i;
			break;
		}
		if (t->item[i].seen.ns < t->item[at].seen.ns)
			at = i;
	}
	t->item[at].seen = now;
	if (t->item[at].who == hash && t->item[at].err == err &&
	    mono_since(now, t->item[at].told).ns < LINK_REFUSED_AGAIN.ns) {
		t->item[at].more++;
		return false;
	}
	if (t->item[at].who == hash)
		*more = t->item[at].more;
	t->item[at].who = hash;
	t->item[at].err = err;
	t->item[at].told = now;
	t->item[at].more = 0;
	return true;
}

void
link_refused_forget(struct link_refused *t, struct slice who)
{
	uint64_t hash = hash_of(who);

	for (unsigned i = 0; i < LINK_REFUSED_MAX; i++)
		if (t->item[i].who == hash)
			t->item[i].who = 0;
}
