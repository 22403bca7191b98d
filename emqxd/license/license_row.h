/* SPDX-License-Identifier: Apache-2.0 */
/*
 * license_row: a licence as a row of the store: its text (none: back to what each node has
 * configured), when it was given and by whom; all nodes know it by that time.
 * All nodes of a cluster read it, so its form has a number.  Pure.
 */
#ifndef LICENSE_LICENSE_ROW_H
#define LICENSE_LICENSE_ROW_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"
#include "ipc/base/span.h"

#define LICENSE_ROW_KEY SLICE_LIT("key")
#define LICENSE_ROW_BY_MAX 255u

struct license_row {
	wall_t at;
	struct slice by, text; /* into the blob */
};

size_t license_row_size(const struct license_row *r);
void license_row_write(const struct license_row *r, uint8_t *blob);
EM_MUST_USE em_err license_row_read(struct slice blob, struct license_row *out);

#endif
