/* SPDX-License-Identifier: Apache-2.0 */
/* privileges: as many descriptors as the system gives; what each connection needs. */
#ifndef APP_PRIVILEGES_H
#define APP_PRIVILEGES_H

#include <stdint.h>

/* Raises the limit of open files as far as it goes; returns what it is then. */
uint64_t privileges_raise_files(void);

#endif
