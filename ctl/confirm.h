/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confirm: dangerous commands ask on a terminal.  Where nobody can be asked,
 * EMQX's own forms run as ever; what its tool does not have (several at once,
 * --recover) needs --yes.
 */
#ifndef CTL_CONFIRM_H
#define CTL_CONFIRM_H

#include "ctl/prefs.h"

/* May it be done?  *@agreed: the caller said so, by --yes or at the question.  EM_USAGE:
 * needs --yes; EM_REFUSED: the answer was no; EM_CANCELLED. */
EM_MUST_USE em_err confirm_command(const struct prefs *prefs, const struct params *params,
    bool can_ask, bool *agreed, struct fault *f);

#endif
