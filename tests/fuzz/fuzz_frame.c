/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_frame: any stream as frames.  The first byte chooses where the rest is
 * cut; fed whole or in two pieces the same frames come out, and the reader never
 * holds more than what it was fed and one frame.  Bodies go through the msgpack
 * reader: what it calls one value has a size.
 */
#include "ipc/base/mem.h"
#include "ipc/frame.h"
#include "ipc/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes all frames that are there; the sum tells two runs apart. */
static em_err
take_all(struct ipc_frame_reader *r, uint64_t *sum)
{
	struct ipc_frame f;
	em_err err;

	while ((err = ipc_frame_next(r, &f)) == EM_OK) {
		CHECK(f.body.n <= r->max);
		CHECK(f.kind >= FRAME_HELLO && f.kind <= FRAME_CANCEL);
		*sum = *sum * 31 + f.kind + f.id + f.body.n;
		for (size_t i = 0; i < f.body.n; i++)
			*sum = *sum * 31 + f.body.p[i];
		if (pack_is_one(f.body)) {
			struct pack_reader p = pack_reader_of(f.body);

			CHECK(pack_skip(&p).n == f.body.n);
		}
	}
	return err;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipc_frame_reader whole, halves;
	uint64_t a = 0, b = 0;
	em_err err;
	struct slice s;
	size_t cut;

	if (size < 1)
		return 0;
	s = slice_of(data + 1, size - 1);
	cut = data[0] < s.n ? data[0] : s.n;
	ipc_frame_reader_init(&whole, 4096);
	ipc_frame_reader_init(&halves, 4096);
	ipc_frame_feed(&whole, s);
	err = take_all(&whole, &a);
	CHECK(err != EM_OK);
	ipc_frame_feed(&halves, slice_head(s, cut));
	(void)take_all(&halves, &b);
	ipc_frame_feed(&halves, slice_from(s, cut));
	CHECK(take_all(&halves, &b) == err);
	CHECK(a == b);
	CHECK(halves.cap <= size + 4096 + IPC_FRAME_HEAD);
	ipc_frame_reader_fini(&whole);
	ipc_frame_reader_fini(&halves);
	return 0;
}
