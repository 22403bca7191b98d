/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prop: properties, driven by one table made from prop.def: what an id may
 * hold, where it may stand and where its value goes.
 *
 * Reading is strict about everything; walking, copying and writing go over
 * bytes that were read so before, and merely stop at what they do not know.
 */
#include "emqxd/mqtt/prop.h"
#include "emqxd/mqtt/rule.h"
#include "ipc/base/utf8.h"

#define IN(type_) (1u << MQTT_##type_)
#define ACKS (IN(PUBACK) | IN(PUBREC) | IN(PUBREL) | IN(PUBCOMP))
#define WILL 1u /* "type 0" */

enum prop_type {
	PROP_NONE,
	PROP_U8,
	PROP_U16,
	PROP_U32,
	PROP_VARINT,
	PROP_STR,
	PROP_BIN,
	PROP_PAIR,
};

struct row {
	enum prop_type type;
	uint8_t reason;  /* when out of range */
	uint16_t offset; /* in struct mqtt_props */
	uint16_t from_client, from_server;
	uint32_t min, max;
	const char *name;
	const char *range; /* the rules, as constants for the fault */
	const char *twice, *stray;
};

static const struct row rows[] = {
#define PROP(                                                                       \
    name_, id_, type_, field_, min_, max_, client_, server_, reason_, rule_, text_) \
	[id_] = {                                                                   \
		PROP_##type_,                                                       \
		REASON_##reason_,                                                   \
		offsetof(struct mqtt_props, field_),                                \
		(client_),                                                          \
		(server_),                                                          \
		(min_),                                                             \
		(max_),                                                             \
		(text_),                                                            \
		(rule_),                                                            \
		"[MQTT5 2.2.2.2] " text_ " twice",                                  \
		"[MQTT5 2.2.2.2] " text_ " does not belong in this packet",         \
	},
#include "emqxd/mqtt/prop.def"
#undef PROP
};

#define ROWS_N (sizeof rows / sizeof rows[0])

/* The row of @id, or NULL. */
static const struct row *
find(unsigned id)
{
	return id < ROWS_N && rows[id].type != PROP_NONE ? &rows[id] : NULL;
}

const char *
prop_name(unsigned id)
{
	const struct row *row = find(id);

	return row != NULL ? row->name : NULL;
}

/* ---- the fields, by type: a number or bytes */

static uint32_t
load_number(const struct mqtt_props *p, const struct row *row)
{
	const uint8_t *at = (const uint8_t *)p + row->offset;
	uint32_t v32;
	uint16_t v16;

	switch (row->type) {
	case PROP_U8: return *at;
	case PROP_U16: memcpy(&v16, at, sizeof v16); return v16;
	case PROP_U32:
	case PROP_VARINT: memcpy(&v32, at, sizeof v32); return v32;
	case PROP_NONE:
	case PROP_STR:
	case PROP_BIN:
	case PROP_PAIR: break;
	}
	UNREACHABLE();
}

static void
store_number(struct mqtt_props *p, const struct row *row, uint32_t v)
{
	uint8_t *at = (uint8_t *)p + row->offset;
	uint16_t v16 = (uint16_t)v;

	switch (row->type) {
	case PROP_U8: *at = (uint8_t)v; return;
	case PROP_U16: memcpy(at, &v16, sizeof v16); return;
	case PROP_U32:
	case PROP_VARINT: memcpy(at, &v, sizeof v); return;
	case PROP_NONE:
	case PROP_STR:
	case PROP_BIN:
	case PROP_PAIR: break;
	}
	UNREACHABLE();
}

static struct slice
load_bytes(const struct mqtt_props *p, const struct row *row)
{
	struct slice s;

	memcpy(&s, (const uint8_t *)p + row->offset, sizeof s);
	return s;
}

/* ---- reading */

static em_err
read_number(struct rbuf *r, const struct row *row, unsigned flags, struct mqtt_props *out,
    struct mqtt_fault *fault)
{
	uint32_t v = row->type == PROP_U8    ? rbuf_u8(r)
		     : row->type == PROP_U16 ? rbuf_u16(r)
		     : row->type == PROP_U32 ? rbuf_u32(r)
					     : rule_varint(r, flags);

	if (r->err == EM_OK && (v < row->min || v > row->max))
		return rule_broken(fault, row->reason, row->range);
	store_number(out, row, v);
	return EM_OK;
}

static em_err
read_bytes(struct rbuf *r, const struct row *row, struct mqtt_props *out,
    struct mqtt_fault *fault)
{
	struct slice s = rbuf_bytes16(r);

	if (row->type != PROP_BIN && !utf8_is_mqtt(s))
		goto ill_formed;
	if (row->type == PROP_PAIR) {
		if (!utf8_is_mqtt(rbuf_bytes16(r)))
			goto ill_formed;
		return EM_OK;
	}
	memcpy((uint8_t *)out + row->offset, &s, sizeof s);
	return EM_OK;

ill_formed:
	return rule_broken(fault, REASON_MALFORMED_PACKET,
	    row->type == PROP_PAIR
		? "[MQTT5-1.5.7-1] user property is not well-formed UTF-8"
		: "[MQTT5-1.5.4-1] property is not well-formed UTF-8");
}

/* May it stand here, once more? */
static em_err
check_place(const struct row *row, unsigned id, unsigned type, unsigned flags,
    const struct mqtt_props *out, struct mqtt_fault *fault)
{
	bool server = (flags & MQTT_FROM_SERVER) != 0;
	unsigned here = server ? row->from_server : row->from_client;
	unsigned other = server ? row->from_client : row->from_server;

	if ((here & 1u << type) == 0) {
		/* What the other side may send in this packet is understood, but
		 * out of order: [MQTT5-3.3.4-6], [MQTT5-3.14.2-2]. */
		return rule_broken(fault,
		    (other & 1u << type) != 0 ? REASON_PROTOCOL_ERROR
					      : REASON_MALFORMED_PACKET,
		    row->stray);
	}
	if (row->type == PROP_PAIR ||
	    (id == MQTT_PROP_SUBSCRIPTION_ID && type == MQTT_PUBLISH))
		return EM_OK;
	if ((out->set & MQTT_PROP_BIT(id)) != 0)
		return rule_broken(fault, REASON_PROTOCOL_ERROR, row->twice);
	return EM_OK;
}

/* Rules of one property's value, or of two together. */
static em_err
check_whole(const struct mqtt_props *p, unsigned flags, struct mqtt_fault *fault)
{
	enum rule_topic topic;

	if (prop_has(p, MQTT_PROP_AUTH_DATA) && !prop_has(p, MQTT_PROP_AUTH_METHOD))
		return rule_broken(fault, REASON_PROTOCOL_ERROR,
		    "[MQTT5 3.1.2.11.10] authentication data without a method");
	if (!prop_has(p, MQTT_PROP_RESPONSE_TOPIC))
		return EM_OK;
	topic = rule_topic(p->response_topic);
	if (topic == RULE_TOPIC_WILDCARD)
		return rule_broken(fault, REASON_PROTOCOL_ERROR,
		    "[MQTT5-3.3.2-14] wildcard in the response topic");
	if (topic == RULE_TOPIC_EMPTY && (flags & MQTT_STRICT) != 0)
		return rule_broken(
		    fault, REASON_PROTOCOL_ERROR, "[MQTT5-4.7.3-1] empty response topic");
	return EM_OK;
}

em_err
prop_decode(struct slice raw, unsigned type, unsigned flags, struct mqtt_props *out,
    struct mqtt_fault *fault)
{
	struct rbuf r = rbuf_of(raw);
	em_err err;

	out->set = 0;
	out->raw = raw;
	while (rbuf_left(&r) > 0) {
		/* Every id of the standard has one byte; 0x80 and above, which would
		 * begin a longer one, has no row. */
		unsigned id = rbuf_u8(&r);
		const struct row *row = find(id);

		if (row == NULL)
			return rule_broken(fault, REASON_MALFORMED_PACKET,
			    "[MQTT5 2.2.2.2] unknown property");
		err = check_place(row, id, type, flags, out, fault);
		if (err != EM_OK)
			return err;
		err = row->type >= PROP_STR ? read_bytes(&r, row, out, fault)
					    : read_number(&r, row, flags, out, fault);
		if (err != EM_OK)
			return err;
		if (r.err != EM_OK)
			return rule_broken(fault, REASON_MALFORMED_PACKET,
			    "[MQTT5 2.2.2] the properties end inside a value");
		out->set |= MQTT_PROP_BIT(id);
	}
	return check_whole(out, flags, fault);
}

/* ---- walking over bytes that were read before */

/* The next property: its id, the bytes behind the id, and all its bytes. */
static bool
next(struct slice *rest, unsigned *id, struct slice *value, struct slice *whole)
{
	struct rbuf r = rbuf_of(*rest);
	const struct row *row;
	struct slice left;

	if (rest->n == 0)
		return false;
	*id = rbuf_u8(&r);
	row = find(*id);
	if (row == NULL)
		return false;
	switch (row->type) {
	case PROP_U8: rbuf_bytes(&r, 1); break;
	case PROP_U16: rbuf_bytes(&r, 2); break;
	case PROP_U32: rbuf_bytes(&r, 4); break;
	case PROP_VARINT: rule_varint(&r, 0); break;
	case PROP_PAIR:
		rbuf_bytes16(&r);
		rbuf_bytes16(&r);
		break;
	case PROP_STR:
	case PROP_BIN: rbuf_bytes16(&r); break;
	case PROP_NONE: return false;
	}
	if (r.err != EM_OK)
		return false;
	left = rbuf_rest(&r);
	*whole = slice_head(*rest, rest->n - left.n);
	*value = slice_from(*whole, 1);
	*rest = left;
	return true;
}

bool
prop_next_user(struct slice *rest, struct slice *key, struct slice *value)
{
	struct slice bytes, whole;
	struct rbuf r;
	unsigned id;

	while (next(rest, &id, &bytes, &whole)) {
		if (id != MQTT_PROP_USER_PROPERTY)
			continue;
		r = rbuf_of(bytes);
		*key = rbuf_bytes16(&r);
		*value = rbuf_bytes16(&r);
		return true;
	}
	return false;
}

bool
prop_next_subid(struct slice *rest, uint32_t *subid)
{
	struct slice bytes, whole;
	struct rbuf r;
	unsigned id;

	while (next(rest, &id, &bytes, &whole)) {
		if (id != MQTT_PROP_SUBSCRIPTION_ID)
			continue;
		r = rbuf_of(bytes);
		*subid = rule_varint(&r, 0);
		return true;
	}
	return false;
}

/* Bytes of those properties of @raw whose bit is in @set; copied unless NULL. */
static size_t
pick(struct slice raw, uint64_t set, uint8_t *to)
{
	struct slice value, whole;
	unsigned id;
	size_t n = 0;

	while (next(&raw, &id, &value, &whole)) {
		if ((set & MQTT_PROP_BIT(id)) == 0)
			continue;
		if (to != NULL)
			memcpy(to + n, whole.p, whole.n);
		n += whole.n;
	}
	return n;
}

size_t
prop_forward(const struct mqtt_props *p, uint8_t *to)
{
	return pick(p->raw, PROP_FORWARDED, to);
}

/* ---- writing */

/* What stands in raw alone; the subscription ids of a PUBLISH, if any do. */
static uint64_t
set_in_raw(const struct mqtt_props *p)
{
	uint64_t repeatable = MQTT_PROP_BIT(MQTT_PROP_USER_PROPERTY);
	struct slice rest = p->raw;
	uint32_t id;

	if (prop_has(p, MQTT_PROP_SUBSCRIPTION_ID) && prop_next_subid(&rest, &id))
		repeatable |= MQTT_PROP_BIT(MQTT_PROP_SUBSCRIPTION_ID);
	return p->set & repeatable;
}

/* Of a value too long for its two bytes of length: more than any packet holds. */
static size_t
value_size(const struct mqtt_props *p, const struct row *row)
{
	size_t n;

	switch (row->type) {
	case PROP_U8: return 1;
	case PROP_U16: return 2;
	case PROP_U32: return 4;
	case PROP_VARINT: return varint_size(load_number(p, row));
	case PROP_STR:
	case PROP_BIN:
		n = load_bytes(p, row).n;
		return n <= UINT16_MAX ? 2 + n : MQTT_LEN_MAX;
	case PROP_NONE:
	case PROP_PAIR: break;
	}
	UNREACHABLE();
}

size_t
prop_size(const struct mqtt_props *p)
{
	uint64_t raw = set_in_raw(p);
	size_t n = raw != 0 ? pick(p->raw, raw, NULL) : 0;

	for (unsigned id = 0; id < ROWS_N; id++) {
		if ((p->set & ~raw & MQTT_PROP_BIT(id)) != 0)
			n += 1 + value_size(p, &rows[id]);
	}
	return n;
}

static void
put_value(struct wbuf *w, const struct mqtt_props *p, const struct row *row)
{
	switch (row->type) {
	case PROP_U8: wbuf_u8(w, (uint8_t)load_number(p, row)); return;
	case PROP_U16: wbuf_u16(w, (uint16_t)load_number(p, row)); return;
	case PROP_U32: wbuf_u32(w, load_number(p, row)); return;
	case PROP_VARINT: wbuf_varint(w, load_number(p, row)); return;
	case PROP_STR:
	case PROP_BIN: wbuf_bytes16(w, load_bytes(p, row)); return;
	case PROP_NONE:
	case PROP_PAIR: break;
	}
	UNREACHABLE();
}

void
prop_put(struct wbuf *w, const struct mqtt_props *p)
{
	uint64_t raw = set_in_raw(p);
	size_t size = prop_size(p);
	size_t n;
	uint8_t *at;

	CHECK(size <= MQTT_LEN_MAX);
	wbuf_varint(w, (uint32_t)size);
	for (unsigned id = 0; id < ROWS_N; id++) {
		if ((p->set & ~raw & MQTT_PROP_BIT(id)) == 0)
			continue;
		wbuf_u8(w, (uint8_t)id);
		put_value(w, p, &rows[id]);
	}
	n = raw != 0 ? pick(p->raw, raw, NULL) : 0;
	at = n > 0 ? wbuf_room(w, n) : NULL;
	if (at != NULL)
		pick(p->raw, raw, at);
}

void
prop_put_user(struct wbuf *w, struct slice key, struct slice value)
{
	wbuf_u8(w, MQTT_PROP_USER_PROPERTY);
	wbuf_bytes16(w, key);
	wbuf_bytes16(w, value);
}

void
prop_trim(struct mqtt_props *p, size_t size, size_t max)
{
	const uint64_t user = MQTT_PROP_BIT(MQTT_PROP_USER_PROPERTY);

	if (size <= max)
		return;
	size -= pick(p->raw, p->set & user, NULL);
	p->set &= ~user;
	if (size > max)
		p->set &= ~MQTT_PROP_BIT(MQTT_PROP_REASON_STRING);
}
