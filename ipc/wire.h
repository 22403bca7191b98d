/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire: the bodies of the frames (a row's is row.h's).  Each is a msgpack map
 * from short names to values; unknown names are skipped, so that a newer side
 * may say more.  A command goes by its path with the hash of its row: a daemon
 * that has another row for it says so instead of misreading the arguments.
 *
 * The writing functions append a whole frame.  The reading ones check all that
 * came; slices point into the body.
 */
#ifndef IPC_WIRE_H
#define IPC_WIRE_H

#include "ipc/cmd.h"
#include "ipc/frame.h"
#include "ipc/params.h"

#define WIRE_PROTOCOL 1       /* changes only when frames themselves do */
#define WIRE_CREDIT 1024      /* rows that may be sent unasked, and added by a CREDIT */
#define WIRE_CREDIT_MAX 65536 /* more than that never stands open */

/* What the peer may do; the daemon says it in its hello. */
enum wire_access {
	WIRE_ACCESS_NONE,
	WIRE_ACCESS_READ,
	WIRE_ACCESS_WRITE,
	WIRE_ACCESS_ALL, /* the dangerous ones too */
};

struct wire_hello {
	uint32_t protocol;
	uint64_t table; /* cmd_table_hash() */
	struct slice version;
	struct slice node;       /* of the daemon; empty from the tool */
	enum wire_access access; /* of the daemon */
};
void wire_hello_put(struct wbuf *w, const struct wire_hello *h);
EM_MUST_USE em_err wire_hello_get(struct slice body, struct wire_hello *h);

enum wire_req_flag {
	WIRE_REQ_LEGACY = 1 << 0, /* --legacy-names: ends by their names of 4.x and 3.x */
	WIRE_REQ_COMPAT44 = 1 << 1, /* --compat 4.4: ids as 4.4 writes them, and LEGACY */
	WIRE_REQ_DRY_RUN = 1 << 2,  /* say what would happen */
	WIRE_REQ_YES = 1 << 3,      /* the caller agreed: asked on a terminal, or --yes */
};

struct wire_req {
	const struct cmd *cmd;
	struct params params; /* owned */
	unsigned flags;       /* WIRE_REQ_ */
	uint32_t credit;      /* rows that may be sent at once; at most WIRE_CREDIT_MAX */
};
void wire_req_put(struct wbuf *w, uint32_t id, const struct wire_req *req);
/* Fills @req (zeroed first; wire_req_fini afterwards in every case).  Descriptors for
 * CT_INFILE and CT_OUTFILE are taken from @fds (NULL: none come).  EM_MALFORMED: close
 * the peer.  EM_UNSUPPORTED (unknown command, other row), EM_USAGE (values): @f says
 * what; answer with it. */
EM_MUST_USE em_err wire_req_get(struct slice body, struct ipc_frame_reader *fds,
    struct wire_req *req, struct fault *f);
void wire_req_fini(struct wire_req *req);

struct wire_end {
	uint64_t rows;     /* rows sent */
	struct slice next; /* cursor for --after when there is more; empty at the end */
	struct slice note; /* a sentence for stderr, or empty */
};
void wire_end_put(struct wbuf *w, uint32_t id, const struct wire_end *e);
EM_MUST_USE em_err wire_end_get(struct slice body, struct wire_end *e);

/* A fault with its code's name; the text is without the command's words. */
void wire_fault_put(struct wbuf *w, uint32_t id, const struct fault *f);
/* Sets @f from the body.  EM_MALFORMED when it is none. */
EM_MUST_USE em_err wire_fault_get(struct slice body, struct fault *f);

void wire_event_put(struct wbuf *w, uint32_t id, struct slice text);
EM_MUST_USE em_err wire_event_get(struct slice body, struct slice *text);
void wire_credit_put(struct wbuf *w, uint32_t id, uint32_t rows);
EM_MUST_USE em_err wire_credit_get(struct slice body, uint32_t *rows);
void wire_cancel_put(struct wbuf *w, uint32_t id);

/* -1: @theirs is older than @ours, 1: newer, 0: same.  "0.9.1" < "0.10". */
int wire_version_cmp(struct slice theirs, struct slice ours);

#endif
