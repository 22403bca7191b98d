/* SPDX-License-Identifier: Apache-2.0 */
/* share_nodes: see share_nodes.h. */
#include "emqxd/router/share_nodes.h"
#include "emqxd/core/slab.h"
#include "ipc/base/check.h"

static size_t
size_for(uint32_t n)
{
	return sizeof(struct share_nodes) + n * sizeof(struct share_node);
}

size_t
share_nodes_size(const struct share_nodes *t)
{
	return size_for(t->n);
}

static bool
is_none(struct share_count n)
{
	return n.online == 0 && n.offline == 0;
}

struct share_nodes *
share_nodes_with(const struct share_nodes *was, unsigned place, struct share_count n)
{
	struct share_node added = { .place = place, .n = n };
	uint32_t all = is_none(n) ? 0 : 1, at = 0;
	struct share_nodes *now;

	for (uint32_t i = 0; was != NULL && i < was->n; i++)
		all += was->v[i].place != place;
	if (all == 0)
		return NULL;
	now = slab_new(size_for(all));
	now->n = all;
	added.site = nodes_site_of(place);
	for (uint32_t i = 0; was != NULL && i < was->n; i++) {
		if (was->v[i].place == place)
			continue;
		if (!is_none(added.n) && added.site < was->v[i].site) {
			now->v[at++] = added;
			added.n = (struct share_count){ 0, 0 };
		}
		now->v[at++] = was->v[i];
	}
	if (!is_none(added.n))
		now->v[at++] = added;
	CHECK(at == all);
	return now;
}

struct share_count
share_nodes_at(const struct share_nodes *t, unsigned place)
{
	for (uint32_t i = 0; t != NULL && i < t->n; i++)
		if (t->v[i].place == place)
			return t->v[i].n;
	return (struct share_count){ 0, 0 };
}

static bool
may(const struct share_choice *c, unsigned place)
{
	return (c->tried >> place & 1) == 0 && (place == 0 || nodes_is_running(place));
}

static uint32_t
weight(const struct share_choice *c, unsigned place, struct share_count n)
{
	if (!may(c, place))
		return 0;
	return c->by_online ? n.online : n.offline;
}

static uint32_t
sum(const struct share_choice *c)
{
	uint32_t total = weight(c, 0, c->here);

	for (uint32_t i = 0; c->others != NULL && i < c->others->n; i++)
		total += weight(c, c->others->v[i].place, c->others->v[i].n);
	return total;
}

struct share_choice
share_nodes_choice(const struct share_nodes *t, struct share_count here, uint64_t tried)
{
	struct share_choice c = {
		.others = t, .here = here, .tried = tried, .by_online = true
	};

	c.total = sum(&c);
	if (c.total > 0)
		return c;
	c.by_online = false;
	c.total = sum(&c);
	return c;
}

uint32_t
share_nodes_weight(const struct share_choice *c, unsigned place)
{
	return weight(c, place, place == 0 ? c->here : share_nodes_at(c->others, place));
}

unsigned
share_nodes_of(const struct share_choice *c, uint32_t i, uint32_t *offset)
{
	const struct share_nodes *t = c->others;
	uint32_t w = weight(c, 0, c->here), n = t != NULL ? t->n : 0;
	bool is_passed = false; /* this node's place in the order */

	for (uint32_t at = 0; at <= n; at++) {
		uint32_t other;

		if (!is_passed && (at == n || nodes_site() < t->v[at].site)) {
			is_passed = true;
			if (i < w) {
				*offset = i;
				return 0;
			}
			i -= w;
		}
		if (at == n)
			break;
		other = weight(c, t->v[at].place, t->v[at].n);
		if (i < other) {
			*offset = i;
			return t->v[at].place;
		}
		i -= other;
	}
	return NODES_MAX; /* one stopped running meanwhile */
}
