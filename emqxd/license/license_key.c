/* SPDX-License-Identifier: Apache-2.0 */
/* license_key: see license_key.h. */
#include "emqxd/license/license_key.h"
#include "emqxd/license/license_date.h"
#include "ipc/base/check.h"
#include "ipc/base/mem.h"
#include "ipc/base/num.h"
#include "ipc/base/str.h"
#include "ipc/base/utf8.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

/* The vendor's, as base64 in one line: make LICENSE_PUBLIC_KEY=FILE. */
#ifndef EMQXD_LICENSE_PUBLIC_KEY
#define EMQXD_LICENSE_PUBLIC_KEY ""
#endif

#define FORMAT "220111"
#define FIRST_DAY "20211101"
#define COMMUNITY_SESSIONS 10000000u
#define OTHER_SESSIONS 25u
#define FIELDS_MIN 9u
#define FIELDS_MAX 10u
#define PEM_HEAD SLICE_LIT("-----BEGIN")

static em_err
refuse(struct fault *f, const char *name, const char *text)
{
	return fault_set(f, EM_MALFORMED, "%s (%s)", text, name);
}

/* ---- base64 */

static bool
is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static char *
without_space(struct slice text, size_t *n)
{
	char *out = mem_new(text.n + 1);

	*n = 0;
	for (size_t i = 0; i < text.n; i++)
		if (!is_space(text.p[i]))
			out[(*n)++] = (char)text.p[i];
	return out;
}

static bool
is_of_base64(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '+' || c == '/';
}

/* The caller's; NULL: it is none, or empty. */
static uint8_t *
base64_new(struct slice text, size_t *n)
{
	size_t fill = 0, body;
	uint8_t *out;

	*n = 0;
	while (fill < 2 && fill < text.n && text.p[text.n - 1 - fill] == '=')
		fill++;
	body = text.n - fill;
	if (text.n == 0 || text.n % 4 != 0 || text.n > LICENSE_KEY_MAX)
		return NULL;
	for (size_t i = 0; i < body; i++)
		if (!is_of_base64(text.p[i]))
			return NULL;
	out = mem_new(text.n / 4 * 3);
	if (EVP_DecodeBlock(out, text.p, (int)text.n) < 0)
		MEM_FREE(out);
	else
		*n = text.n / 4 * 3 - fill;
	return out;
}

/* ---- the payload */

static em_err
read_types(struct license_key *k, const struct slice *field, struct fault *f)
{
	uint64_t type, customer;

	if (!slice_eq_str(field[0], FORMAT))
		return refuse(
		    f, "invalid_version", "the licence is of a form that is not known");
	if (num_parse_u64(field[1], &type) != EM_OK || type >= LICENSE_TYPE_N)
		return refuse(f, "invalid_license_type",
		    "the licence's type is none of trial, official, community");
	if (num_parse_u64(field[2], &customer) != EM_OK || customer > UINT16_MAX)
		return refuse(f, "invalid_customer_type",
		    "the licence's customer type is no number");
	k->type = (enum license_type)type;
	k->customer_type = (unsigned)customer;
	return EM_OK;
}

static em_err
read_texts(struct license_key *k, const struct slice *field, struct fault *f)
{
	for (unsigned i = 3; i < 6; i++)
		if (!utf8_is_mqtt(field[i]))
			return refuse(f, "bad_license_format",
			    "the licence's customer, e-mail or deployment is no text");
	k->customer = field[3];
	k->email = field[4];
	k->deployment = field[5];
	return EM_OK;
}

static em_err
read_dates(struct license_key *k, const struct slice *field, struct fault *f)
{
	int64_t days, first;

	CHECK(license_date_parse(SLICE_LIT(FIRST_DAY), &first) == EM_OK);
	if (license_date_parse(field[6], &k->start) != EM_OK || k->start < first)
		return refuse(f, "invalid_date",
		    "the licence's start is no date from " FIRST_DAY " on");
	if (num_parse_i64(field[7], &days) != EM_OK || days < 0 ||
	    days > LICENSE_KEY_DAYS_MAX)
		return refuse(f, "invalid_int_value",
		    "the licence's days are no number from 0 to 365000");
	k->end = k->start + days;
	return EM_OK;
}

static em_err
read_limits(struct license_key *k, const struct slice *field, unsigned n, struct fault *f)
{
	if (num_parse_u64(field[8], &k->max_sessions) != EM_OK ||
	    k->max_sessions > UINT32_MAX)
		return refuse(f, "invalid_connection_limit",
		    "the licence's limit of sessions is no number");
	if (k->max_sessions == 0)
		k->max_sessions =
		    k->type == LICENSE_COMMUNITY ? COMMUNITY_SESSIONS : OTHER_SESSIONS;
	k->max_tps = LICENSE_KEY_INFINITE;
	if (n < FIELDS_MAX || slice_eq_str(field[9], "Inf"))
		return EM_OK;
	if (num_parse_u64(field[9], &k->max_tps) != EM_OK || k->max_tps > UINT32_MAX)
		return refuse(f, "invalid_max_tps",
		    "the licence's limit of messages a second is neither a number nor "
		    "Inf");
	return EM_OK;
}

/* Its lines; more than there may be: FIELDS_MAX + 1. */
static unsigned
split(struct slice rest, struct slice field[FIELDS_MAX])
{
	unsigned n = 0;

	if (rest.n > 0 && rest.p[rest.n - 1] == '\n')
		rest.n--;
	for (;;) {
		const uint8_t *nl = rest.n > 0 ? memchr(rest.p, '\n', rest.n) : NULL;
		size_t len = nl != NULL ? (size_t)(nl - rest.p) : rest.n;

		if (n == FIELDS_MAX)
			return n + 1;
		field[n++] = slice_head(rest, len);
		if (nl == NULL)
			return n;
		rest = slice_from(rest, len + 1);
	}
}

static em_err
read_payload(struct license_key *k, struct fault *f)
{
	struct slice field[FIELDS_MAX];
	unsigned n = split(slice_of(k->payload, k->payload_n), field);
	em_err err;

	if (n < FIELDS_MIN || n > FIELDS_MAX)
		return refuse(f, "unexpected_number_of_fields",
		    "the licence has another number of lines than nine or ten");
	err = read_types(k, field, f);
	if (err == EM_OK)
		err = read_texts(k, field, f);
	if (err == EM_OK)
		err = read_dates(k, field, f);
	if (err == EM_OK)
		err = read_limits(k, field, n, f);
	return err;
}

static em_err
read_all(struct license_key *k, struct fault *f)
{
	const char *dot = memchr(k->text, '.', k->text_n);
	struct slice all = license_key_text(k);
	size_t n = dot != NULL ? (size_t)(dot - k->text) : 0;

	if (k->text_n == 0)
		return refuse(f, "empty_string", "the licence is empty");
	if (dot == NULL)
		return refuse(f, "bad_license_format",
		    "this is no licence: it has no dot between what it says and its "
		    "signature");
	k->payload = base64_new(slice_head(all, n), &k->payload_n);
	k->signature = base64_new(slice_from(all, n + 1), &k->signature_n);
	if (k->payload == NULL || k->signature == NULL)
		return refuse(f, "bad_license_format",
		    "this is no licence: it is not base64 before and behind its dot");
	return read_payload(k, f);
}

em_err
license_key_read(struct slice text, struct license_key **out, struct fault *f)
{
	struct license_key *k;
	em_err err;

	*out = NULL;
	if (text.n > LICENSE_KEY_MAX)
		return fault_set(f, EM_TOOBIG,
		    "this is no licence: it is over %u bytes (bad_license_format)",
		    LICENSE_KEY_MAX);
	k = MEM_NEW(struct license_key);
	k->text = without_space(text, &k->text_n);
	err = read_all(k, f);
	if (err != EM_OK)
		license_key_free(&k);
	*out = k;
	return err;
}

void
license_key_free(struct license_key **kp)
{
	if (*kp == NULL)
		return;
	mem_free((*kp)->text);
	mem_free((*kp)->payload);
	mem_free((*kp)->signature);
	MEM_FREE(*kp);
}

const char *
license_key_type_name(enum license_type t)
{
	switch (t) {
	case LICENSE_TRIAL: return "trial";
	case LICENSE_OFFICIAL: return "official";
	case LICENSE_COMMUNITY: return "community";
	case LICENSE_TYPE_N: break;
	}
	UNREACHABLE();
}

/* ---- the signature */

/* Nobody is asked for a passphrase. */
static int
no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf, (void)size, (void)rwflag, (void)arg;
	return -1;
}

static EVP_PKEY *
pkey_of_pem(struct slice pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = NULL;

	if (bio != NULL)
		key = PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	return key;
}

static EVP_PKEY *
pkey_of_base64(struct slice text)
{
	size_t n, der_n;
	char *bare = without_space(text, &n);
	uint8_t *der = base64_new(slice_of(bare, n), &der_n);
	const uint8_t *at = der;
	EVP_PKEY *key = NULL;

	if (der != NULL)
		key = d2i_PUBKEY(NULL, &at, (long)der_n);
	mem_free(der);
	mem_free(bare);
	return key;
}

static bool
is_p256(EVP_PKEY *key)
{
	char name[32] = "";

	return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	       EVP_PKEY_get_group_name(key, name, sizeof name, NULL) == 1 &&
	       strcmp(name, "prime256v1") == 0;
}

static EVP_PKEY *
pkey_of(struct slice text)
{
	EVP_PKEY *key = NULL;

	while (text.n > 0 && is_space(text.p[0]))
		text = slice_from(text, 1);
	if (text.n <= LICENSE_KEY_MAX)
		key = slice_starts(text, PEM_HEAD) ? pkey_of_pem(text)
						   : pkey_of_base64(text);
	if (key != NULL && !is_p256(key)) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	ERR_clear_error();
	return key;
}

static em_err
no_public(struct fault *f)
{
	fault_set(f, EM_MALFORMED, "license.public_key is no public key of curve P-256");
	fault_hint(f, "PEM, as `license-sign keys` writes it, or file:///path of it");
	return EM_MALFORMED;
}

em_err
license_key_check_public(struct slice public_key, struct fault *f)
{
	EVP_PKEY *key = public_key.n > 0 ? pkey_of(public_key) : NULL;

	if (key == NULL && public_key.n > 0)
		return no_public(f);
	EVP_PKEY_free(key);
	return EM_OK;
}

static bool
is_signed(const struct license_key *k, EVP_PKEY *key)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool is = ctx != NULL &&
		  EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
		  EVP_DigestVerify(
		      ctx, k->signature, k->signature_n, k->payload, k->payload_n) == 1;

	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return is;
}

em_err
license_key_verify(const struct license_key *k, struct slice public_key, struct fault *f)
{
	struct slice from =
	    public_key.n > 0 ? public_key : SLICE_LIT(EMQXD_LICENSE_PUBLIC_KEY);
	EVP_PKEY *key;
	bool is;

	if (from.n == 0) {
		fault_set(
		    f, EM_NOTFOUND, "there is no public key to verify a licence with");
		fault_hint(f, "set license.public_key in emqx.conf to the vendor's, "
			      "then: systemctl restart emqxd");
		return EM_NOTFOUND;
	}
	key = pkey_of(from);
	if (key == NULL)
		return no_public(f);
	is = is_signed(k, key);
	EVP_PKEY_free(key);
	if (is)
		return EM_OK;
	fault_set(f, EM_REFUSED,
	    "the licence's signature is not the vendor's: it is forged, damaged or for "
	    "another product (invalid_signature)");
	fault_hint(f, "license.public_key must be the key of who sold the licence");
	return EM_REFUSED;
}

em_err
license_key_parse(
    struct slice text, struct slice public_key, struct license_key **out, struct fault *f)
{
	em_err err = license_key_read(text, out, f);

	if (err == EM_OK) {
		CHECK(*out != NULL);
		err = license_key_verify(*out, public_key, f);
	}
	if (err != EM_OK)
		license_key_free(out);
	return err;
}
