/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame: where a packet ends.  The fixed header is one byte of type and flags
 * and a length of one to four bytes; nothing else is looked at here.
 */
#ifndef MQTT_FRAME_H
#define MQTT_FRAME_H

#include "emqxd/mqtt/packet.h"
#include "ipc/base/check.h"

enum mqtt_peek {
	MQTT_PEEK_WHOLE, /* a whole packet */
	MQTT_PEEK_MORE,  /* not yet; total is 0 while even the length is unknown */
	MQTT_PEEK_BAD,   /* a length of more than four bytes */
};

struct mqtt_frame {
	uint8_t first; /* type and flags */
	uint8_t head;  /* bytes of the fixed header: 2..5 */
	bool overlong; /* the length was written longer than needed */
	uint32_t total;
	struct slice body; /* what follows the fixed header, when whole */
};

static inline enum mqtt_type
mqtt_frame_type(const struct mqtt_frame *f)
{
	return (enum mqtt_type)(f->first >> 4);
}

/* The same for any length of the length. */
enum mqtt_peek mqtt_frame_peek_long(struct slice in, struct mqtt_frame *out);

/* Is a whole packet at the start of @in?  Also when not, out->total tells how
 * large it will be as soon as that is known (so that it can be refused). */
static inline enum mqtt_peek
mqtt_frame_peek(struct slice in, struct mqtt_frame *out)
{
	if (EM_UNLIKELY(in.n < 2 || in.p[1] > 127))
		return mqtt_frame_peek_long(in, out);
	out->first = in.p[0];
	out->head = 2;
	out->overlong = false;
	out->total = 2u + in.p[1];
	out->body = (struct slice){ in.p + 2, in.p[1] };
	return EM_LIKELY(in.n >= out->total) ? MQTT_PEEK_WHOLE : MQTT_PEEK_MORE;
}

#endif
