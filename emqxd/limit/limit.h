/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit: the node's ceiling of memory (node.memory_limit).  What lives here: how much the
 * process has resident, looked at four times a second, and whether that is too much.  What
 * does not: bounds of a session or connection, which are their rooms'.
 *
 * Above the ceiling new work is refused where it comes in: CONNECT with 0x89, SUBSCRIBE
 * and retained or delayed messages with 0x97; what would be queued is dropped and
 * counted; of large packets that have only begun there may be less: who begins one too
 * many ends with 0x89.  What is under way else goes on.  It is over when a twentieth is free again.  The alarm is
 * memory_limit.
 *
 * Near it and above it a jobs thread gives the heap's free pages back every few seconds:
 * they are resident, and nobody's.
 *
 * Threads: any; the first client worker looks.
 */
#ifndef LIMIT_LIMIT_H
#define LIMIT_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
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
/* Counts @n bytes of something unfinished that a peer makes us hold, the first part of a
 * packet most of all, until limit_release().  False, and not counted: all that is counted
 * would be more than a quarter of the ceiling, an eighth when it is for one who has not
 * come in yet: nobody may fill the node by beginning something.  When the ceiling is
 * reached, or would be, also when nobody has looked since, a sixteenth, and nothing. */
enum limit_who { LIMIT_STRANGER, LIMIT_CLIENT };
bool limit_hold(size_t n, enum limit_who who);
/* Counted, whatever there is. */
void limit_hold_anyway(size_t n);
void limit_release(size_t n);
/* Bytes resident when it was last looked at, and the ceiling in force. */
void limit_memory(uint64_t *resident, uint64_t *max);

#endif
