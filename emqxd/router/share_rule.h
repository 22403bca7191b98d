/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share_rule: how each shared group picks: mqtt.shared_subscription_strategy and
 * shared_subscription_initial_sticky_pick, and what
 * broker.shared_subscription_group.NAME says of one group.
 *
 * Written on main, read by every publisher: a group remembers what it read, and looks
 * again when there are newer rules.
 */
#ifndef ROUTER_SHARE_RULE_H
#define ROUTER_SHARE_RULE_H

#include "emqxd/model/zone.h"
#include "ipc/base/slice.h"

#include <stdatomic.h>

/* broker.shared_subscription_group.NAME */
struct share_conf {
	const char *name;
	enum share_strategy strategy, sticky_pick; /* SHARE_INHERITS: as mqtt.* says */
};
extern const struct conf_section share_conf;

struct share_rules; /* published; NULL until router_configure() */
/* What a group keeps of them; 0 at first. */
typedef _Atomic uint64_t share_seen;

/* @rules may be NULL: round_robin, random. */
enum share_strategy share_rule_strategy(
    const struct share_rules *rules, share_seen *seen, struct slice group);
enum share_strategy share_rule_sticky_pick(
    const struct share_rules *rules, share_seen *seen, struct slice group);

/* A copy of the configuration's; the former's generation is @generation - 1. */
struct share_rules *share_rules_new(const struct share_conf *v, size_t n,
    enum share_strategy strategy, enum share_strategy sticky_pick, uint32_t generation);
uint32_t share_rules_generation(const struct share_rules *rules);
void share_rules_free(struct share_rules *rules);

#endif
