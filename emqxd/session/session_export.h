/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_export: a session leaves this worker for another node, in bounded parts over
 * many turns; session_import is the other end, session_flat.h what goes between them.
 *
 * Happy path: session_export_begin() freezes it: its connection ends (0x8E), it takes what
 * comes, apart from what it has, and nothing of it changes.  session_export_step() gives a
 * part after the other until all is said that there was.  The new home has its routes
 * then, and says so: session_export_leave() ends it here, and further steps give what came
 * meanwhile.  session_export_end().
 *
 * What may go wrong: the other end is gone: session_export_end() without leave() lets the
 * session go on here, with everything.  Its client comes back here, somebody discards or
 * kicks it, it is the worker's end: then step() and leave() say EM_STATE, and the other end
 * is to throw its part away.  leave() is the point of no return: before it the session is
 * here, behind it there.
 *
 * On the session's home worker; who began one ends it, before the worker's end.
 */
#ifndef SESSION_SESSION_EXPORT_H
#define SESSION_SESSION_EXPORT_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"
#include "ipc/base/wbuf.h"

struct session;
struct session_export;

/* NULL: there is no session to hand over; one that was to end with its connection has
 * ended, one that is on its way already stays with who has it. */
struct session_export *session_export_begin(struct slice clientid);
/* Adds about SESSION_PART bytes (at most SESSION_PART_MAX) to @out, which grows.  *is_over:
 * that was all, for now or for ever.  EM_STATE: the session is not on its way any more;
 * EM_NOMEM, after which only the end is left. */
EM_MUST_USE em_err session_export_step(
    struct session_export *x, struct wbuf *out, bool *is_over);
/* After the first *is_over.  EM_STATE: too late. */
EM_MUST_USE em_err session_export_leave(struct session_export *x);
void session_export_end(struct session_export **xp);
/* Ends the session of this id, for one that begins anew elsewhere; false: there was none. */
bool session_export_discard(struct slice clientid);

/* session/'s: the frozen session is wanted here after all. */
void session_export_drop(struct session *s);

#endif
