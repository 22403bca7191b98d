/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vec: a growing array.  VEC(type) declares {p, n, cap}; zero-initialise.
 */
#ifndef IPC_BASE_VEC_H
#define IPC_BASE_VEC_H

#include "ipc/base/mem.h"

#define VEC(type_)             \
	struct {               \
		type_ *p;      \
		size_t n, cap; \
	}
/* Makes room for one more and gives its address; contents undefined. */
#define VEC_PUSH(v_)                                                        \
	((v_)->p = vec_room((v_)->p, (v_)->n, &(v_)->cap, sizeof *(v_)->p), \
	    &(v_)->p[(v_)->n++])
#define VEC_ADD(v_, value_) (*VEC_PUSH(v_) = (value_))
#define VEC_FINI(v_) (mem_free((v_)->p), (v_)->p = NULL, (v_)->n = (v_)->cap = 0)

/* @p, or a larger copy of it, with room for element @n. */
void *vec_room(void *p, size_t n, size_t *cap, size_t size);

#endif
