/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon: the words about a daemon in the background.  Each returns the exit status
 * and has said on stderr what prevented it.
 */
#ifndef APP_DAEMON_H
#define APP_DAEMON_H

struct options;

int daemon_start(const struct options *options);
int daemon_stop(const struct options *options);
int daemon_restart(const struct options *options);
int daemon_ping(const struct options *options);

#endif
