/* SPDX-License-Identifier: Apache-2.0 */
/*
 * awaiting: ids of QoS 2 messages that were taken from a client and whose PUBREL has
 * not come.  In order of arrival; PUBRELs come mostly in that order.  An id that is new is
 * told from many by a bit; one that waits is looked for from both ends, so that only
 * PUBRELs in no order at all cost more the more there wait.
 *
 * Owned by one session; exists while there are any.
 */
#ifndef SESSION_AWAITING_H
#define SESSION_AWAITING_H

#include "ipc/base/err.h"
#include "ipc/base/span.h"

struct awaiting;

/* EM_EXISTS: it waits already; EM_FULL: @max wait. */
EM_MUST_USE em_err awaiting_add(
    struct awaiting **ap, uint16_t id, uint32_t max, mono_t now);
EM_MUST_USE em_err awaiting_del(struct awaiting **ap, uint16_t id);
/* Forgets those older than @timeout; how many. */
uint32_t awaiting_expire(struct awaiting **ap, span_t timeout, mono_t now);
/* When the oldest is over, under @timeout; INT64_MAX: never. */
mono_t awaiting_due(const struct awaiting *a, span_t timeout);
/* Walks them in order while nothing changes: start with *at = 0; false: no more. */
bool awaiting_next(const struct awaiting *a, uint32_t *at, uint16_t *id, mono_t *since);
uint32_t awaiting_count(const struct awaiting *a);
void awaiting_free(struct awaiting **ap);

#endif
