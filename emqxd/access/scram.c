/* SPDX-License-Identifier: Apache-2.0 */
/* scram: see scram.h. */
#include "emqxd/access/scram.h"
#include "ipc/base/num.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define NAME_MAX_N 65535u
#define ITERATIONS_TEXT 8u /* digits of SCRAM_ITERATIONS_MAX */

static const EVP_MD *
md_of(enum scram_hash hash)
{
	return hash == SCRAM_SHA512 ? EVP_sha512() : EVP_sha256();
}

static size_t
key_size(enum scram_hash hash)
{
	return hash == SCRAM_SHA512 ? 64 : 32;
}

const char *
scram_method(enum scram_hash hash)
{
	return hash == SCRAM_SHA512 ? "SCRAM-SHA-512" : "SCRAM-SHA-256";
}

/* ---- base64 */

static void
base64_add(struct str *out, struct slice v)
{
	uint8_t text[4 * (SCRAM_KEY_MAX / 3 + 1) + 1];

	CHECK(v.n <= SCRAM_KEY_MAX);
	str_add_bytes(out, text, (size_t)EVP_EncodeBlock(text, v.p, (int)v.n));
}

/* Exactly what base64_add() writes; returns its bytes, 0: it is none, or of more than
 * @max. */
static size_t
base64_take(struct slice text, uint8_t *out, size_t max)
{
	uint8_t bytes[3 * (SCRAM_KEY_MAX / 3 + 2)];
	struct str again = { 0 };
	size_t n, pad = 0;
	bool same;

	if (text.n == 0 || text.n % 4 != 0 || text.n / 4 * 3 > max + 2 ||
	    text.n / 4 * 3 > sizeof bytes)
		return 0;
	while (pad < 2 && text.p[text.n - 1 - pad] == '=')
		pad++;
	if (EVP_DecodeBlock(bytes, text.p, (int)text.n) < 0)
		return 0;
	n = text.n / 4 * 3 - pad;
	if (n > max)
		return 0;
	base64_add(&again, slice_of(bytes, n));
	same = slice_eq(str_slice(&again), text);
	str_fini(&again);
	if (same)
		memcpy(out, bytes, n);
	return same ? n : 0;
}

/* ---- keys */

static bool
hmac(enum scram_hash hash, struct slice key, struct slice text, uint8_t *out)
{
	unsigned n;

	return HMAC(md_of(hash), key.n > 0 ? key.p : (const uint8_t *)"", (int)key.n,
		   text.p, text.n, out, &n) != NULL;
}

static bool
digest(enum scram_hash hash, const uint8_t *key, uint8_t *out)
{
	return EVP_Digest(key, key_size(hash), out, NULL, md_of(hash), NULL) == 1;
}

/* SaltedPassword of RFC 5802, 3. */
static bool
salted(enum scram_hash hash, struct slice password, struct slice salt,
    uint32_t iterations, uint8_t *out)
{
	return PKCS5_PBKDF2_HMAC(password.n > 0 ? (const char *)password.p : "",
		   (int)password.n, salt.p, (int)salt.n, (int)iterations, md_of(hash),
		   (int)key_size(hash), out) == 1;
}

em_err
scram_derive(enum scram_hash hash, struct slice password, struct slice salt,
    uint32_t iterations, struct scram_verifier *out)
{
	uint8_t key[SCRAM_KEY_MAX], client[SCRAM_KEY_MAX];
	struct slice whole = slice_of(key, key_size(hash));
	bool ok;

	CHECK(salt.n > 0 && salt.n <= SCRAM_SALT_MAX);
	*out = (struct scram_verifier){ .iterations = iterations,
		.salt_n = (uint8_t)salt.n };
	memcpy(out->salt, salt.p, salt.n);
	ok = salted(hash, password, salt, iterations, key) &&
	     hmac(hash, whole, SLICE_LIT("Client Key"), client) &&
	     digest(hash, client, out->stored_key) &&
	     hmac(hash, whole, SLICE_LIT("Server Key"), out->server_key);
	OPENSSL_cleanse(key, sizeof key);
	OPENSSL_cleanse(client, sizeof client);
	return ok ? EM_OK : EM_FAILED;
}

em_err
scram_mock(enum scram_hash hash, struct slice secret, struct slice name,
    uint32_t iterations, struct scram_verifier *out)
{
	uint8_t key[SCRAM_KEY_MAX];

	/* The keys are all zero: nothing hashes to them, so that no proof fits. */
	*out = (struct scram_verifier){ .iterations = iterations, .salt_n = SCRAM_SALT };
	if (!hmac(hash, secret, name, key))
		return EM_FAILED;
	memcpy(out->salt, key, SCRAM_SALT);
	return EM_OK;
}

/* ---- text */

/* Takes what is before @end, which must be there, and @end. */
static bool
take_until(struct slice *in, char end, struct slice *out)
{
	const uint8_t *at = in->n > 0 ? memchr(in->p, end, in->n) : NULL;

	if (at == NULL)
		return false;
	*out = slice_head(*in, (size_t)(at - in->p));
	*in = slice_from(*in, out->n + 1);
	return true;
}

/* Takes "x=value", up to a comma or the end. */
static bool
take_field(struct slice *in, char name, struct slice *value)
{
	struct slice rest = *in;

	if (rest.n < 2 || rest.p[0] != name || rest.p[1] != '=')
		return false;
	rest = slice_from(rest, 2);
	if (!take_until(&rest, ',', value)) {
		*value = rest;
		rest = slice_from(rest, rest.n);
	}
	*in = rest;
	return true;
}

static bool
take_iterations(struct slice text, uint32_t *out)
{
	uint64_t n;

	if (text.n > ITERATIONS_TEXT || num_parse_u64(text, &n) != EM_OK || n == 0 ||
	    n > SCRAM_ITERATIONS_MAX)
		return false;
	*out = (uint32_t)n;
	return true;
}

em_err
scram_parse(enum scram_hash hash, struct slice text, struct scram_verifier *out)
{
	size_t size = key_size(hash);
	struct slice method, iterations, salt, stored;

	*out = (struct scram_verifier){ .iterations = 0 };
	if (!take_until(&text, '$', &method) ||
	    !slice_eq_str(method, scram_method(hash)) ||
	    !take_until(&text, ':', &iterations) || !take_until(&text, '$', &salt) ||
	    !take_until(&text, ':', &stored) ||
	    !take_iterations(iterations, &out->iterations))
		return EM_MALFORMED;
	out->salt_n = (uint8_t)base64_take(salt, out->salt, SCRAM_SALT_MAX);
	if (out->salt_n == 0 || base64_take(stored, out->stored_key, size) != size ||
	    base64_take(text, out->server_key, size) != size)
		return EM_MALFORMED;
	return EM_OK;
}

/* saslname: =2C is a comma, =3D an equals sign, and no other = stands there. */
static bool
take_name(struct slice in, struct str *out)
{
	if (in.n == 0 || in.n > NAME_MAX_N || memchr(in.p, '\0', in.n) != NULL)
		return false;
	while (in.n > 0) {
		char c = (char)in.p[0];
		size_t n = 1;

		if (c == '=') {
			if (slice_starts(in, SLICE_LIT("=2C")))
				c = ',';
			else if (!slice_starts(in, SLICE_LIT("=3D")))
				return false;
			n = 3;
		}
		str_add_char(out, c);
		in = slice_from(in, n);
	}
	return true;
}

/* ---- the exchange */

void
scram_fini(struct scram *s)
{
	str_fini(&s->name);
	str_fini(&s->gs2);
	str_fini(&s->bare);
	str_fini(&s->first);
	str_fini(&s->nonce);
	OPENSSL_cleanse(&s->verifier, sizeof s->verifier);
}

/* "n,," or "y,a=name,": without channel binding, and nobody acts for another. */
static em_err
take_gs2(struct scram *s, struct slice *in)
{
	struct slice whole = *in, flag, authzid;

	if (!take_until(in, ',', &flag) || !take_until(in, ',', &authzid))
		return EM_MALFORMED;
	if (slice_starts(flag, SLICE_LIT("p=")))
		return EM_UNSUPPORTED;
	if (!slice_eq_str(flag, "n") && !slice_eq_str(flag, "y"))
		return EM_MALFORMED;
	str_add_slice(&s->gs2, slice_head(whole, flag.n + 1 + authzid.n + 1));
	if (authzid.n > 0 && !slice_starts(authzid, SLICE_LIT("a=")))
		return EM_MALFORMED;
	return EM_OK;
}

/* May a nonce hold it?  RFC 5802, 7: printable, no comma. */
static bool
is_nonce(struct slice v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < 0x21 || v.p[i] > 0x7e || v.p[i] == ',')
			return false;
	return v.n > 0;
}

em_err
scram_first(struct scram *s, struct slice in)
{
	em_err err = take_gs2(s, &in);
	struct slice name, nonce, acts = str_slice(&s->gs2);

	if (err != EM_OK)
		return err;
	if (in.n > 0 && in.p[0] == 'm')
		return EM_UNSUPPORTED;
	str_add_slice(&s->bare, in);
	if (!take_field(&in, 'n', &name) || !take_name(name, &s->name) ||
	    !take_field(&in, 'r', &nonce) || !is_nonce(nonce))
		return EM_MALFORMED;
	str_add_slice(&s->nonce, nonce);
	/* "n,a=name,": who acts for himself says nothing new. */
	acts = slice_head(slice_from(acts, 2), acts.n - 3);
	if (acts.n > 0 && !slice_eq(slice_from(acts, 2), name))
		return EM_UNSUPPORTED;
	return EM_OK;
}

void
scram_challenge(
    struct scram *s, const struct scram_verifier *v, struct slice nonce, struct str *out)
{
	s->verifier = *v;
	str_add_slice(&s->nonce, nonce);
	str_add(&s->first, "r=");
	str_add_slice(&s->first, str_slice(&s->nonce));
	str_add(&s->first, ",s=");
	base64_add(&s->first, slice_of(v->salt, v->salt_n));
	str_addf(&s->first, ",i=%u", (unsigned)v->iterations);
	str_add_slice(out, str_slice(&s->first));
}

/* AuthMessage of RFC 5802, 3. */
static void
auth_message(
    struct slice bare, struct slice first, struct slice without_proof, struct str *out)
{
	str_add_slice(out, bare);
	str_add(out, ",");
	str_add_slice(out, first);
	str_add(out, ",");
	str_add_slice(out, without_proof);
}

static bool
is_gs2(const struct scram *s, struct slice text)
{
	size_t max = 4 * (s->gs2.n / 3 + 1) + 1;
	uint8_t *again = OPENSSL_malloc(max);
	bool same = again != NULL;

	if (same)
		same = slice_eq(
		    text, slice_of(again, (size_t)EVP_EncodeBlock(again,
					      (const uint8_t *)s->gs2.p, (int)s->gs2.n)));
	OPENSSL_free(again);
	return same;
}

/* The client's key comes out of its proof, and must hash to what is kept. */
static bool
is_proven(const struct scram *s, const uint8_t *proof, struct slice message)
{
	size_t n = key_size(s->hash);
	uint8_t key[SCRAM_KEY_MAX], stored[SCRAM_KEY_MAX];
	bool ok;

	if (!hmac(s->hash, slice_of(s->verifier.stored_key, n), message, key))
		return false;
	for (size_t i = 0; i < n; i++)
		key[i] ^= proof[i];
	ok = digest(s->hash, key, stored) &&
	     CRYPTO_memcmp(stored, s->verifier.stored_key, n) == 0;
	OPENSSL_cleanse(key, sizeof key);
	return ok;
}

/* The bytes of client-final-message, of which the proof and what is before it are taken. */
static em_err
take_final(
    const struct scram *s, struct slice in, uint8_t *proof, struct slice *without_proof)
{
	size_t size = key_size(s->hash);
	struct slice whole = in, gs2, nonce, p;

	if (!take_field(&in, 'c', &gs2) || !take_field(&in, 'r', &nonce))
		return EM_MALFORMED;
	/* Extensions, which may be there and are not understood, come before the proof. */
	while (in.n > 1 && in.p[0] != 'p' && in.p[1] == '=')
		if (!take_field(&in, (char)in.p[0], &p))
			return EM_MALFORMED;
	if (in.n < 2 || in.p[0] != 'p')
		return EM_MALFORMED;
	*without_proof = slice_head(whole, whole.n - in.n - 1);
	if (!take_field(&in, 'p', &p) || in.n > 0 || base64_take(p, proof, size) != size)
		return EM_MALFORMED;
	return is_gs2(s, gs2) && slice_eq(nonce, str_slice(&s->nonce)) ? EM_OK
								       : EM_DENIED;
}

em_err
scram_final(struct scram *s, struct slice message, struct str *out)
{
	uint8_t proof[SCRAM_KEY_MAX], signature[SCRAM_KEY_MAX];
	size_t size = key_size(s->hash);
	struct slice without_proof;
	struct str all = { 0 };
	em_err err = take_final(s, message, proof, &without_proof);

	if (err != EM_OK)
		return err;
	auth_message(str_slice(&s->bare), str_slice(&s->first), without_proof, &all);
	err = EM_DENIED;
	if (is_proven(s, proof, str_slice(&all)) &&
	    hmac(s->hash, slice_of(s->verifier.server_key, size), str_slice(&all),
		signature)) {
		str_add(out, "v=");
		base64_add(out, slice_of(signature, size));
		err = EM_OK;
	}
	str_fini(&all);
	return err;
}
