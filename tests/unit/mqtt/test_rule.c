/* SPDX-License-Identifier: Apache-2.0 */
/* The look at eight bytes of a topic at a time sees what one at a time sees. */
#include "emqxd/mqtt/rule.h"
#include "ipc/base/utf8.h"
#include "tests/unit/tap.h"

static enum rule_topic
plainly(struct slice t)
{
	if (t.n == 0)
		return RULE_TOPIC_EMPTY;
	if (!utf8_is_mqtt(t))
		return RULE_TOPIC_ILL_FORMED;
	for (size_t i = 0; i < t.n; i++) {
		if (t.p[i] == '+' || t.p[i] == '#')
			return RULE_TOPIC_WILDCARD;
	}
	return RULE_TOPIC_OK;
}

TEST(every_byte_at_every_place_is_judged_alike)
{
	uint8_t buf[27];

	for (size_t n = 0; n <= sizeof buf; n++) {
		for (size_t at = 0; at < n; at++) {
			for (unsigned b = 0; b < 256; b++) {
				memset(buf, 'x', sizeof buf);
				buf[at] = (uint8_t)b;
				EQ(rule_topic(slice_of(buf, n)),
				    plainly(slice_of(buf, n)));
			}
		}
	}
}

TEST(an_empty_topic_is_empty)
{
	EQ(rule_topic(SLICE_NONE), RULE_TOPIC_EMPTY);
}

TEST(neighbours_of_the_wildcards_are_letters)
{
	EQ(rule_topic(SLICE_LIT("\x22\x24\x2a\x2c\x01\x7f!~a/b")), RULE_TOPIC_OK);
}

TEST(other_scripts_are_topics_and_may_hold_wildcards)
{
	EQ(rule_topic(SLICE_LIT("caf\xc3\xa9/\xf0\x9f\x98\x80")), RULE_TOPIC_OK);
	EQ(rule_topic(SLICE_LIT("\xef\xbb\xbf")), RULE_TOPIC_OK);
	EQ(rule_topic(SLICE_LIT("caf\xc3\xa9/+")), RULE_TOPIC_WILDCARD);
	EQ(rule_topic(SLICE_LIT("\xc3\xa9/#")), RULE_TOPIC_WILDCARD);
	EQ(rule_topic(SLICE_LIT("#\xed\xa0\x80")), RULE_TOPIC_ILL_FORMED);
}

TEST(an_integer_is_read_in_its_shortest_form_or_leniently)
{
	const uint8_t longer[] = { 0x81, 0x80, 0x00, 0x2a };
	const uint8_t endless[] = { 0xff, 0xff, 0xff, 0xff, 0x7f };
	const uint8_t cut[] = { 0x80 };
	struct rbuf r = rbuf_of(slice_of(longer, sizeof longer));

	EQ(rule_varint(&r, 0), 1);
	EQ(rbuf_u8(&r), 0x2a);
	r = rbuf_of(slice_of(longer, sizeof longer));
	EQ(rule_varint(&r, MQTT_STRICT), 0);
	EQ(r.err, EM_MALFORMED);
	r = rbuf_of(slice_of(endless, sizeof endless));
	EQ(rule_varint(&r, 0), 0);
	EQ(r.err, EM_MALFORMED);
	r = rbuf_of(slice_of(cut, sizeof cut));
	EQ(rule_varint(&r, 0), 0);
	EQ(r.err, EM_MALFORMED);
}
