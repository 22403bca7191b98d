/* SPDX-License-Identifier: Apache-2.0 */
/* msgpack: what we write msgpack-c reads, what it writes we read, and garbage ends. */
#include "ipc/pack.h"
#include "ipc/base/rand.h"
#include "tests/unit/tap.h"

#include <msgpack.h>

static const int64_t numbers[] = { 0, 1, 127, 128, 255, 256, 65535, 65536, INT32_MAX,
	UINT32_MAX, INT64_MAX, -1, -32, -33, -128, -129, -32768, -32769, INT32_MIN,
	INT64_MIN };

TEST(numbers_survive_at_every_width)
{
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		struct wbuf w = wbuf_growing(64);
		struct pack_reader r;

		pack_int(&w, numbers[i]);
		r = pack_reader_of(wbuf_slice(&w));
		EQ(pack_peek(&r), PACK_INT);
		EQ(pack_read_int(&r), numbers[i]);
		EQ(r.r.err, EM_OK);
		EQ(rbuf_left(&r.r), 0);
		r = pack_reader_of(wbuf_slice(&w));
		EQ(pack_read_uint(&r), numbers[i] < 0 ? 0 : numbers[i]);
		EQ(r.r.err, numbers[i] < 0 ? EM_MALFORMED : EM_OK);
		wbuf_fini(&w);
	}
}

TEST(signed_forms_of_positive_numbers_are_read)
{
	static const uint8_t i16[] = { 0xd1, 0x01, 0x00 },
			     i64[] = { 0xd3, 0, 0, 0, 0, 0, 0, 0, 7 },
			     u64[] = { 0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0 };
	struct pack_reader r = pack_reader_of(slice_of(i16, sizeof i16));

	EQ(pack_read_int(&r), 256);
	r = pack_reader_of(slice_of(i64, sizeof i64));
	EQ(pack_read_uint(&r), 7);
	r = pack_reader_of(slice_of(u64, sizeof u64));
	EQ(pack_read_int(&r), 0);
	EQ(r.r.err, EM_MALFORMED);
}

TEST(texts_survive_at_every_length)
{
	static const size_t lengths[] = { 0, 1, 31, 32, 255, 256, 65535, 65536 };
	static const uint8_t zeros[65536];

	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		struct wbuf w = wbuf_growing(1 << 20);
		struct pack_reader r;

		pack_text(&w, slice_of(zeros, lengths[i]));
		r = pack_reader_of(wbuf_slice(&w));
		EQ(pack_read_text(&r).n, lengths[i]);
		EQ(r.r.err, EM_OK);
		OK(pack_is_one(wbuf_slice(&w)));
		OK(!pack_is_one(slice_head(wbuf_slice(&w), w.n - 1)));
		wbuf_fini(&w);
	}
}

TEST(the_rest_survives)
{
	static const uint8_t single[] = { 0xca, 0x3f, 0x80, 0, 0 },
			     bin[] = { 0xc4, 1, 'x' };
	struct wbuf w = wbuf_growing(64);
	struct pack_reader r;

	pack_bool(&w, true);
	pack_bool(&w, false);
	pack_nil(&w);
	pack_double(&w, -2.5);
	pack_int(&w, 3);
	pack_map(&w, 1);
	pack_text(&w, SLICE_LIT("k"));
	pack_array(&w, 0);
	r = pack_reader_of(wbuf_slice(&w));
	OK(pack_read_bool(&r));
	OK(!pack_read_nil(&r));
	OK(!pack_read_bool(&r));
	OK(pack_read_nil(&r));
	OK(pack_read_double(&r) == -2.5);
	OK(pack_read_double(&r) == 3.0);
	EQ(pack_read_map(&r), 1);
	OK(slice_eq_str(pack_read_text(&r), "k"));
	EQ(pack_read_array(&r), 0);
	EQ(r.r.err, EM_OK);
	wbuf_fini(&w);
	r = pack_reader_of(slice_of(single, sizeof single));
	OK(pack_read_double(&r) == 1.0);
	r = pack_reader_of(slice_of(bin, sizeof bin));
	OK(slice_eq_str(pack_read_text(&r), "x"));
}

TEST(a_wrong_type_is_an_error_that_stays)
{
	static const uint8_t s[] = { 0x01, 0xa1, 'x', 0x02 };
	struct pack_reader r = pack_reader_of(slice_of(s, sizeof s));

	EQ(pack_read_text(&r).n, 0);
	EQ(r.r.err, EM_MALFORMED);
	EQ(pack_read_int(&r), 0);
	EQ(r.r.err, EM_MALFORMED);
	EQ(pack_peek(&r), PACK_BAD);
}

TEST(lengths_beyond_the_bytes_are_malformed)
{
	static const uint8_t bad[][6] = { { 0xdb, 0xff, 0xff, 0xff, 0xff, 0 },
		{ 0xdd, 0xff, 0xff, 0xff, 0xff, 0 }, { 0xdf, 0xff, 0xff, 0xff, 0xff, 0 },
		{ 0xc6, 0, 0, 0, 9, 0 }, { 0x96, 0, 0, 0, 0, 0 }, { 0xc1, 0, 0, 0, 0, 0 },
		{ 0xd4, 0, 0, 0, 0, 0 }, { 0xc7, 1, 0, 0, 0, 0 } };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct pack_reader r = pack_reader_of(slice_of(bad[i], sizeof bad[i]));

		OK(!pack_is_one(slice_of(bad[i], sizeof bad[i])));
		EQ(pack_skip(&r).n, 0);
		EQ(r.r.err, EM_MALFORMED);
	}
	OK(!pack_is_one(SLICE_NONE));
	OK(!pack_is_one(SLICE_LIT("\x01\x02")));
}

TEST(nesting_is_bounded)
{
	uint8_t deep[100000];

	memset(deep, 0x91, sizeof deep);
	OK(!pack_is_one(slice_of(deep, sizeof deep)));
	deep[PACK_DEPTH] = 0x01;
	OK(pack_is_one(slice_of(deep, PACK_DEPTH + 1)));
	deep[PACK_DEPTH] = 0x91;
	deep[PACK_DEPTH + 1] = 0x01;
	OK(!pack_is_one(slice_of(deep, PACK_DEPTH + 2)));
}

/* The two agree on what is one whole value.  Left out: extensions, which we do not read, and
 * 32 bit counts, for which msgpack-c allocates what the count says. */
TEST(random_bytes_are_read_as_msgpack_c_reads_them)
{
	rand_seed(7);
	for (unsigned round = 0; round < 20000; round++) {
		uint8_t b[12];
		size_t n = rand_below(sizeof b) + 1, at = 0;
		msgpack_unpacked u;
		msgpack_unpack_return rc;
		bool skip = false;

		for (size_t i = 0; i < n; i++) {
			b[i] = (uint8_t)rand_u64();
			skip = skip || (b[i] >= 0xc7 && b[i] <= 0xc9) ||
			       (b[i] >= 0xd4 && b[i] <= 0xd8) || b[i] == 0xdd ||
			       b[i] == 0xdf;
		}
		if (skip || n < 2)
			continue;
		msgpack_unpacked_init(&u);
		rc = msgpack_unpack_next(&u, (const char *)b, n, &at);
		EQ(pack_is_one(slice_of(b, n)), rc == MSGPACK_UNPACK_SUCCESS && at == n);
		msgpack_unpacked_destroy(&u);
	}
}
