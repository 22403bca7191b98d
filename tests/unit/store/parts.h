/* SPDX-License-Identifier: Apache-2.0 */
/* parts: entries of another node with a blob in parts. */
#ifndef TESTS_UNIT_STORE_PARTS_H
#define TESTS_UNIT_STORE_PARTS_H

#include "tests/unit/store/one_node.h"

/* The @number-th part of a blob of site 2, or with a key the change that is made of so many. */
static inline struct entry_change
in_parts(uint32_t number, const char *key, uint32_t total, const char *blob)
{
	return (struct entry_change){ .what = key != NULL ? ENTRY_WHOLE : ENTRY_PART,
		.kind = CHANGE_RETAINED,
		.stamp = { 1000 * S, 2 },
		.key = key != NULL ? slice_str(key) : SLICE_NONE,
		.blob = slice_str(blob),
		.number = number,
		.total = total };
}

/* An entry of site 2 with these changes; what entry_check() says of it. */
static inline em_err
foreign_all(uint64_t index, uint64_t seq, const struct entry_change *c, unsigned n)
{
	struct wbuf w = wbuf_growing(1 << 20);
	struct entry_head h = { 2, 7, seq, (uint16_t)n };
	em_err err;

	entry_write_head(&w, &h);
	for (unsigned i = 0; i < n; i++)
		entry_write(&w, &c[i]);
	err = store_check_entry(RET, wbuf_slice(&w), 2);
	store_apply_entry(RET, index, wbuf_slice(&w));
	wbuf_fini(&w);
	return err;
}

#endif
