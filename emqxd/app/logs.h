/* SPDX-License-Identifier: Apache-2.0 */
/* logs: what the configuration says about the log, brought to core's. */
#ifndef APP_LOGS_H
#define APP_LOGS_H

#include "emqxd/app/core_conf.h"

/* Handlers console, file and journald with their levels; levels of rooms.  @console: stderr
 * has it in any case (emqxd console). */
EM_MUST_USE em_err logs_configure(
    const struct core_conf *c, bool console, struct fault *f);

#endif
