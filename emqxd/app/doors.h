/* SPDX-License-Identifier: Apache-2.0 */
/* doors: the listeners of the configuration are opened and closed. */
#ifndef APP_DOORS_H
#define APP_DOORS_H

#include "ipc/base/err.h"

#include <stddef.h>

struct app;
struct listener_conf;

/* Opens all that are enabled and waits.  The first that cannot be is the fault. */
EM_MUST_USE em_err doors_open(struct app *a, struct fault *f);
/* Starts to close all that are open; a->doors counts those that have not answered. */
void doors_close(struct app *a);
/* Opens and closes what the configuration says differently from @before (of @n); what an
 * operator stopped or started by hand stays so while its enable does, but one that could
 * not be opened is tried again.  @told is called for each that was opened, with the fault
 * for each that could not be opened or closed, then @done once: at once, or later on main. */
typedef void doors_told_fn(void *arg, const char *name, const struct fault *f);
typedef void doors_done_fn(void *arg);
void doors_reload(struct app *a, const struct listener_conf *before, size_t n,
    doors_told_fn *told, doors_done_fn *done, void *arg);

#endif
