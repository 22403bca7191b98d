/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry: some changes of a group on their way through the cluster's order.
 *
 * Numbers are big-endian: version 1, the site id of who made it, his incarnation (of this
 * life of his), its number in it (from 1), how many changes (2 bytes; else 8).  Then each
 * change: what (1 put, 2 delete, 3 delete what has this stamp), kind, in a group where
 * the newer wins its clock (8) and for what 3 the site (8), the key with its size (2), and
 * for a put the blob with its size (4).
 *
 * A blob that is larger than ENTRY_PART_MAX goes before its change, in entries of their own:
 * what 4, kind, clock, an empty key, the part's number (4, from 0), its bytes with their size
 * (4).  Then what 5 is a put whose blob is so many parts (4) with so many bytes in all (4), of
 * those that its site sent last.  Either is the only one of its entry.
 *
 * Another version, a new kind and a new doing each come with a level (core/level.h).
 *
 * Pure functions.
 */
#ifndef STORE_ENTRY_H
#define STORE_ENTRY_H

#include "emqxd/store/change.h"
#include "emqxd/store/stamp.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

#define ENTRY_MAX (4u << 20) /* bytes */
#define ENTRY_PART_MAX (512u << 10)
/* Bytes of a blob in parts: as a row it must fit in a frame between nodes. */
#define ENTRY_WHOLE_MAX (15u << 20)
#define ENTRY_PARTS_MAX (ENTRY_WHOLE_MAX / ENTRY_PART_MAX)
#define ENTRY_HEAD 27u /* bytes without changes */

struct entry_head {
	uint64_t site, incarnation, seq;
	uint16_t n;
};

enum entry_what {
	ENTRY_PUT = 1,
	ENTRY_DEL = 2,
	ENTRY_EXPIRE = 3,
	ENTRY_PART = 4,
	ENTRY_WHOLE = 5
};

struct entry_change {
	enum entry_what what;
	enum change_kind kind;
	struct stamp
	    stamp; /* 0: the group has none.  Of ENTRY_EXPIRE: what the row has */
	struct slice key;
	struct slice blob; /* of a put or a part: p is never NULL; else none */
	uint32_t number;   /* of a part: which; of a whole: how many */
	uint32_t total;    /* bytes of a whole */
};

void entry_write_head(struct wbuf *w, const struct entry_head *h);
void entry_write(struct wbuf *w, const struct entry_change *c);
/* Bytes that a change with key and blob of so many takes at most. */
size_t entry_room(size_t key_n, size_t blob_n);

/* Reads all of it: EM_MALFORMED; EM_UNSUPPORTED: of a later version, or with a kind or a
 * doing that a later level has brought; or an entry that entry_open() and entry_next() can
 * walk. */
EM_MUST_USE em_err entry_check(
    enum change_group g, struct slice bytes, struct entry_head *out);
/* Of one that was checked. */
struct rbuf entry_open(struct slice bytes, struct entry_head *out);
void entry_next(
    struct rbuf *r, enum change_group g, uint64_t site, struct entry_change *out);

#endif
