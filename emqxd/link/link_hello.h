/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link_hello: the first bytes of a connection between nodes.  Pure: bytes in, bytes out,
 * no socket, no clock; nonces are given.
 *
 *	dials                             answers
 *	NONCE magic, nonce d        -->
 *	                            <--   NONCE magic, nonce a
 *	HELLO facts, proof d        -->
 *	                            <--   HELLO facts, verdict, proof a    or   REFUSE why
 *
 * Each message: u16 length of what follows, u8 type, body.  A proof is HMAC-SHA256 under
 * node.cookie over the role, both nonces, what binds it to the TLS session (32 bytes
 * exported from it, or none) and the facts; that of who answers covers the other proof
 * too.  So neither a replay, nor a mirror, nor somebody between two TLS sessions passes.
 * Who answers says nothing of itself until the dialler has proved that it has the cookie.
 *
 * Facts are fields of u8 tag, u8 length, value: a tag that is not known is passed over, so
 * that versions which do not fit can still say so by name.  At most LINK_HELLO_MAX bytes a
 * side; what is more, or anything else than these four messages, is an error.
 *
 * Both sides judge the other's facts in the same way, so each has the whole sentence; what
 * only who answers can know (is it a member?) travels as the verdict.
 */
#ifndef LINK_LINK_HELLO_H
#define LINK_LINK_HELLO_H

#include "emqxd/link/link.h"
#include "emqxd/core/level.h"
#include "ipc/base/wbuf.h"

#define LINK_HELLO_MAX 512 /* bytes a side */
#define LINK_NONCE 32
#define LINK_CLUSTER_MAX 64

/* The versions of the protocol that this build speaks. */
#define LINK_PROTOCOL_MIN LEVEL_MIN
#define LINK_PROTOCOL_MAX LEVEL_MAX

/* What a node says of itself.  Texts end with NUL. */
struct link_facts {
	uint8_t protocol_min, protocol_max;
	uint8_t channel; /* enum link_channel */
	char product[LINK_PRODUCT_MAX + 1];
	char cluster[LINK_CLUSTER_MAX + 1];
	char name[NODES_NAME_MAX + 1];
	char address[LINK_ADDRESS_MAX + 1]; /* advertised */
	char group[LINK_GROUP_MAX + 1];     /* of RAFT, else "" */
	uint64_t site, incarnation, table;
};

enum link_hello_step {
	LINK_HELLO_NONCE, /* waits for the other's nonce */
	LINK_HELLO_FACTS, /* waits for the other's facts */
	LINK_HELLO_JUDGE, /* who answers must say link_hello_answer() */
	LINK_HELLO_DONE,
	LINK_HELLO_FAILED
};

struct link_hello {
	enum link_hello_step step;
	bool is_dialler;
	const char *cookie; /* borrowed */
	struct link_facts mine, theirs;
	em_err err; /* of FAILED; see link_hello_explain() */
	uint8_t nonce_mine[LINK_NONCE], nonce_theirs[LINK_NONCE];
	uint8_t bound[32];
	bool is_bound;
	uint8_t proof_theirs[32], proof_mine[32];
	uint8_t in[LINK_HELLO_MAX];
	size_t in_n, seen; /* kept; taken in all */
};

/* Begins.  @cookie and @facts: ours; @bound: 32 bytes of the TLS session, or NULL.  Who
 * dials writes its first message to @out. */
void link_hello_start(struct link_hello *h, bool is_dialler, const char *cookie,
    const struct link_facts *facts, const uint8_t nonce[LINK_NONCE], const uint8_t *bound,
    struct wbuf *out);
/* Takes bytes off *@in and answers to @out, until the step is JUDGE, DONE or FAILED or
 * there is no more.  What follows DONE stays in *@in. */
void link_hello_feed(struct link_hello *h, struct slice *in, struct wbuf *out);
/* In JUDGE: what this node thinks, EM_OK or one of the errors below; DONE, or FAILED with
 * it. */
void link_hello_answer(struct link_hello *h, em_err verdict, struct wbuf *out);
/* Do the two fit?  EM_TOONEW, EM_CLUSTERNAME, EM_SELF, EM_NAMETAKEN. */
em_err link_hello_judge(const struct link_facts *mine, const struct link_facts *theirs);
/* The version that both speak. */
unsigned link_hello_protocol(const struct link_hello *h);
/* The sentence of a FAILED one; @where: the other's address.  Returns the error. */
em_err link_hello_explain(const struct link_hello *h, const char *where, struct fault *f);

#endif
