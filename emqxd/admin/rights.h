/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights: what a peer of the control socket may, by the kernel's word (SO_PEERCRED) and
 * the groups of ctl.*.  Any thread with a snapshot of the configuration.
 */
#ifndef ADMIN_RIGHTS_H
#define ADMIN_RIGHTS_H

#include "ipc/peer.h"
#include "ipc/wire.h"

/* Root or the daemon's own user: these may all. */
bool rights_is_own(const struct peer_cred *cred);
enum wire_access rights_of(const struct peer_cred *cred, int sock);
/* EM_OK, or why user @uid, who has @access, may not, in @f: EM_DENIED; EM_USAGE: it wants
 * --yes. */
EM_MUST_USE em_err rights_check(
    enum wire_access access, uid_t uid, const struct wire_req *req, struct fault *f);

#endif
