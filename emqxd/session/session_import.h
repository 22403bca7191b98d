/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_import: a session comes from another node, part by part; session_export is the
 * other end, session_flat.h what goes between them.
 *
 * Happy path: session_import_begin(), session_import_part() for each part in order.  When
 * it is snapped (session_import_is_snapped()) the routes of its subscriptions are entered
 * here; what comes by them waits apart.  The other end may leave now; its last parts bring
 * what came to it meanwhile.  What came to both is here once: equal messages are counted
 * against each other.  session_import_finish() puts the session into the registry, away,
 * with all that its client is owed; session_open() finds it there.
 *
 * What may go wrong: the other end breaks off or sends what cannot be: nothing of it was
 * to be seen, session_import_drop() forgets it; what came here by a shared group goes on
 * to other members.
 *
 * On the home worker of the client id; who began one drops it, before the worker's end.
 */
#ifndef SESSION_SESSION_IMPORT_H
#define SESSION_SESSION_IMPORT_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"

#include <stdbool.h>

struct session;
struct session_import;

/* For a session of this client id and no other; the id is copied. */
struct session_import *session_import_begin(struct slice clientid);
/* EM_UNSUPPORTED: another version; EM_MALFORMED; EM_FULL: node.memory_limit, or the router
 * takes no more; EM_NOMEM; EM_BUSY: another client here has an exclusive filter of it.
 * Then only drop() is left. */
EM_MUST_USE em_err session_import_part(struct session_import *im, struct slice part);
bool session_import_is_snapped(const struct session_import *im);
/* What was matched before the other end began has come, wherever it was sent: that the other
 * end has, in what it sends or as what its client had.  So what came here until now goes, but
 * for what a shared group sent here alone.  Before the other end leaves. */
void session_import_fenced(struct session_import *im);
/* All is here, and the next is finish(). */
bool session_import_is_whole(const struct session_import *im);
/* Did the other end bring what came to it meanwhile?  Then the same may be on its way here:
 * finish() is to wait until that has come. */
bool session_import_has_late(const struct session_import *im);
/* When it is whole, or, if the other end let go and is no more, snapped: what came to that
 * since is lost then.  EM_STATE: neither; EM_EXISTS: there is a session of that id here.
 * Else @im is gone and the session is here, without a connection. */
EM_MUST_USE em_err session_import_finish(struct session_import **imp);
void session_import_drop(struct session_import **imp);

#endif
