/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify: what the service manager is told (sd_notify's protocol: a datagram to
 * $NOTIFY_SOCKET).  Without one nothing happens.
 */
#ifndef APP_NOTIFY_H
#define APP_NOTIFY_H

#include "ipc/base/span.h"

/* "READY=1", "STOPPING=1", "WATCHDOG=1". */
void notify_send(const char *state);
/* How often it wants to hear WATCHDOG=1 from us; infinite: not at all. */
span_t notify_watchdog(void);

#endif
