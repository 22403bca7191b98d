/* SPDX-License-Identifier: Apache-2.0 */
/* reload: a changed configuration comes into force. */
#ifndef APP_RELOAD_H
#define APP_RELOAD_H

#include "emqxd/admin/admin.h"

/* On main.  A faulty file changes nothing, is logged fault by fault, and the first one is
 * the sentence.  Else what can be in force is, and @done (NULL: nobody asks) is told once
 * the listeners have answered; EM_PARTLY: one of them could not be opened. */
void reload_run(admin_reloaded_fn *done, void *arg);

#endif
