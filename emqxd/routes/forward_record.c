/* SPDX-License-Identifier: Apache-2.0 */
/* forward_record: see forward_record.h. */
#include "emqxd/routes/forward_record.h"
#include "emqxd/model/topic.h"

#define FLAG_QOS 3u
#define FLAG_RETAIN 4u
#define FLAG_EXPIRES 8u
#define FLAG_GROUP 16u
#define FLAGS_KNOWN 31u

static void
put_group(struct wbuf *w, const struct forward_record *record)
{
	wbuf_u64(w, record->number);
	wbuf_bytes16(w, record->group);
	wbuf_bytes16(w, record->filter);
	wbuf_u8(w, (uint8_t)__builtin_popcountll(record->tried));
	for (uint64_t rest = record->tried; rest != 0; rest &= rest - 1)
		wbuf_u64(w, nodes_site_of((unsigned)__builtin_ctzll(rest)));
}

size_t
forward_record_size(const struct message *m)
{
	return 4 + 1 + 8 + (m->expires.ns != INT64_MAX ? 8u : 0u) + 2 + m->topic.n + 2 +
	       m->from.n + 4 + m->props.n + m->payload.n;
}

bool
forward_record_put(struct wbuf *w, const struct forward_record *record, mono_t now)
{
	const struct message *m = &record->m;
	bool expires = m->expires.ns != INT64_MAX;
	size_t began = w->n;
	struct wbuf size;

	if (message_is_expired(m, now))
		return false;
	wbuf_u32(w, 0);
	wbuf_u8(w, (uint8_t)((m->qos & FLAG_QOS) | (m->retain ? FLAG_RETAIN : 0) |
			     (expires ? FLAG_EXPIRES : 0) |
			     (record->group.n > 0 ? FLAG_GROUP : 0)));
	wbuf_u64(w, (uint64_t)m->at.ns);
	if (expires)
		wbuf_u64(w, (uint64_t)(m->expires.ns - now.ns));
	wbuf_bytes16(w, m->topic);
	wbuf_bytes16(w, m->from);
	wbuf_u32(w, (uint32_t)m->props.n);
	wbuf_bytes(w, m->props);
	if (record->group.n > 0)
		put_group(w, record);
	wbuf_bytes(w, m->payload);
	if (w->err != EM_OK)
		return false;
	size = wbuf_fixed(w->p + began, 4);
	wbuf_u32(&size, (uint32_t)(w->n - began - 4));
	return true;
}

static uint64_t
place_of_site(uint64_t site)
{
	for (unsigned i = 0; i < nodes_end(); i++)
		if (nodes_name(i) != NULL && nodes_site_of(i) == site)
			return (uint64_t)1 << i;
	return UINT64_MAX;
}

static void
read_group(struct rbuf *r, struct forward_record *out)
{
	unsigned n;

	out->number = rbuf_u64(r);
	out->group = rbuf_bytes16(r);
	out->filter = rbuf_bytes16(r);
	for (n = rbuf_u8(r); n > 0 && r->err == EM_OK; n--)
		out->tried |= place_of_site(rbuf_u64(r));
	if (out->group.n == 0 || out->filter.n == 0)
		rbuf_fail(r);
}

static void
read_message(struct rbuf *r, uint8_t flags, struct forward_record *out, mono_t now)
{
	struct message *m = &out->m;
	uint64_t left;

	m->qos = flags & FLAG_QOS;
	m->retain = (flags & FLAG_RETAIN) != 0;
	m->at.ns = (int64_t)rbuf_u64(r);
	m->expires.ns = INT64_MAX;
	if ((flags & FLAG_EXPIRES) != 0) {
		left = rbuf_u64(r);
		if (left < (uint64_t)(INT64_MAX - now.ns))
			m->expires.ns = now.ns + (int64_t)left;
	}
	m->topic = rbuf_bytes16(r);
	m->from = rbuf_bytes16(r);
	m->props = rbuf_bytes(r, rbuf_u32(r));
	if ((flags & FLAG_GROUP) != 0)
		read_group(r, out);
	m->payload = rbuf_rest(r);
	if (m->qos > 2 || !topic_name_is_valid(m->topic))
		rbuf_fail(r);
}

bool
forward_record_next(struct rbuf *r, struct forward_record *out, mono_t now)
{
	while (rbuf_left(r) > 0) {
		struct slice bytes = rbuf_bytes(r, rbuf_u32(r));
		struct rbuf body = rbuf_of(bytes);
		uint8_t flags = rbuf_u8(&body);

		*out = (struct forward_record){ .number = 0 };
		if (r->err != EM_OK)
			return false;
		if ((flags & ~FLAGS_KNOWN) != 0)
			continue;
		read_message(&body, flags, out, now);
		if (body.err == EM_OK)
			return true;
		rbuf_fail(r);
	}
	return false;
}
