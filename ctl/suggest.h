/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suggest: what to do after "not found": the nearest name that the daemon
 * knows, and the command that lists them all.
 */
#ifndef CTL_SUGGEST_H
#define CTL_SUGGEST_H

#include "ctl/reach.h"

/* Adds to the hint of @f, which is EM_NOTFOUND, what may be meant by the name among @params.
 * Asks the daemon over @r; silent when it does not answer at once. */
void suggest_name(struct reach *r, const struct params *params, struct fault *f);

#endif
