/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields: tables from names to members of the packets, and the walks over them.
 */
#include "tests/tools/play/fields_table.h"
#include "emqxd/mqtt/dump.h"
#include "emqxd/mqtt/encode.h"
#include "emqxd/mqtt/prop.h"
#include "emqxd/mqtt/reason.h"
#include "ipc/base/num.h"

#define AT(member_) offsetof(struct mqtt_packet, member_)

/* Members that are no properties. */
const struct fields_member fields_members[] = {
	{ "client_id", TYPE(CONNECT), KIND_BYTES, AT(connect.client_id), 0, false },
	{ "clean_start", TYPE(CONNECT), KIND_BOOL, AT(connect.clean_start), 0, false },
	{ "keepalive", TYPE(CONNECT), KIND_U16, AT(connect.keepalive), 0, false },
	{ "username", TYPE(CONNECT), KIND_BYTES, AT(connect.username),
	    AT(connect.has_username), false },
	{ "password", TYPE(CONNECT), KIND_BYTES, AT(connect.password),
	    AT(connect.has_password), false },
	{ "will_topic", TYPE(CONNECT), KIND_BYTES, AT(connect.will.topic),
	    AT(connect.has_will), false },
	{ "will_payload", TYPE(CONNECT), KIND_BYTES, AT(connect.will.payload),
	    AT(connect.has_will), false },
	{ "will_qos", TYPE(CONNECT), KIND_U8, AT(connect.will.qos), 0, false },
	{ "will_retain", TYPE(CONNECT), KIND_BOOL, AT(connect.will.retain), 0, false },
	{ "session_present", TYPE(CONNACK), KIND_BOOL, AT(connack.session_present), 0,
	    false },
	{ "reason", TYPE(CONNACK), KIND_U8, AT(connack.reason), 0, false },
	{ "topic", TYPE(PUBLISH), KIND_BYTES, AT(publish.topic), 0, false },
	{ "payload", TYPE(PUBLISH), KIND_BYTES, AT(publish.payload), 0, false },
	{ "qos", TYPE(PUBLISH), KIND_U8, AT(publish.qos), 0, false },
	{ "id", TYPE(PUBLISH), KIND_U16, AT(publish.packet_id), 0, true },
	{ "dup", TYPE(PUBLISH), KIND_BOOL, AT(publish.dup), 0, false },
	{ "retain", TYPE(PUBLISH), KIND_BOOL, AT(publish.retain), 0, false },
	{ "id", TYPES_ACK, KIND_U16, AT(ack.packet_id), 0, true },
	{ "reason", TYPES_ACK, KIND_U8, AT(ack.reason), 0, false },
	{ "id", TYPE(SUBSCRIBE), KIND_U16, AT(subscribe.packet_id), 0, true },
	{ "id", TYPE(UNSUBSCRIBE), KIND_U16, AT(unsubscribe.packet_id), 0, true },
	{ "id", TYPE(SUBACK) | TYPE(UNSUBACK), KIND_U16, AT(suback.packet_id), 0, true },
	{ "reason", TYPE(DISCONNECT), KIND_U8, AT(disconnect.reason), 0, false },
	{ "reason", TYPE(AUTH), KIND_U8, AT(auth.reason), 0, false },
	{ NULL, 0, KIND_BOOL, 0, 0, false },
};

const struct fields_prop fields_props[] = {
#define PROP(name_, id_, kind_, field_, ...) \
	{ #field_, (id_), PROP_##kind_, offsetof(struct mqtt_props, field_) },
#include "emqxd/mqtt/prop.def"
#undef PROP
	{ NULL, 0, PROP_U8, 0 },
};

/* How a value that stands alone is meant: the first one, and those behind it. */
static const struct lone {
	unsigned types;
	const char *first, *next;
} lones[] = {
	{ TYPE(PUBLISH), "topic", "payload" },
	{ TYPE(SUBSCRIBE) | TYPE(UNSUBSCRIBE), "filter", "filter" },
	{ TYPE(SUBACK) | TYPE(UNSUBACK), "code", "code" },
	{ TYPE(CONNACK) | TYPES_ACK | TYPE(DISCONNECT) | TYPE(AUTH), "reason", NULL },
};
enum { LONES_N = sizeof lones / sizeof lones[0] };

static const struct flag {
	const char *name;
	unsigned types;
} flags[] = {
	{ "clean_start", TYPE(CONNECT) },
	{ "will_retain", TYPE(CONNECT) },
	{ "session_present", TYPE(CONNACK) },
	{ "dup", TYPE(PUBLISH) },
	{ "retain", TYPE(PUBLISH) },
	{ "no_local", TYPE(SUBSCRIBE) },
	{ "retain_as_published", TYPE(SUBSCRIBE) },
};
enum { FLAGS_N = sizeof flags / sizeof flags[0] };

/* ---- words to numbers */

unsigned
fields_type(struct slice name)
{
	for (unsigned type = MQTT_CONNECT; type <= MQTT_AUTH; type++) {
		if (slice_eq_str(name, mqtt_dump_type(type)))
			return type;
	}
	return 0;
}

static const char *const version_names[] = {
	[MQTT_V31] = "3.1",
	[MQTT_V311] = "3.1.1",
	[MQTT_V5] = "5",
};

unsigned
fields_version(struct slice text)
{
	for (unsigned v = MQTT_V31; v <= MQTT_V5; v++) {
		if (slice_eq_str(text, version_names[v]))
			return v;
	}
	return 0;
}

const char *
fields_version_name(enum mqtt_version v)
{
	return version_names[v];
}

static em_err
parse_hex(struct slice digits, uint32_t *out)
{
	if (digits.n == 0 || digits.n > 8)
		return EM_MALFORMED;
	for (size_t i = 0; i < digits.n; i++) {
		const char all[] = "0123456789abcdef";
		const char *at = strchr(all, digits.p[i] | 0x20);

		if (at == NULL || *at == '\0')
			return EM_MALFORMED;
		*out = *out << 4 | (uint32_t)(at - all);
	}
	return EM_OK;
}

em_err
fields_number(struct slice text, uint32_t *out)
{
	uint64_t wide;

	*out = 0;
	if (slice_starts(text, SLICE_LIT("0x")))
		return parse_hex(slice_from(text, 2), out);
	if (num_parse_u64(text, &wide) == EM_OK && wide <= UINT32_MAX) {
		*out = (uint32_t)wide;
		return EM_OK;
	}
	for (unsigned reason = 0; reason < 256; reason++) {
		if (slice_eq_str(text, reason_name((uint8_t)reason))) {
			*out = reason;
			return EM_OK;
		}
	}
	return EM_MALFORMED;
}

/* ---- naming what stands alone */

bool
fields_is_rest(const struct arg *arg)
{
	return arg->name.n == 0 && !arg->is_quoted && slice_eq_str(arg->value, "...");
}

static const struct flag *
find_flag(enum mqtt_type type, const struct arg *arg)
{
	for (unsigned i = 0; i < FLAGS_N && !arg->is_quoted; i++) {
		if ((flags[i].types >> type & 1) != 0 &&
		    slice_eq_str(arg->value, flags[i].name))
			return &flags[i];
	}
	return NULL;
}

static const struct lone *
find_lone(enum mqtt_type type)
{
	for (unsigned i = 0; i < LONES_N; i++) {
		if ((lones[i].types >> type & 1) != 0)
			return &lones[i];
	}
	return NULL;
}

em_err
fields_settle(enum mqtt_type type, struct arg *args, size_t n, struct fault *fault)
{
	const struct lone *lone = find_lone(type);
	unsigned nth = 0;

	for (size_t i = 0; i < n; i++) {
		const struct flag *flag;
		const char *name;

		if (args[i].name.n > 0 || fields_is_rest(&args[i]))
			continue;
		flag = find_flag(type, &args[i]);
		if (flag != NULL) {
			args[i].name = slice_str(flag->name);
			args[i].value = SLICE_LIT("1");
			continue;
		}
		name = lone == NULL ? NULL : nth == 0 ? lone->first : lone->next;
		nth++;
		if (name == NULL)
			return fault_set(fault, EM_USAGE, "%s has no place for '%.*s'",
			    mqtt_dump_type(type), SLICE_FMT(args[i].value));
		args[i].name = slice_str(name);
	}
	return EM_OK;
}

const struct arg *
fields_find(const struct arg *args, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (slice_eq_str(args[i].name, name))
			return &args[i];
	}
	return NULL;
}

/* ---- building */

static em_err
put_number(void *packet, size_t at, size_t size, const struct arg *arg)
{
	uint32_t number;
	em_err err = fields_number(arg->value, &number);
	uint16_t two = (uint16_t)number;

	if (err != EM_OK)
		return err;
	if (size < 4 && number >> 8 * size != 0)
		return EM_TOOBIG;
	if (size == 1)
		*((uint8_t *)packet + at) = (uint8_t)number;
	else if (size == 2)
		memcpy((uint8_t *)packet + at, &two, sizeof two);
	else
		memcpy((uint8_t *)packet + at, &number, sizeof number);
	return EM_OK;
}

static em_err
put_flag(void *packet, size_t at, const struct arg *arg)
{
	bool on = slice_eq_str(arg->value, "1");

	if (!on && !slice_eq_str(arg->value, "0"))
		return EM_MALFORMED;
	memcpy((uint8_t *)packet + at, &on, sizeof on);
	return EM_OK;
}

static em_err
put_member(struct mqtt_packet *p, const struct fields_member *m, const struct arg *arg)
{
	if (m->has != 0)
		memcpy((uint8_t *)p + m->has, &(bool){ true }, sizeof(bool));
	switch (m->kind) {
	case KIND_BOOL: return put_flag(p, m->at, arg);
	case KIND_U8: return put_number(p, m->at, 1, arg);
	case KIND_U16: return put_number(p, m->at, 2, arg);
	case KIND_BYTES:
		memcpy((uint8_t *)p + m->at, &arg->value, sizeof arg->value);
		return EM_OK;
	}
	UNREACHABLE();
}

static em_err
put_user(struct wbuf *w, struct slice value)
{
	const uint8_t *colon = value.n > 0 ? memchr(value.p, ':', value.n) : NULL;
	size_t key_n;

	if (colon == NULL)
		return EM_MALFORMED;
	key_n = (size_t)(colon - value.p);
	prop_put_user(w, slice_head(value, key_n), slice_from(value, key_n + 1));
	return w->err;
}

static em_err
put_prop(struct mqtt_props *p, const struct fields_prop *row, const struct arg *arg,
    struct wbuf *users)
{
	p->set |= MQTT_PROP_BIT(row->id);
	switch (row->kind) {
	case PROP_U8: return put_number(p, row->at, 1, arg);
	case PROP_U16: return put_number(p, row->at, 2, arg);
	case PROP_U32:
	case PROP_VARINT: return put_number(p, row->at, 4, arg);
	case PROP_STR:
	case PROP_BIN:
		memcpy((uint8_t *)p + row->at, &arg->value, sizeof arg->value);
		return EM_OK;
	case PROP_PAIR: return put_user(users, arg->value);
	}
	UNREACHABLE();
}

struct mqtt_props *
fields_props_of(struct mqtt_packet *p)
{
	switch (p->type) {
	case MQTT_CONNECT: return &p->connect.props;
	case MQTT_CONNACK: return &p->connack.props;
	case MQTT_PUBLISH: return &p->publish.props;
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBREL:
	case MQTT_PUBCOMP: return &p->ack.props;
	case MQTT_SUBSCRIBE: return &p->subscribe.props;
	case MQTT_UNSUBSCRIBE: return &p->unsubscribe.props;
	case MQTT_SUBACK:
	case MQTT_UNSUBACK: return &p->suback.props;
	case MQTT_PINGREQ:
	case MQTT_PINGRESP: return NULL;
	case MQTT_DISCONNECT: return &p->disconnect.props;
	case MQTT_AUTH: return &p->auth.props;
	}
	UNREACHABLE();
}

const struct fields_prop *
fields_prop_find(struct slice name)
{
	for (const struct fields_prop *row = fields_props; row->name != NULL; row++) {
		const char *known = row->kind == PROP_PAIR ? "user" : row->name;

		if (slice_eq_str(name, known))
			return row;
	}
	return NULL;
}

static const struct fields_member *
find_member(enum mqtt_type type, struct slice name)
{
	for (const struct fields_member *m = fields_members; m->name != NULL; m++) {
		if ((m->types >> type & 1) != 0 && slice_eq_str(name, m->name))
			return m;
	}
	return NULL;
}

static em_err
build_prop(struct mqtt_packet *p, const struct arg *arg, struct fields_scratch *scratch)
{
	struct mqtt_props *of = fields_props_of(p);
	struct wbuf *users = &scratch->users;
	const struct fields_prop *row = fields_prop_find(arg->name);
	bool is_will =
	    p->type == MQTT_CONNECT && slice_starts(arg->name, SLICE_LIT("will_"));

	if (is_will) {
		if (row == NULL)
			row = fields_prop_find(slice_from(arg->name, strlen("will_")));
		of = &p->connect.will.props;
		users = &scratch->will_users;
	}
	if (row == NULL || of == NULL)
		return EM_NOTFOUND;
	return p->version == MQTT_V5 ? put_prop(of, row, arg, users) : EM_OK;
}

/* What SUBSCRIBE says of the filter before it. */
static const struct option {
	const char *name;
	enum fields_kind kind;
	size_t at;
} options[] = {
	{ "qos", KIND_U8, offsetof(struct mqtt_filter, qos) },
	{ "retain_handling", KIND_U8, offsetof(struct mqtt_filter, retain_handling) },
	{ "no_local", KIND_BOOL, offsetof(struct mqtt_filter, no_local) },
	{ "retain_as_published", KIND_BOOL,
	    offsetof(struct mqtt_filter, retain_as_published) },
};
enum { OPTIONS_N = sizeof options / sizeof options[0] };

static const struct option *
find_option(enum mqtt_type type, struct slice name)
{
	for (unsigned i = 0; i < OPTIONS_N && type == MQTT_SUBSCRIBE; i++) {
		if (slice_eq_str(name, options[i].name))
			return &options[i];
	}
	return NULL;
}

/* The words from one filter to the next. */
static em_err
build_filter(struct wbuf *w, const struct arg *args, size_t n, enum mqtt_type type)
{
	struct mqtt_filter f = { .filter = args[0].value };
	em_err err = EM_OK;

	if (type == MQTT_UNSUBSCRIBE) {
		wbuf_bytes16(w, f.filter);
		return w->err;
	}
	for (size_t i = 1; i < n && !slice_eq_str(args[i].name, "filter"); i++) {
		const struct option *o = find_option(type, args[i].name);

		if (o == NULL)
			continue; /* of the whole packet */
		err = o->kind == KIND_BOOL ? put_flag(&f, o->at, &args[i])
					   : put_number(&f, o->at, 1, &args[i]);
		if (err != EM_OK)
			return err;
	}
	mqtt_encode_filter(w, &f);
	return w->err;
}

em_err
fields_build(struct mqtt_packet *p, const struct arg *args, size_t n,
    struct fields_scratch *scratch, struct fault *fault)
{
	*scratch = (struct fields_scratch){ wbuf_growing(MQTT_LEN_MAX),
		wbuf_growing(MQTT_LEN_MAX), wbuf_growing(MQTT_LEN_MAX) };
	for (size_t i = 0; i < n; i++) {
		const struct fields_member *m = find_member(p->type, args[i].name);
		em_err err;

		if (slice_eq_str(args[i].name, "filter"))
			err = build_filter(&scratch->filters, args + i, n - i, p->type);
		else if (find_option(p->type, args[i].name) != NULL)
			err = EM_OK; /* build_filter has it */
		else if (m != NULL)
			err = put_member(p, m, &args[i]);
		else
			err = build_prop(p, &args[i], scratch);
		if (err != EM_OK)
			return fault_set(fault, EM_USAGE, "%s %.*s=%.*s: %s",
			    mqtt_dump_type(p->type), SLICE_FMT(args[i].name),
			    SLICE_FMT(args[i].value), err_text(err));
	}
	if (fields_props_of(p) != NULL)
		fields_props_of(p)->raw = wbuf_slice(&scratch->users);
	if (p->type == MQTT_CONNECT)
		p->connect.will.props.raw = wbuf_slice(&scratch->will_users);
	else if (p->type == MQTT_SUBSCRIBE)
		p->subscribe.filters = wbuf_slice(&scratch->filters);
	else if (p->type == MQTT_UNSUBSCRIBE)
		p->unsubscribe.filters = wbuf_slice(&scratch->filters);
	return EM_OK;
}

void
fields_scratch_fini(struct fields_scratch *scratch)
{
	wbuf_fini(&scratch->users);
	wbuf_fini(&scratch->will_users);
	wbuf_fini(&scratch->filters);
}
