/* SPDX-License-Identifier: Apache-2.0 */
/* Where packets end, and where that cannot be known yet. */
#include "emqxd/mqtt/frame.h"
#include "ipc/base/mem.h"
#include "ipc/base/wbuf.h"
#include "tests/unit/tap.h"

static const uint32_t lengths[] = { 0, 1, 127, 128, 16383, 16384, 2097151, 2097152,
	268435455 };

#define EACH_LENGTH(i_)                          \
	size_t i_ = 0;                           \
	i_ < sizeof lengths / sizeof lengths[0]; \
	i_++

TEST(a_packet_is_whole_with_its_last_byte)
{
	uint8_t *buf = mem_new(300 + 16384);

	for (EACH_LENGTH(i)) {
		struct mqtt_frame f;
		size_t head;

		if (lengths[i] > 16384)
			break;
		buf[0] = 0x30;
		head = 1 + varint_put(buf + 1, lengths[i]);
		EQ(mqtt_frame_peek(slice_of(buf, head + lengths[i]), &f),
		    MQTT_PEEK_WHOLE);
		EQ(f.first, 0x30);
		EQ(f.head, head);
		EQ(f.total, head + lengths[i]);
		EQ(f.body.n, lengths[i]);
		OK(f.body.p == buf + head);
		OK(!f.overlong);
		EQ(mqtt_frame_type(&f), MQTT_PUBLISH);
	}
	mem_free(buf);
}

TEST(the_next_packet_does_not_belong_to_it)
{
	const uint8_t two[] = { 0xc0, 0, 0xe0, 0 };
	struct mqtt_frame f;

	EQ(mqtt_frame_peek(slice_of(two, sizeof two), &f), MQTT_PEEK_WHOLE);
	EQ(f.total, 2);
}

TEST(the_total_is_known_as_soon_as_the_length_is)
{
	for (EACH_LENGTH(i)) {
		uint8_t buf[5] = { 0x30 };
		size_t head = 1 + varint_put(buf + 1, lengths[i]);
		struct mqtt_frame f;

		for (size_t n = 0; n < head; n++) {
			EQ(mqtt_frame_peek(slice_of(buf, n), &f), MQTT_PEEK_MORE);
			EQ(f.total, 0);
		}
		if (lengths[i] == 0)
			continue;
		EQ(mqtt_frame_peek(slice_of(buf, head), &f), MQTT_PEEK_MORE);
		EQ(f.total, head + lengths[i]);
		EQ(f.first, 0x30);
	}
}

TEST(a_length_of_five_bytes_is_bad_after_four)
{
	const uint8_t bytes[] = { 0x30, 0xff, 0xff, 0xff, 0xff, 0x7f };
	struct mqtt_frame f;

	EQ(mqtt_frame_peek(slice_of(bytes, 4), &f), MQTT_PEEK_MORE);
	EQ(mqtt_frame_peek(slice_of(bytes, 5), &f), MQTT_PEEK_BAD);
	EQ(mqtt_frame_peek(slice_of(bytes, 6), &f), MQTT_PEEK_BAD);
}

TEST(a_length_longer_than_needed_is_noted)
{
	const uint8_t ping[] = { 0xc0, 0x80, 0 };
	const uint8_t four[] = { 0xc0, 0x82, 0x80, 0x80, 0, 1, 2 };
	struct mqtt_frame f;

	EQ(mqtt_frame_peek(slice_of(ping, sizeof ping), &f), MQTT_PEEK_WHOLE);
	OK(f.overlong);
	EQ(f.total, 3);
	EQ(mqtt_frame_peek(slice_of(four, sizeof four), &f), MQTT_PEEK_WHOLE);
	OK(f.overlong);
	EQ(f.total, 7);
	EQ(f.body.n, 2);
}
