/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retain_row: a retained message as a row of the store.  The key is the topic; the blob, all
 * numbers big-endian: version 1, QoS, when it was published and when its time is over (wall
 * clock in ms, 8 bytes each; 0: never), the publisher's client id and the properties with
 * their sizes (2 and 4 bytes), then the payload.
 *
 * Times are the wall clock's, since they go on while the daemon does not run.
 */
#ifndef RETAIN_RETAIN_ROW_H
#define RETAIN_RETAIN_ROW_H

#include "emqxd/model/message.h"
#include "emqxd/store/change.h"
#include "ipc/base/err.h"

/* A change that writes @m down; NULL: there is no memory. */
struct change *retain_row_put(const struct message *m);
/* The message of a row, shared, one reference for the caller.  EM_NOTFOUND: its time is
 * over; EM_MALFORMED; EM_NOMEM. */
EM_MUST_USE em_err retain_row_read(
    struct slice topic, struct slice blob, struct message **out);

#endif
