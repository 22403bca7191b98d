/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame: the length of two to four bytes, and the input that ends inside it.
 * A length that is longer than needed is noted, not refused: only its sender
 * is forbidden it [MQTT5-1.5.5-1].
 */
#include "emqxd/mqtt/frame.h"

enum mqtt_peek
mqtt_frame_peek_long(struct slice in, struct mqtt_frame *out)
{
	uint32_t len = 0;

	*out = (struct mqtt_frame){ 0 };
	if (in.n == 0)
		return MQTT_PEEK_MORE;
	out->first = in.p[0];

	for (unsigned i = 1; i <= 4; i++) {
		if (i == in.n)
			return MQTT_PEEK_MORE;
		len |= (uint32_t)(in.p[i] & 127) << 7 * (i - 1);
		if ((in.p[i] & 128) != 0)
			continue;

		out->head = (uint8_t)(1 + i);
		out->overlong = i > 1 && in.p[i] == 0;
		out->total = out->head + len;
		if (in.n < out->total)
			return MQTT_PEEK_MORE;
		out->body = slice_of(in.p + out->head, len);
		return MQTT_PEEK_WHOLE;
	}
	return MQTT_PEEK_BAD;
}
