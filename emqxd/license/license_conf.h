/* SPDX-License-Identifier: Apache-2.0 */
/*
 * license_conf: license.*: conf_get(CONF_LICENSE) is a struct license_conf; and the licence
 * that it names, read and verified.  A file is read where it is asked for: at the start and
 * at a reload on main, else on a jobs thread.
 */
#ifndef LICENSE_LICENSE_CONF_H
#define LICENSE_LICENSE_CONF_H

#include "emqxd/conf/section.h"
#include "emqxd/license/license_key.h"
#include "ipc/base/span.h"
#include "ipc/base/str.h"

struct license_conf {
	const char *key;        /* "default", file:///path, or the licence */
	const char *public_key; /* "", PEM or base64, or a path of it */
	uint8_t high, low;      /* percent of the sessions: alarm, and its end */
};

extern const struct conf_section license_conf;

/* The path in "file:///path"; NULL: it is no such thing. */
const char *license_conf_path(const char *value);
/* The public key itself; empty: the one that was compiled in. */
EM_MUST_USE em_err license_conf_public(
    const struct license_conf *c, struct str *out, struct fault *f);
/* *out NULL: none is configured.  *written: when its file was; ns 0: it is in none. */
EM_MUST_USE em_err license_conf_take(const struct license_conf *c,
    struct license_key **out, wall_t *written, struct fault *f);

#endif
