/* SPDX-License-Identifier: Apache-2.0 */
/*
 * num: text to numbers, the whole text or EM_MALFORMED (EM_TOOBIG out of range).  No
 * spaces, no plus sign, no hexadecimal; *out is 0 after an error.
 */
#ifndef IPC_BASE_NUM_H
#define IPC_BASE_NUM_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"

EM_MUST_USE em_err num_parse_u64(struct slice s, uint64_t *out);
EM_MUST_USE em_err num_parse_i64(struct slice s, int64_t *out);
EM_MUST_USE em_err num_parse_double(struct slice s, double *out);
/* "1MB", "64KB", "10GB", "512": 1024-based, any case; "infinity" is UINT64_MAX. */
EM_MUST_USE em_err num_parse_bytes(struct slice s, uint64_t *out);

#endif
