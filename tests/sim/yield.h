/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yield: included before the product's lock-free files when they are compiled for the
 * simulation: another worker may get its turn before each of their atomic steps.
 */
#ifndef TESTS_SIM_YIELD_H
#define TESTS_SIM_YIELD_H

#include <stdatomic.h>

void node_may_yield(void);

#undef atomic_load
#undef atomic_store
#undef atomic_exchange
#undef atomic_compare_exchange_weak
#define atomic_load(p_) (node_may_yield(), atomic_load_explicit(p_, memory_order_seq_cst))
#define atomic_store(p_, v_) \
	(node_may_yield(), atomic_store_explicit(p_, v_, memory_order_seq_cst))
#define atomic_exchange(p_, v_) \
	(node_may_yield(), atomic_exchange_explicit(p_, v_, memory_order_seq_cst))
#define atomic_compare_exchange_weak(p_, was_, v_)                             \
	(node_may_yield(), atomic_compare_exchange_weak_explicit(p_, was_, v_, \
			       memory_order_seq_cst, memory_order_seq_cst))

#endif
