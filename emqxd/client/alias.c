/* SPDX-License-Identifier: Apache-2.0 */
/* alias: see alias.h. */
#include "emqxd/client/alias.h"
#include "ipc/base/hash.h"
#include "ipc/base/list.h"
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

/* ---- ours */

struct alias_known {
	struct list_node node; /* in the order of use, the oldest first */
	uint16_t alias;
	size_t n;
	uint8_t text[];
};

struct alias_out {
	struct map by_topic; /* -> struct alias_known */
	struct list_node used;
	uint16_t max, given;
};

struct alias_out *
alias_out_new(uint16_t max)
{
	struct alias_out *a = MEM_NEW(struct alias_out);

	a->max = max < ALIAS_OUT_MAX ? max : ALIAS_OUT_MAX;
	list_init(&a->used);
	return a;
}

uint16_t
alias_out_find(struct alias_out *a, struct slice topic, bool *is_known)
{
	struct alias_known *k = map_find(&a->by_topic, topic);

	*is_known = k != NULL;
	if (k != NULL) {
		list_del(&k->node);
		list_push(&a->used, &k->node);
		return k->alias;
	}
	if (topic.n > ALIAS_OUT_TOPIC)
		return 0;
	if (a->given < a->max)
		return (uint16_t)(a->given + 1);
	return LIST_OWNER(a->used.next, struct alias_known, node)->alias;
}

static void
forget(struct alias_out *a, struct alias_known *k)
{
	list_del(&k->node);
	mem_free(map_take(&a->by_topic, slice_of(k->text, k->n)));
}

void
alias_out_set(struct alias_out *a, uint16_t alias, struct slice topic)
{
	struct alias_known *k;

	if (alias > a->given)
		a->given = alias;
	else
		forget(a, LIST_OWNER(a->used.next, struct alias_known, node));
	k = mem_new(sizeof *k + topic.n);
	k->alias = alias;
	k->n = topic.n;
	memcpy(k->text, topic.p, topic.n);
	list_push(&a->used, &k->node);
	map_put(&a->by_topic, slice_of(k->text, k->n), k);
}

void
alias_out_free(struct alias_out **ap)
{
	struct alias_out *a = *ap;

	if (a == NULL)
		return;
	while (!list_is_empty(&a->used))
		forget(a, LIST_OWNER(a->used.next, struct alias_known, node));
	map_fini(&a->by_topic);
	MEM_FREE(*ap);
}
