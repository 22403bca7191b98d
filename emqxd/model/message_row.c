/* SPDX-License-Identifier: Apache-2.0 */
/* message_row: see message_row.h. */
#include "emqxd/model/message_row.h"
#include "emqxd/core/clock.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

enum { VERSION = 1, RETAIN = 1, HEAD = 1 + 1 + 1 + 8 + 8 + 2 + 2 + 4 };

#define MS INT64_C(1000000)

static void
put_u64(struct wbuf *w, uint64_t v)
{
	wbuf_u32(w, (uint32_t)(v >> 32));
	wbuf_u32(w, (uint32_t)v);
}

static uint64_t
get_u64(struct rbuf *r)
{
	uint64_t hi = rbuf_u32(r);

	return hi << 32 | rbuf_u32(r);
}

/* When it ends, by the wall clock, ms; 0: never. */
static uint64_t
end_of(const struct message *m)
{
	int64_t left = m->expires.ns - clock_mono().ns;

	if (m->expires.ns == INT64_MAX)
		return 0;
	return (uint64_t)(clock_wall().ns / MS + (left > 0 ? left / MS : 0));
}

size_t
message_row_size(const struct message *m)
{
	return HEAD + m->topic.n + m->from.n + m->props.n + m->payload.n;
}

void
message_row_write(const struct message *m, uint8_t *p)
{
	struct wbuf w = wbuf_fixed(p, message_row_size(m));

	wbuf_u8(&w, VERSION);
	wbuf_u8(&w, m->qos);
	wbuf_u8(&w, m->retain ? RETAIN : 0);
	put_u64(&w, (uint64_t)(m->at.ns / MS));
	put_u64(&w, end_of(m));
	wbuf_bytes16(&w, m->topic);
	wbuf_bytes16(&w, m->from);
	wbuf_u32(&w, (uint32_t)m->props.n);
	wbuf_bytes(&w, m->props);
	wbuf_bytes(&w, m->payload);
	CHECK(w.err == EM_OK && w.n == w.cap);
}

/* The end by our clock. */
static mono_t
end_by_mono(uint64_t end)
{
	int64_t left = (int64_t)end - clock_wall().ns / MS;

	if (end == 0)
		return (mono_t){ INT64_MAX };
	return mono_add(clock_mono(), span_ms(left > 0 ? left : 0));
}

em_err
message_row_read(struct slice blob, struct message *out)
{
	struct rbuf r = rbuf_of(blob);
	uint8_t version = rbuf_u8(&r), qos = rbuf_u8(&r), flags = rbuf_u8(&r);
	uint64_t at = get_u64(&r), end = get_u64(&r);
	struct slice topic = rbuf_bytes16(&r), from = rbuf_bytes16(&r);
	struct slice props = rbuf_bytes(&r, rbuf_u32(&r));
	struct slice payload = rbuf_rest(&r);

	if (r.err != EM_OK || version != VERSION || qos > 2 || topic.n == 0 ||
	    at > INT64_MAX / MS || end > INT64_MAX / MS)
		return EM_MALFORMED;
	*out = message_view(topic, payload);
	out->expires = end_by_mono(end);
	out->at = (wall_t){ (int64_t)at * MS };
	out->from = from;
	out->props = props;
	out->qos = qos;
	out->retain = (flags & RETAIN) != 0;
	return EM_OK;
}
