/* SPDX-License-Identifier: Apache-2.0 */
/* newer: what only the newer build of tests/vers has: notes, rows of a kind that level 2 has
 * brought. */
#ifndef TESTS_VERS_NEWER_H
#define TESTS_VERS_NEWER_H

#include "ipc/base/err.h"

EM_MUST_USE em_err newer_birth(struct fault *f);

#endif
