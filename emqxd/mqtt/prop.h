/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prop: the properties of MQTT 5.0.  prop.def says everything about each; here
 * they are read, checked, written, walked and passed on.
 */
#ifndef MQTT_PROP_H
#define MQTT_PROP_H

#include "emqxd/mqtt/packet.h"
#include "ipc/base/err.h"
#include "ipc/base/wbuf.h"

/* What a server passes on with a message; a will's delay, alias, expiry and
 * subscription ids it makes anew or drops. */
#define PROP_FORWARDED                                  \
	(MQTT_PROP_BIT(MQTT_PROP_PAYLOAD_FORMAT) |      \
	    MQTT_PROP_BIT(MQTT_PROP_CONTENT_TYPE) |     \
	    MQTT_PROP_BIT(MQTT_PROP_RESPONSE_TOPIC) |   \
	    MQTT_PROP_BIT(MQTT_PROP_CORRELATION_DATA) | \
	    MQTT_PROP_BIT(MQTT_PROP_USER_PROPERTY))

static inline bool
prop_has(const struct mqtt_props *p, enum mqtt_prop id)
{
	return (p->set & MQTT_PROP_BIT(id)) != 0;
}

/* A field whose bit this also sets: *PROP_SET(&p, RECEIVE_MAX, receive_max) = 10. */
#define PROP_SET(props_, id_, field_) \
	((props_)->set |= MQTT_PROP_BIT(MQTT_PROP_##id_), &(props_)->field_)
/* The field, or @else_ when the property is absent. */
#define PROP_GET(props_, id_, field_, else_) \
	(prop_has((props_), MQTT_PROP_##id_) ? (props_)->field_ : (else_))

/* Empty properties: bits and raw; the fields stay as they are. */
static inline void
prop_clear(struct mqtt_props *p)
{
	p->set = 0;
	p->raw = SLICE_NONE;
}

/* "Receive-Maximum"; NULL for an unknown id. */
const char *prop_name(unsigned id);

/* Reads and checks the property bytes @raw of a packet of @type (0: the will's)
 * that @flags say who sent (decode.h). */
EM_MUST_USE em_err prop_decode(struct slice raw, unsigned type, unsigned flags,
    struct mqtt_props *out, struct mqtt_fault *fault);

/* The user properties in order: start with *rest = props->raw; false at the end.
 * @rest must have passed prop_decode or come from prop_put_user. */
bool prop_next_user(struct slice *rest, struct slice *key, struct slice *value);
/* The subscription ids in order, the same way. */
bool prop_next_subid(struct slice *rest, uint32_t *id);

/* May raw follow the message as it is? */
static inline bool
prop_is_forwardable(const struct mqtt_props *p)
{
	return (p->set & ~PROP_FORWARDED) == 0;
}

/* Copies what is passed on with a message, in order, to @to (room for
 * raw.n bytes) and returns its length. */
size_t prop_forward(const struct mqtt_props *p, uint8_t *to);

/* Bytes of one user property, and the writing of one. */
static inline size_t
prop_user_size(struct slice key, struct slice value)
{
	return 5 + key.n + value.n;
}
void prop_put_user(struct wbuf *w, struct slice key, struct slice value);

/* Bytes of the properties without the length before them. */
size_t prop_size(const struct mqtt_props *p);
/* Writes the length and the properties. */
void prop_put(struct wbuf *w, const struct mqtt_props *p);

/* Leaves out user properties, then the reason string, as far as a packet of
 * @size bytes must shrink to the receiver's @max ([MQTT5-3.4.2-2] and its like). */
void prop_trim(struct mqtt_props *p, size_t size, size_t max);

#endif
