/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report: how the files of this room add to a conf_report (load.h).
 */
#ifndef CONF_REPORT_H
#define CONF_REPORT_H

#include "emqxd/conf/load.h"
#include "emqxd/conf/tree.h"

#define CONF_NOTES_MAX 200

/* @hint may be NULL.  @fmt's texts must be printable. */
void report_fault(struct conf_report *r, struct tree_pos pos, const char *hint,
    const char *fmt, ...) EM_PRINTF(4, 5);
void report_warn(struct conf_report *r, struct tree_pos pos, const char *hint,
    const char *fmt, ...) EM_PRINTF(4, 5);
/* Brings faults into the order of their places. */
void report_sort(struct conf_report *r);

#endif
