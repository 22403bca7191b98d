/* SPDX-License-Identifier: Apache-2.0 */
/* retain_row: see retain_row.h. */
#include "emqxd/retain/retain_row.h"
#include "emqxd/core/clock.h"
#include "emqxd/model/topic.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

enum { VERSION = 1, HEAD = 1 + 1 + 8 + 8 + 2 + 4 };

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

struct change *
retain_row_put(const struct message *m)
{
	size_t n = HEAD + m->from.n + m->props.n + m->payload.n;
	struct change *c;
	struct wbuf w;
	uint8_t *p;

	c = change_put(CHANGE_RETAINED, m->topic, n, &p);
	if (c == NULL)
		return NULL;
	w = wbuf_fixed(p, n);
	wbuf_u8(&w, VERSION);
	wbuf_u8(&w, m->qos);
	put_u64(&w, (uint64_t)(m->at.ns / MS));
	put_u64(&w, end_of(m));
	wbuf_bytes16(&w, m->from);
	wbuf_u32(&w, (uint32_t)m->props.n);
	wbuf_bytes(&w, m->props);
	wbuf_bytes(&w, m->payload);
	CHECK(w.err == EM_OK && w.n == n);
	return c;
}

/* The end by our clock; false: it is over. */
static bool
end_by_mono(uint64_t end, mono_t *out)
{
	int64_t now = clock_wall().ns / MS;

	*out = (mono_t){ INT64_MAX };
	if (end == 0)
		return true;
	if ((int64_t)end <= now)
		return false;
	*out = mono_add(clock_mono(), span_ms((int64_t)end - now));
	return true;
}

em_err
retain_row_read(struct slice topic, struct slice blob, struct message **out)
{
	struct rbuf r = rbuf_of(blob);
	uint8_t version = rbuf_u8(&r), qos = rbuf_u8(&r);
	uint64_t at = get_u64(&r), end = get_u64(&r);
	struct slice from = rbuf_bytes16(&r);
	struct slice props = rbuf_bytes(&r, rbuf_u32(&r));
	struct slice payload = rbuf_rest(&r);
	struct message view = message_view(topic, payload);

	if (r.err != EM_OK || version != VERSION || qos > 2 || topic.n == 0 ||
	    at > INT64_MAX / MS || end > INT64_MAX / MS)
		return EM_MALFORMED;
	if (!end_by_mono(end, &view.expires))
		return EM_NOTFOUND;
	view.at = (wall_t){ (int64_t)at * MS };
	view.from = from;
	view.props = props;
	view.qos = qos;
	view.retain = true;
	*out = message_share(&view);
	return *out != NULL ? EM_OK : EM_NOMEM;
}
