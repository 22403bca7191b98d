/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control: the office's counter for emqx_ctl: the Unix socket ctl.socket.
 *
 * A peer is known by the kernel's word (SO_PEERCRED): root and the daemon's own user
 * may all, members of ctl.admin_group may write, of ctl.read_group read.  It says
 * hello, then sends requests; rows go to it under the credit that it grants.
 *
 * Nobody can take the office from the others: connections, requests of one peer and
 * output that it does not read are bounded, one that says no hello in time goes, when
 * all places are taken the longest idle makes way (counted: control.peers_displaced), and
 * garbage closes the one who sent it (counted: control.bad_peers).  What a peer asked
 * for ends when it goes.
 *
 * control_open and _close on main, before and after the threads; the rest on the
 * admin thread.
 */
#ifndef ADMIN_CONTROL_H
#define ADMIN_CONTROL_H

#include "ipc/base/err.h"

struct control;

/* Takes the path; EM_BUSY: a live daemon has it. */
EM_MUST_USE em_err control_open(struct control **out, struct fault *f);
void control_close(struct control **cp);
/* Serves on this thread's loop, until control_stop. */
void control_serve(struct control *c);
void control_stop(struct control *c);

#endif
