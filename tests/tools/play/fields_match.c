/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields_match: what the broker sent as a list of values: shown, and compared
 * with what a scenario asks for.
 */
#include "tests/tools/play/fields_table.h"
#include "emqxd/mqtt/dump.h"
#include "emqxd/mqtt/prop.h"
#include "emqxd/mqtt/reason.h"

/* ---- listing */

static void
add_number(field_vec *out, const char *name, uint32_t number, bool is_loose)
{
	VEC_ADD(out, ((struct field){ .name = name,
			 .is_number = true,
			 .is_loose = is_loose,
			 .is_default = number == 0,
			 .number = number }));
}

static void
add_bytes(field_vec *out, const char *name, struct slice bytes, bool is_loose)
{
	VEC_ADD(out, ((struct field){ .name = name,
			 .is_loose = is_loose,
			 .is_default = bytes.n == 0,
			 .bytes = bytes }));
}

static void
list_member(field_vec *out, const struct mqtt_packet *p, const struct fields_member *m)
{
	const uint8_t *at = (const uint8_t *)p + m->at;
	uint16_t two;
	struct slice bytes;
	bool flag;

	switch (m->kind) {
	case KIND_BOOL:
		memcpy(&flag, at, sizeof flag);
		add_number(out, m->name, flag, m->is_loose);
		return;
	case KIND_U8: add_number(out, m->name, *at, m->is_loose); return;
	case KIND_U16:
		memcpy(&two, at, sizeof two);
		add_number(out, m->name, two, m->is_loose);
		return;
	case KIND_BYTES:
		memcpy(&bytes, at, sizeof bytes);
		add_bytes(out, m->name, bytes, m->is_loose);
		return;
	}
	UNREACHABLE();
}

/* A number that a property has may be 0 and still says something. */
static void
list_prop(field_vec *out, const struct mqtt_props *p, const struct fields_prop *row,
    bool is_loose)
{
	const uint8_t *at = (const uint8_t *)p + row->at;
	uint16_t two;
	uint32_t four;
	struct slice bytes;

	switch (row->kind) {
	case PROP_U8: add_number(out, row->name, *at, is_loose); break;
	case PROP_U16:
		memcpy(&two, at, sizeof two);
		add_number(out, row->name, two, is_loose);
		break;
	case PROP_U32:
	case PROP_VARINT:
		memcpy(&four, at, sizeof four);
		add_number(out, row->name, four, is_loose);
		break;
	case PROP_STR:
	case PROP_BIN:
		memcpy(&bytes, at, sizeof bytes);
		add_bytes(out, row->name, bytes, is_loose);
		break;
	case PROP_PAIR: return;
	}
	out->p[out->n - 1].is_default = false;
}

static void
list_repeated(field_vec *out, const struct mqtt_props *p, bool is_loose)
{
	struct slice rest = p->raw;
	struct slice key, value;
	uint32_t id;

	while (prop_next_subid(&rest, &id))
		add_number(out, "subscription_id", id, is_loose);
	rest = p->raw;
	while (prop_next_user(&rest, &key, &value)) {
		add_bytes(out, "user", key, is_loose);
		out->p[out->n - 1].second = value;
		out->p[out->n - 1].is_default = false;
	}
}

static void
list_props(field_vec *out, const struct mqtt_packet *p, const struct mqtt_props *of)
{
	/* What a server may add as it likes. */
	bool is_loose = p->type == MQTT_CONNACK;

	for (const struct fields_prop *row = fields_props; row->name != NULL; row++) {
		if (row->id != MQTT_PROP_SUBSCRIPTION_ID && prop_has(of, row->id))
			list_prop(
			    out, of, row, is_loose || row->id == MQTT_PROP_REASON_STRING);
	}
	list_repeated(out, of, is_loose);
}

void
fields_list(const struct mqtt_packet *p, field_vec *out)
{
	struct mqtt_packet copy = *p;
	const struct mqtt_props *of = fields_props_of(&copy);

	for (const struct fields_member *m = fields_members; m->name != NULL; m++) {
		if ((m->types >> p->type & 1) != 0)
			list_member(out, p, m);
	}
	if (p->type == MQTT_SUBACK || p->type == MQTT_UNSUBACK) {
		for (size_t i = 0; i < p->suback.codes.n; i++) {
			add_number(out, "code", p->suback.codes.p[i], false);
			out->p[out->n - 1].is_default = false;
		}
	}
	if (of != NULL && p->version == MQTT_V5)
		list_props(out, p, of);
}

static void
print_bytes(struct str *out, struct slice bytes)
{
	const size_t shown = 80;

	str_add_char(out, '"');
	str_add_escaped(out, slice_head(bytes, shown));
	str_add_char(out, '"');
	if (bytes.n > shown)
		str_addf(out, "...(%zu bytes)", bytes.n);
}

static void
print_field(struct str *out, const struct field *f)
{
	str_addf(out, " %s=", f->name);
	if (!f->is_number) {
		print_bytes(out, f->bytes);
		if (strcmp(f->name, "user") == 0) {
			str_add_char(out, ':');
			print_bytes(out, f->second);
		}
	} else if (f->number >= 0x80 &&
		   (strcmp(f->name, "reason") == 0 || strcmp(f->name, "code") == 0))
		str_addf(out, "0x%02x(%s)", f->number, reason_name((uint8_t)f->number));
	else
		str_addf(out, "%u", f->number);
}

void
fields_print(struct str *out, const struct mqtt_packet *p)
{
	field_vec fields = { NULL, 0, 0 };

	str_add(out, mqtt_dump_type(p->type));
	fields_list(p, &fields);
	for (size_t i = 0; i < fields.n; i++) {
		if (!fields.p[i].is_default)
			print_field(out, &fields.p[i]);
	}
	VEC_FINI(&fields);
}

/* ---- comparing */

/* "7", "5..9", a reason's name; the code that a 3.x client is told instead. */
static bool
number_is(struct slice want, const struct field *got, const struct mqtt_packet *p)
{
	const uint8_t *dots = want.n > 2 ? memmem(want.p, want.n, "..", 2) : NULL;
	uint32_t low, high;

	if (dots != NULL) {
		size_t at = (size_t)(dots - want.p);

		return fields_number(slice_head(want, at), &low) == EM_OK &&
		       fields_number(slice_from(want, at + 2), &high) == EM_OK &&
		       got->number >= low && got->number <= high;
	}
	if (fields_number(want, &low) != EM_OK)
		return false;
	if (p->version != MQTT_V5 && low >= 0x80 && p->type == MQTT_CONNACK)
		low = reason_to_v3((uint8_t)low);
	if (p->version != MQTT_V5 && low >= 0x80 && p->type == MQTT_SUBACK)
		low = 0x80;
	return got->number == low;
}

/* "a|b" is one or the other. */
static bool
one_number_is(struct slice want, const struct field *got, const struct mqtt_packet *p)
{
	const uint8_t *bar;

	while ((bar = want.n > 0 ? memchr(want.p, '|', want.n) : NULL) != NULL) {
		size_t at = (size_t)(bar - want.p);

		if (number_is(slice_head(want, at), got, p))
			return true;
		want = slice_from(want, at + 1);
	}
	return number_is(want, got, p);
}

static bool
value_is(const struct arg *want, const struct field *got, const struct mqtt_packet *p)
{
	struct slice value = want->value;

	if (want->capture.n > 0 || (!want->is_quoted && slice_eq_str(value, "*")))
		return true;
	if (got->is_number)
		return one_number_is(value, got, p);
	if (strcmp(got->name, "user") != 0)
		return slice_eq(value, got->bytes);
	return value.n == got->bytes.n + 1 + got->second.n &&
	       slice_starts(value, got->bytes) && value.p[got->bytes.n] == ':' &&
	       slice_eq(slice_from(value, got->bytes.n + 1), got->second);
}

/* May this word not be asked for in what such a client gets? */
static bool
is_not_spoken(const struct mqtt_packet *p, struct slice name)
{
	if (p->version == MQTT_V5)
		return false;
	if (p->type == MQTT_UNSUBACK && slice_eq_str(name, "code"))
		return true;
	if (p->version == MQTT_V31 && slice_eq_str(name, "session_present"))
		return true;
	if (p->type != MQTT_CONNACK && slice_eq_str(name, "reason"))
		return true;
	return fields_prop_find(name) != NULL;
}

static em_err
differs(struct fault *fault, const struct arg *want, const char *how)
{
	return fault_set(fault, EM_FAILED, "%.*s: wanted %.*s%s", SLICE_FMT(want->name),
	    SLICE_FMT(slice_head(want->value, 80)), how);
}

/* "reason_string=absent": it must not be there, though it may as a rule. */
static bool
is_absent(const struct arg *want)
{
	return !want->is_quoted && slice_eq_str(want->value, "absent");
}

/* The first value of this name that no word before met. */
static size_t
find_free(const field_vec *got, const bool *is_met, struct slice name)
{
	size_t i = 0;

	while (i < got->n && (is_met[i] || !slice_eq_str(name, got->p[i].name)))
		i++;
	return i;
}

/* Values that the scenario does not name: an ack without a reason is one that
 * says done; what is as usual needs no word. */
static em_err
match_rest(const struct mqtt_packet *p, const field_vec *got, const bool *is_met,
    struct fault *fault)
{
	bool is_ack = (TYPES_ACK >> p->type & 1) != 0;

	for (size_t i = 0; i < got->n; i++) {
		const struct field *f = &got->p[i];

		if (is_met[i] || f->is_loose || f->is_default)
			continue;
		if (is_ack && f->number < 0x80 && strcmp(f->name, "reason") == 0)
			continue;
		return fault_set(fault, EM_FAILED, "%s: not asked for", f->name);
	}
	return EM_OK;
}

em_err
fields_match(const struct mqtt_packet *p, const field_vec *got, const struct arg *args,
    size_t n, size_t *hit, struct fault *fault)
{
	bool *is_met = mem_new_array(got->n + 1, sizeof *is_met);
	bool is_open = false;
	em_err err = EM_OK;

	for (size_t i = 0; i < n && err == EM_OK; i++) {
		hit[i] = got->n;
		if (fields_is_rest(&args[i])) {
			is_open = true;
			continue;
		}
		if (is_not_spoken(p, args[i].name))
			continue;
		hit[i] = find_free(got, is_met, args[i].name);
		if (is_absent(&args[i])) {
			if (hit[i] < got->n)
				err = differs(fault, &args[i], ", it is there");
			continue;
		}
		if (hit[i] == got->n)
			err = differs(fault, &args[i], ", there is none");
		else if (!value_is(&args[i], &got->p[hit[i]], p))
			err = differs(fault, &args[i], "");
		else
			is_met[hit[i]] = true;
	}
	if (err == EM_OK && !is_open)
		err = match_rest(p, got, is_met, fault);
	mem_free(is_met);
	return err;
}
