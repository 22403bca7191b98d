/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file: small files that hold one thing, replaced whole: after a crash or a power cut there
 * is the former one or the new one, and nothing of both.  Blocks; any thread.
 */
#ifndef CORE_FILE_H
#define CORE_FILE_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"

/* Puts @text in place of the file, or leaves it as it was: 0, or errno.  Uses @path.new. */
EM_MUST_USE int file_replace(const char *path, struct slice text);

#endif
