/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bytes: packets in tests are written as hex with quoted text between:
 * "30 08 0003 'a/b' 'xyz'"; a '*' stands for the length of all that follows.
 */
#ifndef TESTS_UNIT_MQTT_BYTES_H
#define TESTS_UNIT_MQTT_BYTES_H

#include "emqxd/mqtt/decode.h"
#include "emqxd/mqtt/encode.h"
#include "emqxd/mqtt/prop.h"
#include "emqxd/mqtt/reason.h"
#include "tests/unit/tap.h"

#include <stdio.h>
#include <stdlib.h>

#define BYTES_MAX 2048

struct bytes {
	uint8_t p[BYTES_MAX];
	size_t n;
};

static inline void
bytes_add(struct bytes *b, const char *text)
{
	size_t star = 0;

	while (*text != 0) {
		if (*text == '\'') {
			for (text++; *text != '\''; text++)
				b->p[b->n++] = (uint8_t)*text;
			text++;
		} else if (*text == '*') {
			star = b->n++;
			text++;
		} else if (*text == ' ') {
			text++;
		} else {
			char two[3] = { text[0], text[1], 0 };

			b->p[b->n++] = (uint8_t)strtoul(two, NULL, 16);
			text += 2;
		}
	}
	if (star > 0)
		b->p[star] = (uint8_t)(b->n - star - 1);
}

static inline struct bytes
bytes_of(const char *text)
{
	struct bytes b = { .n = 0 };

	bytes_add(&b, text);
	return b;
}

static inline struct slice
bytes_slice(const struct bytes *b)
{
	return slice_of(b->p, b->n);
}

/* Decodes the one packet that @b holds. */
static inline em_err
bytes_decode(const struct bytes *b, enum mqtt_version v, unsigned flags,
    struct mqtt_packet *out, struct mqtt_fault *fault)
{
	struct mqtt_frame f;

	OK(mqtt_frame_peek(bytes_slice(b), &f) == MQTT_PEEK_WHOLE);
	EQ(f.total, b->n);
	*fault = (struct mqtt_fault){ 0 };
	return mqtt_decode(&f, v, flags, out, fault);
}

/* One packet and what becomes of it. */
struct bytes_case {
	const char *what;
	enum mqtt_version v;
	unsigned flags;
	uint8_t reason; /* 0: it is fine */
	const char *bytes;
	const char *rule; /* how the rule begins, or NULL */
};

static inline void
bytes_check(const struct bytes_case *c)
{
	struct bytes b = bytes_of(c->bytes);
	struct mqtt_packet p;
	struct mqtt_fault fault;
	em_err err = bytes_decode(&b, c->v, c->flags, &p, &fault);

	if ((err != EM_OK) != (c->reason != 0) || fault.reason != c->reason)
		tap_fail(__FILE__, __LINE__, "%s: reason 0x%02x, not 0x%02x (%s)",
		    c->what, fault.reason, c->reason,
		    fault.rule != NULL ? fault.rule : "");
	if (c->rule != NULL &&
	    (fault.rule == NULL || strstr(fault.rule, c->rule) == NULL))
		tap_fail(__FILE__, __LINE__, "%s: rule %s, not %s", c->what,
		    fault.rule != NULL ? fault.rule : "none", c->rule);
}

#define BYTES_CHECK_ALL(cases_)                                                  \
	for (size_t bytes_i = 0; bytes_i < sizeof(cases_) / sizeof((cases_)[0]); \
	     bytes_i++)                                                          \
	bytes_check(&(cases_)[bytes_i])

#endif
