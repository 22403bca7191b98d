/* SPDX-License-Identifier: Apache-2.0 */
/* boot: the daemon from its start to its end. */
#ifndef APP_BOOT_H
#define APP_BOOT_H

struct options;

/* Called once the daemon serves. */
typedef void boot_ready_fn(int fd);

/* Serves until a signal; the exit status.  What prevents it is one sentence on stderr. */
int boot_serve(const struct options *options, boot_ready_fn *on_ready, int fd);

#endif
