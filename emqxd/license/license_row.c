/* SPDX-License-Identifier: Apache-2.0 */
/* license_row: see license_row.h. */
#include "emqxd/license/license_row.h"
#include "emqxd/license/license_key.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

#define FORM 1u
enum { HEAD = 1 + 8 + 2 + 2 };

size_t
license_row_size(const struct license_row *r)
{
	return HEAD + r->by.n + r->text.n;
}

void
license_row_write(const struct license_row *r, uint8_t *blob)
{
	struct wbuf w = wbuf_fixed(blob, license_row_size(r));

	wbuf_u8(&w, FORM);
	wbuf_u64(&w, (uint64_t)r->at.ns);
	wbuf_bytes16(&w, r->by);
	wbuf_bytes16(&w, r->text);
	CHECK(w.err == EM_OK);
}

em_err
license_row_read(struct slice blob, struct license_row *out)
{
	struct rbuf r = rbuf_of(blob);
	uint8_t form = rbuf_u8(&r);

	out->at = (wall_t){ (int64_t)rbuf_u64(&r) };
	out->by = rbuf_bytes16(&r);
	out->text = rbuf_bytes16(&r);
	if (r.err != EM_OK || form != FORM || rbuf_left(&r) > 0 || out->at.ns < 0 ||
	    out->by.n > LICENSE_ROW_BY_MAX || out->text.n > LICENSE_KEY_MAX)
		return EM_MALFORMED;
	return EM_OK;
}
