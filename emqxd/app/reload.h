/* SPDX-License-Identifier: Apache-2.0 */
/* reload: a changed configuration comes into force. */
#ifndef APP_RELOAD_H
#define APP_RELOAD_H

#include "ipc/base/err.h"

struct conf_changes;

/* On main.  A faulty file changes nothing, is logged fault by fault, and the first one is
 * the sentence.  Else what changed is in @out (the caller's: conf_changes_fini), and what
 * can be in force is. */
em_err reload_run(struct conf_changes *out, struct fault *f);

#endif
