/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message_row: a message as the blob of a row that survives.  All numbers are
 * big-endian: version 1, QoS, flags (1: retain), when it was published and when its
 * time is over (wall clock in ms, 8 bytes each; 0: never), the topic, the publisher's
 * client id and the properties with their sizes (2, 2 and 4 bytes), then the payload.
 *
 * Times are the wall clock's, since they go on while the daemon does not run.
 */
#ifndef MODEL_MESSAGE_ROW_H
#define MODEL_MESSAGE_ROW_H

#include "emqxd/model/message.h"
#include "ipc/base/err.h"

size_t message_row_size(const struct message *m);
/* Fills just so many bytes at @p. */
void message_row_write(const struct message *m, uint8_t *p);
/* A view of the message, good as long as the blob.  EM_MALFORMED.  Its time may be over. */
EM_MUST_USE em_err message_row_read(struct slice blob, struct message *out);

#endif
