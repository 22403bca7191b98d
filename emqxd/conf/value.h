/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value: what a field may hold, as text and as C.  Durations, sizes, numbers with
 * a fraction, words, addresses, lists and maps are read here and printed here, so
 * that what is shown parses back to the same value.
 *
 * Texts and tables of a value belong to a pool; a snapshot owns one.  No I/O, any
 * thread.
 */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"
#include "ipc/base/str.h"
#include "ipc/base/vec.h"

/* Texts and arrays that die together. */
struct conf_pool {
	VEC(void *) held;
};
char *conf_pool_text(struct conf_pool *pool, struct slice s);
/* @n zeroed items of @size bytes; a valid pointer also for none. */
void *conf_pool_array(struct conf_pool *pool, size_t n, size_t size);
void conf_pool_fini(struct conf_pool *pool);

/* Where a listener binds: "1883" (every address), "127.0.0.1:1883", "[::]:1883",
 * "localhost:1883". */
struct conf_addr {
	char host[64]; /* without brackets; "" is every address */
	uint16_t port; /* 0: one that the kernel chooses */
};

/* A word that stands for a number: an enum's value, "infinity", "disabled". */
struct conf_word {
	const char *text;
	int64_t value;
};

/* Texts: ["a", "b"], or "a, b" in one text. */
struct conf_list {
	const char *const *item;
	size_t n;
};

/* Names with a number each, in byte order of the names. */
struct conf_pair {
	const char *name;
	int64_t value;
};
struct conf_map {
	const struct conf_pair *pair;
	size_t n;
};
/* Finds by binary search; false: no such name (*value is left alone). */
bool conf_map_find(const struct conf_map *map, struct slice name, int64_t *value);

EM_MUST_USE em_err conf_addr_parse(struct slice s, struct conf_addr *out);
void conf_addr_print(const struct conf_addr *addr, struct str *out);

/* ---- of a field (field.h), for the files of this room */

struct conf_field;
struct tree_node;

/* Puts the node's value into the object's member.  False: @why got what is wrong and
 * the member is as it was. */
EM_MUST_USE bool value_read(const struct conf_field *f, const struct tree_node *node,
    struct conf_pool *pool, void *object, struct str *why);
/* The same from the text of a default or a variable. */
EM_MUST_USE bool value_read_text(const struct conf_field *f, struct slice text,
    struct conf_pool *pool, void *object, struct str *why);
/* As one would write it; secrets too. */
void value_print(const struct conf_field *f, const void *object, struct str *out);
/* What may be written: "true or false", "1 .. 65535", "a time such as 15s, or infinity". */
void value_expected(const struct conf_field *f, struct str *out);
/* Do type and size of the row agree? */
bool value_field_is_sound(const struct conf_field *f);

#endif
