/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpus: how many CPUs are there for us: those of the affinity mask, at most what
 * the control group's cpu.max grants.
 */
#ifndef APP_CPUS_H
#define APP_CPUS_H

/* At least 1. */
unsigned cpus_count(void);
/* The whole CPUs that the text of a cpu.max grants ("150000 100000" is 1), at least 1;
 * 0: no bound. */
unsigned cpus_parse_max(const char *text);

#endif
