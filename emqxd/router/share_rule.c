/* SPDX-License-Identifier: Apache-2.0 */
/* share_rule: see share_rule.h. */
#include "emqxd/router/share_rule.h"
#include "ipc/base/check.h"
#include "ipc/base/mem.h"

struct rule {
	char *name;
	enum share_strategy strategy, sticky_pick;
};

struct share_rules {
	uint32_t generation; /* 1, 2, ... */
	struct rule other;   /* of all groups that have no rule; no name */
	size_t n;
	struct rule of[];
};

/* ---- what a group keeps: generation, strategy, sticky pick */

static uint64_t
pack(uint32_t generation, const struct rule *r)
{
	return (uint64_t)generation << 16 | (uint64_t)r->strategy << 8 |
	       (uint64_t)r->sticky_pick;
}

static struct rule
rule_of(const struct share_rules *rules, struct slice group)
{
	struct rule r = rules->other;

	for (size_t i = 0; i < rules->n; i++) {
		if (!slice_eq_str(group, rules->of[i].name))
			continue;
		if (rules->of[i].strategy != SHARE_INHERITS)
			r.strategy = rules->of[i].strategy;
		if (rules->of[i].sticky_pick != SHARE_INHERITS)
			r.sticky_pick = rules->of[i].sticky_pick;
	}
	return r;
}

static uint64_t
look(const struct share_rules *rules, share_seen *seen, struct slice group)
{
	uint64_t v = atomic_load_explicit(seen, memory_order_relaxed);
	struct rule r;

	if (EM_LIKELY(v >> 16 == rules->generation))
		return v;
	r = rule_of(rules, group);
	v = pack(rules->generation, &r);
	atomic_store_explicit(seen, v, memory_order_relaxed);
	return v;
}

enum share_strategy
share_rule_strategy(const struct share_rules *rules, share_seen *seen, struct slice group)
{
	return rules == NULL
		   ? SHARE_ROUND_ROBIN
		   : (enum share_strategy)(look(rules, seen, group) >> 8 & 0xff);
}

enum share_strategy
share_rule_sticky_pick(
    const struct share_rules *rules, share_seen *seen, struct slice group)
{
	return rules == NULL ? SHARE_RANDOM
			     : (enum share_strategy)(look(rules, seen, group) & 0xff);
}

/* ---- the table */

struct share_rules *
share_rules_new(const struct share_conf *v, size_t n, enum share_strategy strategy,
    enum share_strategy sticky_pick, uint32_t generation)
{
	struct share_rules *rules = mem_new(sizeof *rules + n * sizeof rules->of[0]);

	rules->generation = generation;
	rules->other = (struct rule){ .strategy = strategy, .sticky_pick = sticky_pick };
	for (size_t i = 0; i < n; i++)
		rules->of[rules->n++] = (struct rule){ .name = mem_strdup(v[i].name),
			.strategy = v[i].strategy,
			.sticky_pick = v[i].sticky_pick };
	return rules;
}

uint32_t
share_rules_generation(const struct share_rules *rules)
{
	return rules != NULL ? rules->generation : 0;
}

void
share_rules_free(struct share_rules *rules)
{
	if (rules == NULL)
		return;
	for (size_t i = 0; i < rules->n; i++)
		mem_free(rules->of[i].name);
	mem_free(rules);
}

/* ---- configuration */

static const struct conf_field fields[] = {
	{ .path = "strategy",
	    CONF_MEMBER(struct share_conf, strategy),
	    .type = CONF_ENUM,
	    .words = zone_share_words,
	    .reload = CONF_LIVE,
	    .help = "How a member of this shared group is picked; unset: as "
		    "mqtt.shared_subscription_strategy says" },
	{ .path = "initial_sticky_pick",
	    CONF_MEMBER(struct share_conf, sticky_pick),
	    .type = CONF_ENUM,
	    .words = zone_pick_words,
	    .reload = CONF_LIVE,
	    .help = "How sticky picks first in this group; unset: as "
		    "mqtt.shared_subscription_initial_sticky_pick says" },
};

const struct conf_section share_conf = {
	.id = CONF_SHARES,
	.path = "broker.shared_subscription_group.$name",
	.field = fields,
	.n = sizeof(fields) / sizeof(fields[0]),
	.size = sizeof(struct share_conf),
	.name_at = offsetof(struct share_conf, name),
};
