/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait: until the node serves, or has so many clients, or its cluster so many nodes; for
 * scripts.
 */
#ifndef CTL_WAIT_H
#define CTL_WAIT_H

struct local;

/* Exit codes: 0, 6 when the time is over, 5 when it is not permitted to ask. */
int wait_run(const struct local *l);

#endif
