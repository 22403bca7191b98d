/* SPDX-License-Identifier: Apache-2.0 */
/*
 * will_flat: a will as bytes, for other nodes to keep, and who is told of wills here.
 *
 *	u32 delay in seconds, u8 QoS | retain << 2, u64 its interval of expiry in ns,
 *	client id, topic (u16 lengths), properties, payload (u32 lengths), u64 stamp
 *
 * On the home worker of the client.
 */
#ifndef SESSION_WILL_FLAT_H
#define SESSION_WILL_FLAT_H

#include "emqxd/session/session.h"
#include "ipc/base/wbuf.h"

/* Told of each will that is there from now on, or (@will NULL) no longer. */
typedef void will_told_fn(struct session *s, const struct session_will *will);
/* On this worker; NULL: nobody, as at first. */
void will_flat_tell(will_told_fn *fn);

/* NULL: it has none that is not published. */
const struct session_will *will_flat_of(const struct session *s);
void will_flat_put(
    struct wbuf *w, const struct session *s, const struct session_will *will);
/* What is needed to know whose it is and when it is due. */
struct will_flat_head {
	struct slice clientid;
	uint32_t delay;
	uint64_t stamp; /* 0: of a node that writes none */
};
EM_MUST_USE em_err will_flat_head(struct slice bytes, struct will_flat_head *out);
/* Publishes it, unless its client is connected here. */
void will_flat_publish(struct slice bytes);
/* Another node published the will that this client had by then: it is none any more. */
void will_flat_published(struct slice clientid, uint64_t stamp);

#endif
