/* SPDX-License-Identifier: Apache-2.0 */
/* link_tls: see link_tls.h. */
#include "emqxd/link/link_tls.h"
#include "emqxd/link/link_inside.h"
#include "ipc/base/mem.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct link_tls {
	SSL_CTX *ctx;
};

struct link_session {
	SSL *ssl;
	bool is_dialler, wants_write;
};

static const char *
last_error(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text != NULL ? text : "unknown";
}

static em_err
read_files(SSL_CTX *ctx, const char *certfile, const char *keyfile,
    const char *cacertfile, struct fault *f)
{
	if (SSL_CTX_use_certificate_chain_file(ctx, certfile) != 1)
		return fault_set(
		    f, EM_IO, "cluster.tls.certfile %s: %s", certfile, last_error());
	if (SSL_CTX_use_PrivateKey_file(ctx, keyfile, SSL_FILETYPE_PEM) != 1)
		return fault_set(
		    f, EM_IO, "cluster.tls.keyfile %s: %s", keyfile, last_error());
	if (SSL_CTX_load_verify_locations(ctx, cacertfile, NULL) != 1)
		return fault_set(
		    f, EM_IO, "cluster.tls.cacertfile %s: %s", cacertfile, last_error());
	return EM_OK;
}

struct link_tls *
link_tls_new(
    const char *certfile, const char *keyfile, const char *cacertfile, struct fault *f)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	struct link_tls *t;

	CHECK(ctx != NULL);
	ERR_clear_error();
	SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_mode(
	    ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 0);
	/* A node's certificate serves both its roles: it need not name one of them. */
	SSL_CTX_set_purpose(ctx, X509_PURPOSE_ANY);
	if (read_files(ctx, certfile, keyfile, cacertfile, f) != EM_OK) {
		SSL_CTX_free(ctx);
		ERR_clear_error();
		return NULL;
	}
	t = MEM_NEW(struct link_tls);
	t->ctx = ctx;
	return t;
}

void
link_tls_free(struct link_tls **tp)
{
	if (*tp == NULL)
		return;
	SSL_CTX_free((*tp)->ctx);
	MEM_FREE(*tp);
}

struct link_session *
link_tls_open(struct link_tls *t, int fd, bool is_dialler)
{
	SSL *ssl = SSL_new(t->ctx);
	struct link_session *s;

	if (ssl == NULL)
		return NULL;
	if (SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	if (is_dialler)
		SSL_set_connect_state(ssl);
	else
		SSL_set_accept_state(ssl);
	s = MEM_NEW(struct link_session);
	*s = (struct link_session){ .ssl = ssl, .is_dialler = is_dialler };
	return s;
}

void
link_tls_close(struct link_session **sp)
{
	if (*sp == NULL)
		return;
	SSL_free((*sp)->ssl);
	MEM_FREE(*sp);
}

/* Does it only wait? */
static bool
only_waits(struct link_session *s, int rc)
{
	int e = SSL_get_error(s->ssl, rc);

	s->wants_write = e == SSL_ERROR_WANT_WRITE;
	return s->wants_write || e == SSL_ERROR_WANT_READ;
}

em_err
link_tls_shake(struct link_session *s, struct fault *f)
{
	int rc;
	long verdict;

	ERR_clear_error();
	rc = SSL_do_handshake(s->ssl);
	if (rc == 1) {
		s->wants_write = false;
		return EM_OK;
	}
	if (only_waits(s, rc))
		return EM_AGAIN;
	verdict = SSL_get_verify_result(s->ssl);
	if (verdict != X509_V_OK)
		fault_set(f, EM_DENIED, "TLS: its certificate: %s",
		    X509_verify_cert_error_string(verdict));
	else
		fault_set(f, EM_PROTOCOL, "TLS: %s",
		    ERR_peek_last_error() != 0 ? last_error() : "the connection ended");
	fault_hint(f, "cluster.tls must fit on both nodes");
	ERR_clear_error();
	return verdict != X509_V_OK ? EM_DENIED : EM_PROTOCOL;
}

void
link_tls_bound(struct link_session *s, uint8_t out[32])
{
	static const char label[] = "EXPORTER-emqxd-link";

	CHECK(SSL_export_keying_material(
		  s->ssl, out, 32, label, sizeof label - 1, NULL, 0, 0) == 1);
}

ssize_t
link_tls_read(struct link_session *s, void *p, size_t n)
{
	size_t got = 0;
	int rc;

	ERR_clear_error();
	rc = SSL_read_ex(s->ssl, p, n, &got);
	if (rc == 1)
		return (ssize_t)got;
	if (only_waits(s, rc))
		return LINK_IO_AGAIN;
	return SSL_get_error(s->ssl, rc) == SSL_ERROR_ZERO_RETURN ? 0 : LINK_IO_FAILED;
}

ssize_t
link_tls_write(struct link_session *s, const void *p, size_t n)
{
	size_t put = 0;
	int rc;

	ERR_clear_error();
	rc = SSL_write_ex(s->ssl, p, n, &put);
	if (rc == 1) {
		s->wants_write = false;
		return (ssize_t)put;
	}
	return only_waits(s, rc) ? LINK_IO_AGAIN : LINK_IO_FAILED;
}

bool
link_tls_wants_write(const struct link_session *s)
{
	return s->wants_write;
}

void
link_tls_end(struct link_session *s)
{
	ERR_clear_error();
	if (SSL_is_init_finished(s->ssl))
		(void)SSL_shutdown(s->ssl);
	ERR_clear_error();
}
