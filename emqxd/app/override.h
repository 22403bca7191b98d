/* SPDX-License-Identifier: Apache-2.0 */
/*
 * override: what is set at run time in the whole cluster: rows of the store
 * (CHANGE_CONF), on every node the same, and on each the file that keeps them for its next
 * start (conf/persist.h).
 *
 * Happy path of `conf set`: here the new whole is loaded and compared; if it is sound
 * the row is sent to the store; when that has it, each node's follow tells main, which
 * writes the file and reloads; then who asked is answered.
 *
 * Main's thread; the store thread only copies rows into letters.
 */
#ifndef APP_OVERRIDE_H
#define APP_OVERRIDE_H

#include "emqxd/admin/admin.h"

struct override;

/* Before the store is read. */
em_err override_birth(struct fault *f);
/* After it: the file says what the store has, or is written again and will be loaded. */
em_err override_recovered(struct fault *f);
void override_death(void);
/* Writes the file if a row came since. */
void override_flush(void);

/* admin_house.set and settle. */
void override_set(const struct admin_setting *s, admin_reloaded_fn *done, void *arg);
void override_settle(uint64_t index, admin_reloaded_fn *done, void *arg);

#endif
