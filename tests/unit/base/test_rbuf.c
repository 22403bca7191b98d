/* SPDX-License-Identifier: Apache-2.0 */
/* Reading bytes that somebody else sent. */
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"
#include "tests/unit/tap.h"

static uint32_t
varint(struct slice s, em_err *err, size_t *left)
{
	struct rbuf r = rbuf_of(s);
	uint32_t v = rbuf_varint(&r);

	*err = r.err;
	*left = rbuf_left(&r);
	return v;
}

TEST(numbers_are_big_endian)
{
	struct rbuf r = rbuf_of(SLICE_LIT("\x01\x02\x03\xfe\xdc\xba\x98"));

	EQ(rbuf_u8(&r), 1);
	EQ(rbuf_u16(&r), 0x0203);
	EQ(rbuf_u32(&r), 0xfedcba98);
	EQ(rbuf_left(&r), 0);
	EQ(r.err, EM_OK);
}

TEST(an_error_is_sticky_and_later_reads_give_nothing)
{
	struct rbuf r = rbuf_of(SLICE_LIT("\x01\x02\x03"));

	EQ(rbuf_u32(&r), 0);
	EQ(r.err, EM_MALFORMED);
	EQ(rbuf_left(&r), 0);
	EQ(rbuf_u8(&r), 0);
	EQ(rbuf_u16(&r), 0);
	EQ(rbuf_varint(&r), 0);
	EQ(rbuf_bytes(&r, 1).n, 0);
	EQ(rbuf_bytes16(&r).n, 0);
	EQ(rbuf_rest(&r).n, 0);
	EQ(r.err, EM_MALFORMED);
}

TEST(a_number_cut_short_reads_as_zero)
{
	struct slice bytes = SLICE_LIT("\xff\xff\xff");

	for (size_t n = 0; n < 4; n++) {
		struct rbuf r = rbuf_of(slice_head(bytes, n));

		EQ(rbuf_u32(&r), 0);
		EQ(r.err, EM_MALFORMED);
	}
}

TEST(nothing_may_be_read_from_nothing)
{
	struct rbuf r = rbuf_of(SLICE_NONE);

	EQ(rbuf_bytes(&r, 0).n, 0);
	EQ(rbuf_rest(&r).n, 0);
	EQ(r.err, EM_OK);
	EQ(rbuf_u8(&r), 0);
	EQ(r.err, EM_MALFORMED);
}

TEST(a_field_longer_than_its_packet_is_malformed)
{
	struct rbuf good = rbuf_of(SLICE_LIT("\x00\x03"
					     "abcd"));
	struct rbuf bad = rbuf_of(SLICE_LIT("\x00\x05"
					    "abcd"));
	struct rbuf no_length = rbuf_of(SLICE_LIT("\x00"));

	OK(slice_eq_str(rbuf_bytes16(&good), "abc"));
	EQ(rbuf_left(&good), 1);
	OK(slice_eq_str(rbuf_rest(&good), "d"));
	EQ(good.err, EM_OK);
	EQ(rbuf_bytes16(&bad).n, 0);
	EQ(bad.err, EM_MALFORMED);
	EQ(rbuf_bytes16(&no_length).n, 0);
	EQ(no_length.err, EM_MALFORMED);
}

TEST(the_varints_of_the_specification_are_read)
{
	static const struct {
		struct slice bytes;
		uint32_t v;
	} t[] = {
		{ { (const uint8_t *)"\x00", 1 }, 0 },
		{ { (const uint8_t *)"\x7f", 1 }, 127 },
		{ { (const uint8_t *)"\x80\x01", 2 }, 128 },
		{ { (const uint8_t *)"\xff\x7f", 2 }, 16383 },
		{ { (const uint8_t *)"\x80\x80\x01", 3 }, 16384 },
		{ { (const uint8_t *)"\xff\xff\x7f", 3 }, 2097151 },
		{ { (const uint8_t *)"\x80\x80\x80\x01", 4 }, 2097152 },
		{ { (const uint8_t *)"\xff\xff\xff\x7f", 4 }, 268435455 },
	};
	em_err err;
	size_t left;

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		EQ(varint(t[i].bytes, &err, &left), t[i].v);
		EQ(err, EM_OK);
		EQ(left, 0);
	}
}

TEST(a_varint_leaves_what_follows_it)
{
	em_err err;
	size_t left;

	EQ(varint(SLICE_LIT("\x80\x01\xff"), &err, &left), 128);
	EQ(err, EM_OK);
	EQ(left, 1);
}

TEST(a_varint_longer_than_needed_is_refused)
{
	em_err err;
	size_t left;

	EQ(varint(SLICE_LIT("\x80\x00"), &err, &left), 0);
	EQ(err, EM_MALFORMED);
	EQ(varint(SLICE_LIT("\xff\x00"), &err, &left), 0);
	EQ(err, EM_MALFORMED);
	EQ(varint(SLICE_LIT("\x80\x80\x80\x00"), &err, &left), 0);
	EQ(err, EM_MALFORMED);
}

TEST(a_varint_of_five_bytes_is_refused)
{
	em_err err;
	size_t left;

	EQ(varint(SLICE_LIT("\x80\x80\x80\x80\x01"), &err, &left), 0);
	EQ(err, EM_MALFORMED);
	EQ(left, 0);
}

TEST(a_varint_cut_short_is_refused)
{
	em_err err;
	size_t left;

	EQ(varint(SLICE_NONE, &err, &left), 0);
	EQ(err, EM_MALFORMED);
	EQ(varint(SLICE_LIT("\xff\xff"), &err, &left), 0);
	EQ(err, EM_MALFORMED);
}

TEST(every_varint_size_reads_back_what_was_written)
{
	uint8_t bytes[4];
	em_err err;
	size_t left;

	for (uint32_t v = 0; v <= VARINT_MAX; v += 1 + v / 61) {
		size_t n = varint_put(bytes, v);

		EQ(n, varint_size(v));
		EQ(varint(slice_of(bytes, n), &err, &left), v);
		EQ(err, EM_OK);
		EQ(left, 0);
	}
}
