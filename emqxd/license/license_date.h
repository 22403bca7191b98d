/* SPDX-License-Identifier: Apache-2.0 */
/*
 * license_date: calendar days, as a licence counts: numbers of days since 1970-01-01, in
 * UTC.  Pure; any thread.
 */
#ifndef LICENSE_LICENSE_DATE_H
#define LICENSE_LICENSE_DATE_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"
#include "ipc/base/span.h"

#define LICENSE_DATE_TEXT 16 /* "2026-11-28" with its end */

/* "20261128"; EM_MALFORMED: no day of the calendar. */
EM_MUST_USE em_err license_date_parse(struct slice text, int64_t *day);
int64_t license_date_of(wall_t t);
/* "2026-11-28"; returns @buf. */
const char *license_date_print(int64_t day, char buf[LICENSE_DATE_TEXT]);

#endif
