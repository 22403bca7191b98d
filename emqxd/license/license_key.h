/* SPDX-License-Identifier: Apache-2.0 */
/*
 * license_key: a licence as its vendor signed it, in EMQX's form: base64 of the payload,
 * a dot, base64 of its ECDSA P-256 signature; the payload is nine or ten lines.
 *
 * What lives here: reading, and verifying against the vendor's public key.  What does not:
 * what a licence allows today (license_rule.h), where it comes from and where it is kept.
 *
 * No input can do more than be refused, with EMQX's name for the fault in the sentence.
 * Pure; any thread.
 */
#ifndef LICENSE_LICENSE_KEY_H
#define LICENSE_LICENSE_KEY_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"

#define LICENSE_KEY_MAX 8192u /* bytes of a licence, and of a public key */
#define LICENSE_KEY_INFINITE UINT64_MAX
#define LICENSE_KEY_DAYS_MAX 365000

enum license_type { LICENSE_TRIAL, LICENSE_OFFICIAL, LICENSE_COMMUNITY, LICENSE_TYPE_N };

/* Customer types that differ from the others. */
enum { LICENSE_SMALL = 0, LICENSE_EVALUATION = 10 };

struct license_key {
	char *text; /* as it came, without white space */
	size_t text_n;
	uint8_t *payload; /* the next three point into it */
	size_t payload_n;
	struct slice customer, email, deployment;
	enum license_type type;
	unsigned customer_type;
	int64_t start, end;    /* days since 1970; good up to and with the last */
	uint64_t max_sessions; /* what its type says where the field is 0 */
	uint64_t max_tps;      /* LICENSE_KEY_INFINITE: none, or not said */
	uint8_t *signature;
	size_t signature_n;
};

/* Reads, and does not verify.  EM_MALFORMED, EM_TOOBIG. */
EM_MUST_USE em_err license_key_read(
    struct slice text, struct license_key **out, struct fault *f);
/* Is it signed by the owner of @public_key (PEM, or its base64 alone; "": the one that was
 * compiled in)?  EM_REFUSED: no; EM_MALFORMED: that is no key; EM_NOTFOUND: there is none. */
EM_MUST_USE em_err license_key_verify(
    const struct license_key *k, struct slice public_key, struct fault *f);
/* Both. */
EM_MUST_USE em_err license_key_parse(struct slice text, struct slice public_key,
    struct license_key **out, struct fault *f);
void license_key_free(struct license_key **kp);

/* Is @public_key one, or is it empty? */
EM_MUST_USE em_err license_key_check_public(struct slice public_key, struct fault *f);

const char *license_key_type_name(enum license_type t);
static inline struct slice
license_key_text(const struct license_key *k)
{
	return slice_of(k->text, k->text_n);
}

#endif
