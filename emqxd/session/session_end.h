/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_end: all sessions of this node end: of one that joins a cluster, since what they
 * were owed belongs to another broker than the one that their clients will find.
 */
#ifndef SESSION_SESSION_END_H
#define SESSION_SESSION_END_H

/* Soon, each on its worker.  Any worker. */
void session_end_all(void);

#endif
