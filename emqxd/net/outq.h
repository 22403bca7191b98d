/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outq: what a connection has still to send.  An object of its own that exists only
 * while something is pending: an idle connection pays 8 bytes.
 *
 * Segments: DATA, bytes written into a chunk; TURN, bytes elsewhere that are good
 * until the end of the turn (adjacent ones are one run, and a short run is copied);
 * PAYLOAD, a reference to a large kept message; OWN, a short copy of a TURN that was not
 * sent in its turn.  Of a longer one there is a shared copy, as a PAYLOAD.  All that was
 * written to in a turn is flushed once at its end by one writev; EPOLLOUT only after a
 * short write.
 */
#ifndef NET_OUTQ_H
#define NET_OUTQ_H

#include "emqxd/net/conn.h"

/* Does more wait than deliveries alone can make, which stop at the high watermark: answers
 * to a peer that does not read them?  After an attempt to write. */
bool outq_is_flooded(struct conn *c);
/* Writes what is pending, at most some @max bytes; may end the connection.  Returns how
 * many it were. */
size_t outq_flush(struct conn *c, size_t max);
/* Is there more, which has not met a full socket yet? */
bool outq_is_unfinished(const struct conn *c);
/* What refers to the turn's memory becomes its own. */
void outq_own(struct conn *c);
/* Writes what goes without waiting until at most @left bytes are left, and says nothing of
 * errors; ends nothing. */
void outq_flush_quietly(struct conn *c, size_t left);
/* Frees all that is pending. */
void outq_drop(struct conn *c);

#endif
