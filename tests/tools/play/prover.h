/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prover: the client's side of SCRAM (RFC 5802), written apart from the broker's.
 */
#ifndef PLAY_PROVER_H
#define PLAY_PROVER_H

#include "ipc/base/err.h"
#include "ipc/base/str.h"

/* client-final-message for a challenge, and the v=... that the server must answer.  The
 * GS2 header was "n,,"; @bare is what followed it. */
EM_MUST_USE em_err prover_answer(const char *method, struct slice bare,
    struct slice challenge, struct slice password, struct str *answer,
    struct str *signature, struct fault *fault);

#endif
