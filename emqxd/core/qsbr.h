/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qsbr: read-mostly tables.  Every worker is registered; between two turns it is
 * quiescent, while it waits it is offline.  A pointer read from a shared table
 * dies at the end of the turn; keep = reference or copy.
 *
 * What a writer unlinked it retires.  Retired objects go in batches to a jobs
 * thread, which waits for a grace period; then the batch walks once through
 * every client worker's mailbox (they are FIFO), after which no letter can name
 * them; then @fn frees them on the thread that retired them.
 *
 * Any thread with a loop.  Bytes waiting are a gauge (qsbr_waiting).
 */
#ifndef CORE_QSBR_H
#define CORE_QSBR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void qsbr_free_fn(void *p, size_t n);

/* Gives @p to be freed by fn(p, n) when no reader and no letter can name it. */
void qsbr_retire(void *p, size_t n, qsbr_free_fn *fn);
uint64_t qsbr_waiting(void);

/* The loop's part, on its own thread. */
void qsbr_register(void);
void qsbr_unregister(void);
void qsbr_offline(void);
void qsbr_online(void);
/* At shutdown, when no other thread runs: frees what this worker still holds. */
void qsbr_drain(void);
/* No batch is collected or under way, of any thread. */
bool qsbr_is_idle(void);

#endif
