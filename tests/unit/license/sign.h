/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign: a vendor of the test's own: a key that is made at its start, and licences of it.
 */
#ifndef TESTS_UNIT_LICENSE_SIGN_H
#define TESTS_UNIT_LICENSE_SIGN_H

#include "ipc/base/str.h"
#include "tests/unit/tap.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

struct vendor {
	EVP_PKEY *key;
	struct str public_key; /* PEM */
};

static inline void
vendor_init(struct vendor *v, const char *curve)
{
	char *p;
	BIO *bio = BIO_new(BIO_s_mem());
	long n;

	*v = (struct vendor){ .key = EVP_EC_gen(curve) };
	OK(v->key != NULL && PEM_write_bio_PUBKEY(bio, v->key) == 1);
	n = BIO_get_mem_data(bio, &p);
	str_add_bytes(&v->public_key, p, (size_t)n);
	BIO_free(bio);
}

static inline void
vendor_fini(struct vendor *v)
{
	EVP_PKEY_free(v->key);
	str_fini(&v->public_key);
}

static inline void
vendor_base64(struct str *out, const void *p, size_t n)
{
	unsigned char text[4096];

	OK(n < 3000);
	str_add_bytes(out, text, (size_t)EVP_EncodeBlock(text, p, (int)n));
}

/* The licence with that payload, behind @out's. */
static inline void
vendor_sign(const struct vendor *v, const char *payload, struct str *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char signature[256];
	size_t n = sizeof signature;

	OK(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, v->key) == 1);
	OK(EVP_DigestSign(
	       ctx, signature, &n, (const unsigned char *)payload, strlen(payload)) == 1);
	EVP_MD_CTX_free(ctx);
	vendor_base64(out, payload, strlen(payload));
	str_add_char(out, '.');
	vendor_base64(out, signature, n);
}

#endif
