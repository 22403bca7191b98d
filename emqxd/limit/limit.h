/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit: the node's ceiling of memory (node.memory_limit).  What lives here: how much the
 * process has resident, looked at four times a second, and whether that is too much.  What
 * does not: bounds of a session or connection, which are their rooms'.
 *
 * Above the ceiling new work is refused where it comes in: CONNECT with 0x89, SUBSCRIBE
 * and retained or delayed messages with 0x97; what would be queued is dropped and
 * counted.  What is under way goes on.  It is over when a twentieth is free again.  The
 * alarm is memory_limit.
 *
 * Threads: any; the first client worker looks.
 */
#ifndef LIMIT_LIMIT_H
#define LIMIT_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define LIMIT_AUTO 0

void limit_birth(void);
void limit_death(void);
/* @bytes: the ceiling; LIMIT_AUTO: four fifths of what the machine or the container has. */
void limit_configure(uint64_t bytes);
void limit_worker_birth(void);
void limit_worker_death(void);

/* Is there too much already?  One load; false before limit_birth(). */
bool limit_is_reached(void);
/* Bytes resident when it was last looked at, and the ceiling in force. */
void limit_memory(uint64_t *resident, uint64_t *max);

#endif
