/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scram: the server's side of SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677).  What
 * lives here: its messages, and what is kept of a password.  What does not: who the users
 * are (authn.h), the packets that carry it (client/).
 *
 * The primitives are OpenSSL's.  The few lines of text around them are our own: GNU SASL of
 * Debian 12 has no SHA-512, and Cyrus SASL tells apart whom it does not know and reads
 * settings of its own.  No channel binding (-PLUS), no SASLprep: names and passwords are
 * compared as the bytes that were written.
 *
 * Pure; any thread.
 */
#ifndef ACCESS_SCRAM_H
#define ACCESS_SCRAM_H

#include "ipc/base/err.h"
#include "ipc/base/str.h"

#define SCRAM_KEY_MAX 64u
#define SCRAM_SALT_MAX 64u
#define SCRAM_SALT 16u            /* bytes of a salt that we make */
#define SCRAM_ITERATIONS_MIN 4096 /* RFC 7677, 4 */
#define SCRAM_ITERATIONS_MAX 10000000

enum scram_hash { SCRAM_SHA256, SCRAM_SHA512 };

/* What is kept of a password: nobody can log in with it. */
struct scram_verifier {
	uint32_t iterations;
	uint8_t salt_n;
	uint8_t salt[SCRAM_SALT_MAX];
	uint8_t stored_key[SCRAM_KEY_MAX], server_key[SCRAM_KEY_MAX];
};

/* "SCRAM-SHA-256": the method's name in MQTT. */
const char *scram_method(enum scram_hash hash);

/* From a password: slow by purpose, some milliseconds.  EM_FAILED: the library cannot. */
EM_MUST_USE em_err scram_derive(enum scram_hash hash, struct slice password,
    struct slice salt, uint32_t iterations, struct scram_verifier *out);
/* From the text that RFC 5803 and PostgreSQL write:
 * SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>, bytes in base64. */
EM_MUST_USE em_err scram_parse(
    enum scram_hash hash, struct slice text, struct scram_verifier *out);
/* For a name that nobody has: always the same for it, so that the answer does not tell. */
EM_MUST_USE em_err scram_mock(enum scram_hash hash, struct slice secret,
    struct slice name, uint32_t iterations, struct scram_verifier *out);

/* One exchange.  Zero-initialise, set @hash; scram_fini frees. */
struct scram {
	enum scram_hash hash;
	struct str name;  /* who it says it is, after scram_first() */
	struct str gs2;   /* the header that the proof must repeat */
	struct str bare;  /* client-first-message-bare */
	struct str first; /* server-first-message */
	struct str nonce; /* of both */
	struct scram_verifier verifier;
};
void scram_fini(struct scram *s);

/* client-first-message: fills name.  EM_MALFORMED; EM_UNSUPPORTED: it asks for channel
 * binding, or for an extension that must be known. */
EM_MUST_USE em_err scram_first(struct scram *s, struct slice message);
/* server-first-message into @out; @nonce: printable, without a comma. */
void scram_challenge(
    struct scram *s, const struct scram_verifier *v, struct slice nonce, struct str *out);
/* client-final-message: server-final-message into @out.  EM_DENIED: the proof is wrong. */
EM_MUST_USE em_err scram_final(struct scram *s, struct slice message, struct str *out);

#endif
