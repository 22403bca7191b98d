/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward_record: a message between nodes, as bytes.
 *
 *	u32 size of what follows
 *	u8 flags: QoS (2 bits), 4 retain, 8 it expires, 16 of a shared group
 *	u64 when it was published, ns since the epoch
 *	u64 ns until it expires, if it does
 *	topic, client id of the publisher (u16 lengths), properties (u32 length)
 *	of a group: u64 number, group, filter (u16 lengths), u8 how many, so many u64: site
 *	ids of nodes whose members were asked
 *	payload
 *
 * Flags that this version does not know make a record that is passed over.
 */
#ifndef ROUTES_FORWARD_RECORD_H
#define ROUTES_FORWARD_RECORD_H

#include "emqxd/model/message.h"
#include "emqxd/model/nodes.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

struct forward_record {
	struct message m; /* a view; of no session here: its publisher is its client id */
	struct slice group, filter; /* empty: of no group */
	uint64_t number;
	uint64_t tried; /* places; bit 0: here */
};

/* So many bytes it takes; of no group. */
size_t forward_record_size(const struct message *m);
/* False: its time is over, nothing was written. */
bool forward_record_put(struct wbuf *w, const struct forward_record *record, mono_t now);
/* The next one; false: that was the last, or r->err.  Slices point into what is read.  A
 * site that is no place here sets all of @tried: nobody else is asked. */
bool forward_record_next(struct rbuf *r, struct forward_record *out, mono_t now);

#endif
