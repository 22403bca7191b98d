/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link_tls: TLS 1.3 between nodes, certificates on both sides, non-blocking on the
 * connection's own socket.  Who a node is, the cookie says (link_hello.h); the certificate
 * says that an authority of cluster.tls.cacertfile let it in.
 */
#ifndef LINK_LINK_TLS_H
#define LINK_LINK_TLS_H

#include "ipc/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct link_tls;
struct link_session;

/* Reads the files.  NULL: @f says what is wrong with which. */
struct link_tls *link_tls_new(
    const char *certfile, const char *keyfile, const char *cacertfile, struct fault *f);
void link_tls_free(struct link_tls **tp);

/* NULL: no memory. */
struct link_session *link_tls_open(struct link_tls *t, int fd, bool is_dialler);
void link_tls_close(struct link_session **sp);
/* EM_AGAIN until it stands. */
EM_MUST_USE em_err link_tls_shake(struct link_session *s, struct fault *f);
/* 32 bytes that only the two ends of this session have. */
void link_tls_bound(struct link_session *s, uint8_t out[32]);
/* As link_conn_read() and _write(). */
ssize_t link_tls_read(struct link_session *s, void *p, size_t n);
ssize_t link_tls_write(struct link_session *s, const void *p, size_t n);
/* What stopped last waits for room in the socket. */
bool link_tls_wants_write(const struct link_session *s);
/* Says that no more comes. */
void link_tls_end(struct link_session *s);

#endif
