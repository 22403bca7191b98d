/* SPDX-License-Identifier: Apache-2.0 */
/* prover: see prover.h. */
#include "tests/tools/play/prover.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

struct keys {
	const EVP_MD *md;
	unsigned n;
	uint8_t salted[EVP_MAX_MD_SIZE];
};

static void
mac(const struct keys *k, const uint8_t *key, const char *text, uint8_t *out)
{
	unsigned n;
	const uint8_t *made =
	    HMAC(k->md, key, (int)k->n, (const uint8_t *)text, strlen(text), out, &n);

	CHECK(made != NULL);
}

static void
add_base64(struct str *out, const uint8_t *bytes, unsigned n)
{
	uint8_t text[128];

	CHECK(n <= 64);
	str_add_bytes(out, text, (size_t)EVP_EncodeBlock(text, bytes, (int)n));
}

/* "r=NONCE,s=SALT,i=COUNT" */
static bool
read_challenge(
    const char *text, char nonce[512], uint8_t salt[256], int *salt_n, unsigned *count)
{
	char base64[256];
	size_t pad = 0;

	if (sscanf(text, "r=%511[^,],s=%255[^,],i=%u", nonce, base64, count) != 3)
		return false;
	*salt_n = EVP_DecodeBlock(salt, (const uint8_t *)base64, (int)strlen(base64));
	while (pad < 2 && base64[strlen(base64) - 1 - pad] == '=')
		pad++;
	*salt_n -= (int)pad;
	return *salt_n > 0;
}

static void
add_proof(const struct keys *k, const char *message, struct str *out)
{
	uint8_t client[EVP_MAX_MD_SIZE], stored[EVP_MAX_MD_SIZE], sig[EVP_MAX_MD_SIZE];

	mac(k, k->salted, "Client Key", client);
	CHECK(EVP_Digest(client, k->n, stored, NULL, k->md, NULL) == 1);
	mac(k, stored, message, sig);
	for (unsigned i = 0; i < k->n; i++)
		sig[i] ^= client[i];
	add_base64(out, sig, k->n);
}

em_err
prover_answer(const char *method, struct slice bare, struct slice challenge,
    struct slice password, struct str *answer, struct str *signature, struct fault *fault)
{
	struct keys k = { .md = strcmp(method, "SCRAM-SHA-512") == 0 ? EVP_sha512()
								     : EVP_sha256() };
	struct str text = { NULL, 0, 0 }, message = { NULL, 0, 0 };
	uint8_t salt[256], server[EVP_MAX_MD_SIZE];
	char nonce[512];
	unsigned count;
	em_err err = EM_OK;
	int salt_n;

	k.n = (unsigned)EVP_MD_get_size(k.md);
	str_add_slice(&text, challenge);
	if (!read_challenge(str_get(&text), nonce, salt, &salt_n, &count) ||
	    PKCS5_PBKDF2_HMAC((const char *)password.p, (int)password.n, salt, salt_n,
		(int)count, k.md, (int)k.n, k.salted) != 1) {
		err = fault_set(
		    fault, EM_MALFORMED, "'%s' is no challenge of SCRAM", str_get(&text));
		goto out;
	}
	str_addf(answer, "c=biws,r=%s", nonce);
	str_add_slice(&message, bare);
	str_addf(&message, ",%s,%s", str_get(&text), str_get(answer));
	str_add(answer, ",p=");
	add_proof(&k, str_get(&message), answer);
	mac(&k, k.salted, "Server Key", server);
	mac(&k, server, str_get(&message), server);
	str_add(signature, "v=");
	add_base64(signature, server, k.n);
out:
	str_fini(&text);
	str_fini(&message);
	return err;
}
