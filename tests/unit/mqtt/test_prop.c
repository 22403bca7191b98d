/* SPDX-License-Identifier: Apache-2.0 */
/* Properties: which where, once or many, their values, and what is passed on. */
#include "tests/unit/mqtt/bytes.h"

/* One example of each property, and the packets (2.2.2.2 of the standard) that
 * may carry it: from the client, from the server.  w is the will. */
struct example {
	enum mqtt_prop id;
	const char *bytes;
	const char *client, *server;
};

/* c CONNECT, C CONNACK, p PUBLISH, 4 5 6 7 the acks, s SUBSCRIBE, S SUBACK,
 * u UNSUBSCRIBE, U UNSUBACK, d DISCONNECT, a AUTH */
static const char letters[] = "wcCp4567sSuU..da";

static const struct example examples[] = {
	{ MQTT_PROP_PAYLOAD_FORMAT, "01 01", "wp", "p" },
	{ MQTT_PROP_MESSAGE_EXPIRY, "02 00000009", "wp", "p" },
	{ MQTT_PROP_CONTENT_TYPE, "03 0001 'c'", "wp", "p" },
	{ MQTT_PROP_RESPONSE_TOPIC, "08 0003 'r/t'", "wp", "p" },
	{ MQTT_PROP_CORRELATION_DATA, "09 0002 ff00", "wp", "p" },
	{ MQTT_PROP_SUBSCRIPTION_ID, "0b 8001", "s", "p" },
	{ MQTT_PROP_SESSION_EXPIRY, "11 ffffffff", "cd", "C" },
	{ MQTT_PROP_ASSIGNED_CLIENT_ID, "12 0001 'x'", "", "C" },
	{ MQTT_PROP_SERVER_KEEPALIVE, "13 0005", "", "C" },
	{ MQTT_PROP_AUTH_METHOD, "15 0001 'm'", "ca", "Ca" },
	{ MQTT_PROP_AUTH_DATA, "16 0001 'd'", "ca", "Ca" },
	{ MQTT_PROP_REQUEST_PROBLEM, "17 00", "c", "" },
	{ MQTT_PROP_WILL_DELAY, "18 00000001", "w", "" },
	{ MQTT_PROP_REQUEST_RESPONSE, "19 01", "c", "" },
	{ MQTT_PROP_RESPONSE_INFO, "1a 0001 'x'", "", "C" },
	{ MQTT_PROP_SERVER_REFERENCE, "1c 0001 'x'", "", "Cd" },
	{ MQTT_PROP_REASON_STRING, "1f 0003 'why'", "4567da", "C4567SUda" },
	{ MQTT_PROP_RECEIVE_MAX, "21 000a", "c", "C" },
	{ MQTT_PROP_TOPIC_ALIAS_MAX, "22 0000", "c", "C" },
	{ MQTT_PROP_TOPIC_ALIAS, "23 0001", "p", "p" },
	{ MQTT_PROP_MAX_QOS, "24 01", "", "C" },
	{ MQTT_PROP_RETAIN_AVAILABLE, "25 00", "", "C" },
	{ MQTT_PROP_USER_PROPERTY, "26 0001 'k' 0002 'vv'", "wcp4567suda", "Cp4567SUda" },
	{ MQTT_PROP_MAX_PACKET_SIZE, "27 00000064", "c", "C" },
	{ MQTT_PROP_WILDCARD_AVAILABLE, "28 01", "", "C" },
	{ MQTT_PROP_SUBSCRIPTION_ID_AVAILABLE, "29 00", "", "C" },
	{ MQTT_PROP_SHARED_AVAILABLE, "2a 01", "", "C" },
};

#define EACH_EXAMPLE(e_)                                      \
	const struct example *e_ = examples;                  \
	e_ < examples + sizeof examples / sizeof examples[0]; \
	e_++

static em_err
decode(const struct bytes *b, unsigned type, unsigned flags, struct mqtt_props *p,
    struct mqtt_fault *fault)
{
	*fault = (struct mqtt_fault){ 0 };
	return prop_decode(bytes_slice(b), type, flags, p, fault);
}

static bool
needs_method(const struct example *e)
{
	return e->id == MQTT_PROP_AUTH_DATA;
}

/* The properties of @e that decode where it may stand. */
static struct bytes
bytes_for(const struct example *e)
{
	struct bytes b = bytes_of(e->bytes);

	if (needs_method(e))
		bytes_add(&b, "15 0001 'm'");
	return b;
}

TEST(a_property_belongs_in_its_packets_only)
{
	for (EACH_EXAMPLE(e)) {
		for (unsigned type = 0; type < 16; type++) {
			for (unsigned from = 0; from <= MQTT_FROM_SERVER;
			     from += MQTT_FROM_SERVER) {
				const char *where = from != 0 ? e->server : e->client;
				const char *other = from != 0 ? e->client : e->server;
				bool here = strchr(where, letters[type]) != NULL;
				bool there = strchr(other, letters[type]) != NULL;
				struct bytes b = bytes_for(e);
				struct mqtt_fault fault;
				struct mqtt_props p;
				em_err err;

				if (type == MQTT_PINGREQ || type == MQTT_PINGRESP)
					continue;
				err = decode(&b, type, from, &p, &fault);
				if ((err == EM_OK) != here)
					tap_fail(__FILE__, __LINE__,
					    "%s in %u, flags %u: %s", prop_name(e->id),
					    type, from,
					    err == EM_OK ? "taken" : fault.rule);
				if (here) {
					OK(prop_has(&p, e->id));
					EQ(p.raw.n, b.n);
				} else {
					EQ(fault.reason, there ? 0x82 : 0x81);
				}
			}
		}
	}
}

/* Some type and side where @e may stand. */
static void
a_place(const struct example *e, unsigned *type, unsigned *flags)
{
	const char *where = e->client[0] != 0 ? e->client : e->server;

	*flags = e->client[0] != 0 ? 0 : MQTT_FROM_SERVER;
	*type = (unsigned)(strchr(letters, where[0]) - letters);
}

TEST(a_property_stands_once_but_for_user_properties)
{
	for (EACH_EXAMPLE(e)) {
		struct bytes b = bytes_for(e);
		struct mqtt_fault fault;
		struct mqtt_props p;
		unsigned type, flags;
		em_err err;

		a_place(e, &type, &flags);
		bytes_add(&b, e->bytes);
		err = decode(&b, type, flags, &p, &fault);
		if (e->id == MQTT_PROP_USER_PROPERTY) {
			EQ(err, EM_OK);
			continue;
		}
		EQ(err, EM_MALFORMED);
		EQ(fault.reason, 0x82);
		OK(strstr(fault.rule, "twice") != NULL);
		OK(strstr(fault.rule, prop_name(e->id)) != NULL);
	}
}

TEST(a_property_cut_short_is_malformed)
{
	for (EACH_EXAMPLE(e)) {
		struct bytes b = bytes_of(e->bytes);
		struct mqtt_fault fault;
		struct mqtt_props p;
		unsigned type, flags;

		a_place(e, &type, &flags);
		while (--b.n > 0) {
			EQ(decode(&b, type, flags, &p, &fault), EM_MALFORMED);
			EQ(fault.reason, 0x81);
		}
	}
}

TEST(ids_that_the_standard_does_not_have_are_malformed)
{
	for (unsigned id = 0; id < 256; id++) {
		struct bytes b = { .p = { (uint8_t)id, 1, 0, 0, 0 }, .n = 5 };
		struct mqtt_fault fault;
		struct mqtt_props p;

		if (prop_name(id) != NULL)
			continue;
		EQ(decode(&b, MQTT_PUBLISH, 0, &p, &fault), EM_MALFORMED);
		EQ(fault.reason, 0x81);
		OK(strstr(fault.rule, "unknown") != NULL);
	}
}

TEST(values_arrive_in_their_fields)
{
	struct bytes b = bytes_of("11 00000e10 21 0014 27 00010000 22 0007 17 00 19 01"
				  "15 0005 'SCRAM' 16 0003 00ff01");
	struct mqtt_fault fault;
	struct mqtt_props p;

	EQ(decode(&b, MQTT_CONNECT, MQTT_STRICT, &p, &fault), EM_OK);
	EQ(p.session_expiry, 3600);
	EQ(p.receive_max, 20);
	EQ(p.max_packet_size, 65536);
	EQ(p.topic_alias_max, 7);
	EQ(p.request_problem, 0);
	EQ(p.request_response, 1);
	OK(slice_eq_str(p.auth_method, "SCRAM"));
	EQ(p.auth_data.n, 3);
	EQ(PROP_GET(&p, RECEIVE_MAX, receive_max, 65535), 20);
	EQ(PROP_GET(&p, SERVER_KEEPALIVE, server_keepalive, 99), 99);
}

struct value_case {
	const char *bytes;
	unsigned type, flags;
	uint8_t reason;
};

static const struct value_case values[] = {
	{ "01 02", MQTT_PUBLISH, 0, 0x82 },
	{ "01 02", 0, 0, 0x82 },
	{ "0b 00", MQTT_SUBSCRIBE, 0, 0x82 },
	{ "0b 00", MQTT_PUBLISH, MQTT_FROM_SERVER, 0x82 },
	{ "0b ffffff7f", MQTT_SUBSCRIBE, 0, 0 },
	{ "0b ffffffff01", MQTT_SUBSCRIBE, 0, 0x81 },
	{ "0b 8100", MQTT_SUBSCRIBE, 0, 0 },
	{ "0b 8100", MQTT_SUBSCRIBE, MQTT_STRICT, 0x81 },
	{ "17 02", MQTT_CONNECT, 0, 0x82 },
	{ "19 02", MQTT_CONNECT, 0, 0x82 },
	{ "21 0000", MQTT_CONNECT, 0, 0x82 },
	{ "21 0000", MQTT_CONNACK, MQTT_FROM_SERVER, 0x82 },
	{ "27 00000000", MQTT_CONNECT, 0, 0x82 },
	{ "23 0000", MQTT_PUBLISH, 0, 0x94 },
	{ "23 ffff", MQTT_PUBLISH, 0, 0 },
	{ "24 02", MQTT_CONNACK, MQTT_FROM_SERVER, 0x82 },
	{ "25 02", MQTT_CONNACK, MQTT_FROM_SERVER, 0x82 },
	{ "28 02", MQTT_CONNACK, MQTT_FROM_SERVER, 0x82 },
	{ "29 02", MQTT_CONNACK, MQTT_FROM_SERVER, 0x82 },
	{ "2a ff", MQTT_CONNACK, MQTT_FROM_SERVER, 0x82 },
	{ "16 0001 'd'", MQTT_CONNECT, 0, 0x82 },
	{ "16 0001 'd'", MQTT_AUTH, 0, 0x82 },
	{ "08 0003 'a/#'", MQTT_PUBLISH, 0, 0x82 },
	{ "08 0001 '+'", 0, 0, 0x82 },
	{ "08 0000", MQTT_PUBLISH, 0, 0 },
	{ "08 0000", MQTT_PUBLISH, MQTT_STRICT, 0x82 },
	{ "08 0001 ff", MQTT_PUBLISH, 0, 0x81 },
	{ "03 0003 eda080", MQTT_PUBLISH, 0, 0x81 },
	{ "03 0001 00", MQTT_PUBLISH, 0, 0x81 },
	{ "09 0003 eda080", MQTT_PUBLISH, 0, 0 },
	{ "26 0001 ff 0000", MQTT_PUBLISH, 0, 0x81 },
	{ "26 0000 0001 00", MQTT_PUBLISH, 0, 0x81 },
	{ "26 0000 0000", MQTT_PUBLISH, 0, 0 },
	{ "9100 00000000", MQTT_CONNECT, 0, 0x81 },
	{ "0b 01 0b 02 0b 01", MQTT_PUBLISH, MQTT_FROM_SERVER, 0 },
	{ "0b 01 0b 02", MQTT_SUBSCRIBE, 0, 0x82 },
};

TEST(values_out_of_their_range_are_refused_with_their_code)
{
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		struct bytes b = bytes_of(values[i].bytes);
		struct mqtt_fault fault;
		struct mqtt_props p;

		if (decode(&b, values[i].type, values[i].flags, &p, &fault) != EM_OK)
			OK(fault.rule[0] == '[');
		if (fault.reason != values[i].reason)
			tap_fail(__FILE__, __LINE__, "%s: 0x%02x, not 0x%02x",
			    values[i].bytes, fault.reason, values[i].reason);
	}
}

TEST(user_properties_and_subscription_ids_are_walked_in_order)
{
	struct bytes b = bytes_of("26 0001 'a' 0001 '1' 0b 05 26 0001 'b' 0000 01 00"
				  "0b ffffff7f 26 0001 'a' 0001 '2'");
	struct slice rest, key, value;
	struct mqtt_fault fault;
	struct mqtt_props p;
	uint32_t id;

	EQ(decode(&b, MQTT_PUBLISH, MQTT_FROM_SERVER, &p, &fault), EM_OK);
	EQ(p.subscription_id, 268435455);
	rest = p.raw;
	OK(prop_next_user(&rest, &key, &value));
	OK(slice_eq_str(key, "a") && slice_eq_str(value, "1"));
	OK(prop_next_user(&rest, &key, &value));
	OK(slice_eq_str(key, "b") && value.n == 0);
	OK(prop_next_user(&rest, &key, &value));
	OK(slice_eq_str(key, "a") && slice_eq_str(value, "2"));
	OK(!prop_next_user(&rest, &key, &value));
	rest = p.raw;
	OK(prop_next_subid(&rest, &id));
	EQ(id, 5);
	OK(prop_next_subid(&rest, &id));
	EQ(id, 268435455);
	OK(!prop_next_subid(&rest, &id));
}

TEST(what_belongs_to_a_delivery_is_not_passed_on)
{
	struct bytes b = bytes_of("26 0001 'a' 0001 '1' 23 0001 01 01 02 00000009"
				  "26 0001 'b' 0000 03 0001 'c' 09 0001 'd' 08 0001 'r'");
	struct bytes want = bytes_of("26 0001 'a' 0001 '1' 01 01 26 0001 'b' 0000"
				     "03 0001 'c' 09 0001 'd' 08 0001 'r'");
	uint8_t to[BYTES_MAX];
	struct mqtt_fault fault;
	struct mqtt_props p;

	EQ(decode(&b, MQTT_PUBLISH, 0, &p, &fault), EM_OK);
	OK(!prop_is_forwardable(&p));
	EQ(prop_forward(&p, to), want.n);
	MEM_EQ(to, want.p, want.n);

	EQ(decode(&want, MQTT_PUBLISH, 0, &p, &fault), EM_OK);
	OK(prop_is_forwardable(&p));
	EQ(prop_forward(&p, to), want.n);
	MEM_EQ(to, want.p, want.n);

	prop_clear(&p);
	OK(prop_is_forwardable(&p));
	EQ(prop_forward(&p, to), 0);
}

TEST(a_will_keeps_its_delay_to_itself)
{
	struct bytes b = bytes_of("18 00000001 01 00");
	uint8_t to[8];
	struct mqtt_fault fault;
	struct mqtt_props p;

	EQ(decode(&b, 0, 0, &p, &fault), EM_OK);
	EQ(prop_forward(&p, to), 2);
	EQ(to[0], 1);
}

TEST(every_property_is_written_as_it_was_read)
{
	for (EACH_EXAMPLE(e)) {
		struct bytes b = bytes_for(e);
		uint8_t out[64];
		struct wbuf w = wbuf_fixed(out, sizeof out);
		struct bytes again;
		struct mqtt_fault fault;
		struct mqtt_props p;
		unsigned type, flags;

		a_place(e, &type, &flags);
		EQ(decode(&b, type, flags, &p, &fault), EM_OK);
		EQ(prop_size(&p), b.n);
		prop_put(&w, &p);
		EQ(w.err, EM_OK);
		EQ(w.n, 1 + b.n);
		EQ(out[0], b.n);
		if (!needs_method(e)) {
			MEM_EQ(out + 1, b.p, b.n);
			continue;
		}
		again = (struct bytes){ .n = 0 };
		bytes_add(&again, "15 0001 'm' 16 0001 'd'");
		MEM_EQ(out + 1, again.p, again.n);
	}
}

TEST(user_properties_can_be_made)
{
	uint8_t buf[64];
	struct wbuf w = wbuf_fixed(buf, sizeof buf);
	struct slice rest, key, value;
	struct mqtt_props p = { .set = 0 };

	prop_put_user(&w, SLICE_LIT("k"), SLICE_LIT("vv"));
	prop_put_user(&w, SLICE_LIT("k2"), SLICE_NONE);
	EQ(w.n, prop_user_size(SLICE_LIT("k"), SLICE_LIT("vv")) +
		    prop_user_size(SLICE_LIT("k2"), SLICE_NONE));
	p.set = MQTT_PROP_BIT(MQTT_PROP_USER_PROPERTY);
	p.raw = rest = wbuf_slice(&w);
	OK(prop_next_user(&rest, &key, &value));
	OK(slice_eq_str(key, "k") && slice_eq_str(value, "vv"));
	OK(prop_next_user(&rest, &key, &value));
	OK(slice_eq_str(key, "k2") && value.n == 0);
	*PROP_SET(&p, REASON_STRING, reason_string) = SLICE_LIT("no");
	EQ(prop_size(&p), w.n + 5);
}

TEST(a_packet_too_large_loses_user_properties_then_the_reason_string)
{
	uint8_t buf[64];
	struct wbuf w = wbuf_fixed(buf, sizeof buf);
	struct mqtt_props p = { .set = 0 };
	const uint64_t all = MQTT_PROP_BIT(MQTT_PROP_USER_PROPERTY) |
			     MQTT_PROP_BIT(MQTT_PROP_REASON_STRING) |
			     MQTT_PROP_BIT(MQTT_PROP_TOPIC_ALIAS_MAX);

	prop_put_user(&w, SLICE_LIT("k"), SLICE_LIT("v")); /* 7 bytes */
	p.raw = wbuf_slice(&w);
	*PROP_SET(&p, REASON_STRING, reason_string) = SLICE_LIT("no");
	p.set = all;
	prop_trim(&p, 100, 100);
	EQ(p.set, all);
	prop_trim(&p, 100, 93);
	EQ(p.set, all & ~MQTT_PROP_BIT(MQTT_PROP_USER_PROPERTY));
	p.set = all;
	prop_trim(&p, 100, 92);
	EQ(p.set, MQTT_PROP_BIT(MQTT_PROP_TOPIC_ALIAS_MAX));
}

TEST(properties_have_emqx_names)
{
	STR_EQ(prop_name(0x21), "Receive-Maximum");
	STR_EQ(prop_name(0x13), "Server-Keep-Alive");
	OK(prop_name(0x04) == NULL);
	OK(prop_name(0x2b) == NULL);
	OK(prop_name(1000) == NULL);
}
