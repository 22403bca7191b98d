/* SPDX-License-Identifier: Apache-2.0 */
/* alias: see alias.h. */
#include "emqxd/client/alias.h"
#include "ipc/base/hash.h"
#include "ipc/base/mem.h"

struct alias_in {
	struct map by_alias; /* two bytes -> struct alias_topic */
	size_t bytes;        /* of all topics */
};

struct alias_topic {
	size_t n;
	uint8_t text[];
};

static struct slice
key_of(const uint16_t *alias)
{
	return slice_of(alias, sizeof *alias);
}

em_err
alias_set(struct alias_in **ap, uint16_t alias, struct slice topic, size_t max)
{
	size_t before = alias_get(*ap, alias).n;
	struct alias_topic *t;

	if (*ap == NULL)
		*ap = MEM_NEW(struct alias_in);
	if ((*ap)->bytes - before + topic.n > max)
		return EM_FULL;
	t = mem_try(sizeof *t + topic.n);
	if (t == NULL)
		return EM_FULL;
	t->n = topic.n;
	memcpy(t->text, topic.p, topic.n);
	(*ap)->bytes += topic.n - before;
	mem_free(map_put(&(*ap)->by_alias, key_of(&alias), t));
	return EM_OK;
}

struct slice
alias_get(const struct alias_in *a, uint16_t alias)
{
	const struct alias_topic *t =
	    a != NULL ? map_find(&a->by_alias, key_of(&alias)) : NULL;

	return t != NULL ? slice_of(t->text, t->n) : SLICE_NONE;
}

void
alias_free(struct alias_in **ap)
{
	size_t at = 0;
	struct slice key;
	void *t;

	if (*ap == NULL)
		return;
	while (map_next(&(*ap)->by_alias, &at, &key, &t))
		mem_free(t);
	map_fini(&(*ap)->by_alias);
	MEM_FREE(*ap);
}
