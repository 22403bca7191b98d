/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter: --filter: an expression over the columns of a command, evaluated where
 * rows are made, so that a million of them do not travel.
 *
 *	mqueue_len > 100 and username like 'x*'
 *	not connected and disconnected_at < 1h ago
 *	(qos = 2 or rap) and clientid in (a, b, 'c d')
 *	session_expiry_interval >= 1d and username is not null
 *
 * Comparisons: = == != <> < <= > >=, [not] like (glob: * and ?), [not] in (...), is
 * [not] null; a column of true and false stands for itself.  and, or, not, brackets.
 * Values are read as the column's type says: numbers, times (15s, 1h30m), sizes (64KB),
 * points in time (RFC 3339, "10m ago"), texts, with '...' or "..." around what is
 * not one word.
 *
 * A cell that is missing is an empty text; of other types it differs from every
 * value and no order holds.
 *
 * Immutable once made: any thread may evaluate it.
 */
#ifndef ADMIN_FILTER_H
#define ADMIN_FILTER_H

#include "ipc/base/span.h"
#include "ipc/row.h"

struct filter;

/* EM_USAGE: @f says what is wrong, and where. */
EM_MUST_USE em_err filter_new(const struct cmd *cmd, struct slice text, wall_t now,
    struct filter **out, struct fault *f);
void filter_free(struct filter **fp);
bool filter_is_true(const struct filter *filter, const struct row *row);

#endif
