/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields: a packet as a list of named values, the way a scenario writes it:
 * PUBLISH topic=t/1 qos=2 user=k:v.  Packets are built from such words, shown as
 * them, and what the broker sent is compared with what the scenario expects.
 *
 * Names are those of struct mqtt_packet and of the properties (prop.def), a
 * will's with will_ before them; id, reason, code, filter, user for the rest.
 */
#ifndef PLAY_FIELDS_H
#define PLAY_FIELDS_H

#include "emqxd/mqtt/packet.h"
#include "ipc/base/err.h"
#include "ipc/base/str.h"
#include "ipc/base/vec.h"
#include "ipc/base/wbuf.h"

/* One word of a line: name=value, or a value alone, which fields_settle names. */
struct arg {
	struct slice name;
	struct slice value;
	struct slice capture; /* the value is {x}, and x has none yet */
	bool is_quoted;       /* text, whatever it looks like */
};
typedef VEC(struct arg) arg_vec;

/* One value of a packet. */
struct field {
	const char *name;
	bool is_number;
	bool is_loose;   /* compared only when the scenario names it */
	bool is_default; /* what is meant when the scenario does not name it */
	uint32_t number;
	struct slice bytes;
	struct slice second; /* a user property's value; bytes is its key */
};
typedef VEC(struct field) field_vec;

/* "CONNECT" to its number, "5" or "3.1.1" to its version; 0 for another word. */
unsigned fields_type(struct slice name);
unsigned fields_version(struct slice text);
const char *fields_version_name(enum mqtt_version v);

/* Names the values that stand alone: in PUBLISH topic and payload, in SUBSCRIBE
 * filters, in SUBACK codes, in most others the reason; a flag becomes flag=1. */
EM_MUST_USE em_err fields_settle(
    enum mqtt_type type, struct arg *args, size_t n, struct fault *fault);
/* Is it "...": what is not named may be as it likes? */
bool fields_is_rest(const struct arg *arg);
/* The word called @name, or NULL. */
const struct arg *fields_find(const struct arg *args, size_t n, const char *name);
/* 7, 0x8e, or the name of a reason code (session_taken_over). */
EM_MUST_USE em_err fields_number(struct slice text, uint32_t *out);

/* What several words make together; lives as long as the packet built from them. */
struct fields_scratch {
	struct wbuf users, will_users, filters;
};
/* Fills @p, whose type and version are set; before 5.0 properties are left out. */
EM_MUST_USE em_err fields_build(struct mqtt_packet *p, const struct arg *args, size_t n,
    struct fields_scratch *scratch, struct fault *fault);
void fields_scratch_fini(struct fields_scratch *scratch);

/* Adds the values of a packet that a server sent; the slices are the packet's. */
void fields_list(const struct mqtt_packet *p, field_vec *out);
/* Adds "PUBLISH topic=t/1 qos=2 id=7": all that is not as usual. */
void fields_print(struct str *out, const struct mqtt_packet *p);

/* Are these the values that the words ask for?  A name for which the packet has
 * several values asks for them in order.  EM_FAILED tells in @fault what differs.
 * "..." among the words leaves open what is not named.  hit[i] is the index of
 * the value that args[i] met. */
EM_MUST_USE em_err fields_match(const struct mqtt_packet *p, const field_vec *got,
    const struct arg *args, size_t n, size_t *hit, struct fault *fault);

#endif
