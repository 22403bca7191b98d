/* SPDX-License-Identifier: Apache-2.0 */
/* will_flat: see will_flat.h. */
#include "emqxd/session/will_flat.h"
#include "emqxd/core/clock.h"
#include "emqxd/model/metrics.h"
#include "emqxd/model/topic.h"
#include "emqxd/publish/road.h"
#include "emqxd/session/inside.h"
#include "ipc/base/rbuf.h"

struct flat {
	uint32_t delay;
	unsigned flags;
	uint64_t expires, stamp;
	struct slice clientid, topic, props, payload;
};

void
will_flat_tell(will_told_fn *fn)
{
	session_worker()->will_told = fn;
}

const struct session_will *
will_flat_of(const struct session *s)
{
	return s->rare != NULL && s->rare->will.message != NULL ? &s->rare->will : NULL;
}

void
will_flat_put(struct wbuf *w, const struct session *s, const struct session_will *will)
{
	const struct message *m = will->message;
	uint32_t delay = will->delay;

	if (s->expiry < delay)
		delay = s->expiry; /* the session's end is the will's */
	wbuf_u32(w, delay);
	wbuf_u8(w, (uint8_t)(m->qos | m->retain << 2));
	wbuf_u64(w, (uint64_t)m->expires.ns);
	wbuf_bytes16(w, session_clientid(s));
	wbuf_bytes16(w, m->topic);
	wbuf_u32(w, (uint32_t)m->props.n);
	wbuf_bytes(w, m->props);
	wbuf_u32(w, (uint32_t)m->payload.n);
	wbuf_bytes(w, m->payload);
	wbuf_u64(w, will->stamp);
}

static em_err
read_flat(struct slice bytes, struct flat *f)
{
	struct rbuf r = rbuf_of(bytes);

	f->delay = rbuf_u32(&r);
	f->flags = rbuf_u8(&r);
	f->expires = rbuf_u64(&r);
	f->clientid = rbuf_bytes16(&r);
	f->topic = rbuf_bytes16(&r);
	f->props = rbuf_bytes(&r, rbuf_u32(&r));
	f->payload = rbuf_bytes(&r, rbuf_u32(&r));
	f->stamp = rbuf_left(&r) > 0 ? rbuf_u64(&r) : 0;
	if (r.err != EM_OK || f->clientid.n == 0 || (f->flags & 3) == 3 ||
	    !topic_name_is_valid(f->topic))
		return EM_MALFORMED;
	return EM_OK;
}

em_err
will_flat_head(struct slice bytes, struct will_flat_head *out)
{
	struct flat f;
	em_err err = read_flat(bytes, &f);

	*out = (struct will_flat_head){ f.clientid, f.delay, f.stamp };
	return err;
}

void
will_flat_publish(struct slice bytes)
{
	span_t most = zone_get(0)->message_expiry_interval;
	const struct session *s;
	struct message m;
	struct flat f;

	if (read_flat(bytes, &f) != EM_OK)
		return;
	s = registry_find(f.clientid);
	if (s != NULL && s->to != NULL)
		return; /* it came while this letter was on its way */
	m = message_view(f.topic, f.payload);
	m.props = f.props;
	m.from = f.clientid;
	m.qos = f.flags & 3;
	m.retain = (f.flags & 4) != 0;
	m.at = clock_wall();
	if (f.expires < (uint64_t)most.ns)
		most = span_ns((int64_t)f.expires);
	m.expires = mono_add(clock_mono(), most);
	metric_inc(METRIC_MESSAGES_PUBLISH);
	metric_inc(METRIC_WILLS_INHERITED);
	road_publish(&m, NULL);
	message_done(&m);
}

void
will_flat_published(struct slice clientid, uint64_t stamp)
{
	struct session *s = registry_find(clientid);

	if (s != NULL && will_flat_of(s) != NULL && s->rare->will.stamp == stamp)
		will_drop(s);
}
