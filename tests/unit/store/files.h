/* SPDX-License-Identifier: Apache-2.0 */
/* files: a disk that takes no more, as far as this process can tell. */
#ifndef TESTS_UNIT_STORE_FILES_H
#define TESTS_UNIT_STORE_FILES_H

#include "tests/unit/tap.h"

#include <sys/resource.h>

static inline void
let_files_grow_to(rlim_t most)
{
	struct rlimit l;

	OK(getrlimit(RLIMIT_FSIZE, &l) == 0);
	l.rlim_cur = most;
	OK(setrlimit(RLIMIT_FSIZE, &l) == 0);
}

#endif
