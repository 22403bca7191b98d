/* SPDX-License-Identifier: Apache-2.0 */
/* privileges: as many descriptors as the system gives, and no more rights than needed. */
#ifndef APP_PRIVILEGES_H
#define APP_PRIVILEGES_H

#include "ipc/base/err.h"

#include <stdint.h>

/* Raises the limit of open files as far as it goes; returns what it is then. */
uint64_t privileges_raise_files(void);
/* Root becomes @user, who may open ports below 1024 and nothing else of root's.  Before the
 * first thread and the first file.  "", and whoever is not root: nothing happens. */
EM_MUST_USE em_err privileges_drop(const char *user, struct fault *f);

#endif
