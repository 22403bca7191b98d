/* SPDX-License-Identifier: Apache-2.0 */
/* certs: an authority and a certificate that it signed, as files, made by libcrypto. */
#ifndef TESTS_UNIT_LINK_CERTS_H
#define TESTS_UNIT_LINK_CERTS_H

#include "tests/unit/tap.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

struct certs {
	char ca[96], cert[96], key[96];
};

static inline X509 *
certs_one(const char *name, EVP_PKEY *key, X509 *by, EVP_PKEY *by_key)
{
	X509 *x = X509_new();
	X509_NAME *subject = X509_get_subject_name(x);
	X509_EXTENSION *basic;

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), by == NULL ? 1 : 2);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(
	    subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, by != NULL ? X509_get_subject_name(by) : subject);
	basic = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints,
	    by == NULL ? "critical,CA:TRUE" : "critical,CA:FALSE");
	X509_add_ext(x, basic, -1);
	X509_EXTENSION_free(basic);
	OK(X509_sign(x, by_key != NULL ? by_key : key, EVP_sha256()) > 0);
	return x;
}

static inline void
certs_write(const char *path, X509 *x, EVP_PKEY *key)
{
	FILE *file = fopen(path, "we");

	OK(file != NULL);
	if (x != NULL)
		OK(PEM_write_X509(file, x) == 1);
	else
		OK(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
	fclose(file);
}

/* Files under @dir whose names begin with @name. */
static inline void
certs_make(struct certs *c, const char *dir, const char *name)
{
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	X509 *ca = certs_one("authority", ca_key, NULL, NULL);
	X509 *x = certs_one("node", key, ca, ca_key);

	snprintf(c->ca, sizeof c->ca, "%s/%s-ca.pem", dir, name);
	snprintf(c->cert, sizeof c->cert, "%s/%s-cert.pem", dir, name);
	snprintf(c->key, sizeof c->key, "%s/%s-key.pem", dir, name);
	certs_write(c->ca, ca, NULL);
	certs_write(c->cert, x, NULL);
	certs_write(c->key, NULL, key);
	X509_free(x);
	X509_free(ca);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
}

static inline void
certs_drop(const struct certs *c)
{
	unlink(c->ca);
	unlink(c->cert);
	unlink(c->key);
}

#endif
