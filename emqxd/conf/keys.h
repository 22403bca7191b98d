/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys: every key that may stand in a configuration: what the rooms' sections
 * declare, and the register of EMQX's other names.
 */
#ifndef CONF_KEYS_H
#define CONF_KEYS_H

#include "emqxd/conf/names.h"
#include "emqxd/conf/section.h"

struct key_found {
	const struct conf_section *section; /* of a field of ours, or NULL */
	const struct conf_field *field;
	const struct conf_name *name; /* of the register, or NULL */
};

/* All patterns, fields first. */
struct key {
	const char *pattern;
	struct key_found found;
};
struct keys {
	struct conf_pool pool; /* of the fields' patterns */
	VEC(struct key) list;
};
void keys_init(struct keys *k, const struct conf_section *const *section, size_t n);
void keys_fini(struct keys *k);

/* Is it a key (not only a part of one)?  */
bool keys_find(const struct keys *k, struct slice path, struct key_found *out);
/* Is the path a key, inside one (an array's item, a map's name), or above one? */
bool keys_is_known(const struct keys *k, struct slice path);
/* Is there a key under the path?  @old: names of 4.x count too. */
bool keys_is_above(const struct keys *k, struct slice path, bool old);
/* The key that was probably meant; false: none is near. */
bool keys_nearest(const struct keys *k, struct slice path, struct str *out);

/* The pattern of a field: "zones.$name.mqtt.max_inflight".  @overlay: over that path. */
void keys_pattern(const struct conf_section *s, const struct conf_field *f, bool overlay,
    struct str *out);

#endif
