/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http: asks a web service.  One call is one request and its whole answer, by libcurl,
 * and it blocks: for a jobs thread (core/jobs.h), with copies of all that it is given.
 *
 * What may go wrong is bounded: the time of the whole call, name look-up with it; the
 * bytes of the answer; no redirects, no proxy of the environment, no scheme but http and
 * https.  A certificate is checked, against @cacert or what the system trusts.
 *
 * Not here: what an answer means, and how often one asks.
 */
#ifndef CORE_HTTP_H
#define CORE_HTTP_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"
#include "ipc/base/span.h"
#include "ipc/base/str.h"

#include <stdatomic.h>

struct http_call {
	const char *url;
	struct slice body;  /* there is one: it is a POST of JSON; else a GET */
	const char *bearer; /* a secret: "Authorization: Bearer ..."; NULL or "": none */
	const char *cacert, *cert, *key; /* files of PEM; NULL or "": none */
	bool is_lenient;                 /* takes any certificate */
	span_t timeout;
	size_t max;                       /* bytes of the answer */
	const _Atomic bool *is_cancelled; /* becomes true: ends soon; may be NULL */
};

/* Makes the call; @answer (zeroed, or empty) is the caller's to free.  An answer with a
 * status other than 2xx is an error too, with what it says as the text: EM_DENIED for 401
 * and 403, EM_NOTFOUND for 404, EM_FAILED.  Without an answer: EM_UNREACHABLE, EM_TIMEOUT,
 * EM_TOOBIG, EM_CANCELLED, EM_IO (it was cut, or is no HTTP), EM_DENIED (certificates),
 * EM_USAGE (no such URL, no such file). */
EM_MUST_USE em_err http_run(
    const struct http_call *c, struct str *answer, struct fault *f);

/* "host:port" of a URL, for people: without scheme, user and path. */
struct slice http_host(const char *url);

#endif
