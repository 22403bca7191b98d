/* SPDX-License-Identifier: Apache-2.0 */
/* Writing bytes: bounds, growth, and what an error leaves behind. */
#include "ipc/base/wbuf.h"
#include "ipc/base/mem.h"
#include "tests/unit/tap.h"

TEST(what_is_written_is_big_endian_and_in_order)
{
	uint8_t mem[16];
	struct wbuf w = wbuf_fixed(mem, sizeof mem);

	wbuf_u8(&w, 1);
	wbuf_u16(&w, 0x0203);
	wbuf_u32(&w, 0x04050607);
	wbuf_bytes16(&w, SLICE_LIT("ab"));
	wbuf_varint(&w, 128);
	wbuf_bytes(&w, SLICE_NONE);
	EQ(w.err, EM_OK);
	OK(slice_eq(wbuf_slice(&w), SLICE_LIT("\1\2\3\4\5\6\7\0\2ab\x80\1")));
}

TEST(a_fixed_buffer_is_never_written_past_its_end)
{
	uint8_t mem[4] = { 9, 9, 9, 9 };
	struct wbuf w = wbuf_fixed(mem, 3);

	wbuf_u16(&w, 0x0102);
	EQ(w.err, EM_OK);
	wbuf_u16(&w, 0x0304);
	EQ(w.err, EM_TOOBIG);
	EQ(w.n, 2);
	MEM_EQ(mem, "\1\2\11\11", 4);
}

TEST(after_an_error_nothing_more_is_taken_even_if_it_fits)
{
	uint8_t mem[3];
	struct wbuf w = wbuf_fixed(mem, sizeof mem);

	wbuf_u32(&w, 1);
	EQ(w.err, EM_TOOBIG);
	wbuf_u8(&w, 1);
	OK(wbuf_room(&w, 1) == NULL);
	EQ(w.n, 0);
	EQ(w.err, EM_TOOBIG);
}

TEST(a_fixed_buffer_can_be_filled_to_its_last_byte)
{
	uint8_t mem[2];
	struct wbuf w = wbuf_fixed(mem, sizeof mem);

	wbuf_u16(&w, 0xffff);
	EQ(w.err, EM_OK);
	wbuf_bytes(&w, SLICE_NONE);
	EQ(w.err, EM_OK);
	wbuf_u8(&w, 1);
	EQ(w.err, EM_TOOBIG);
}

TEST(a_fixed_buffer_of_no_bytes_refuses_the_first)
{
	struct wbuf w = wbuf_fixed(NULL, 0);

	wbuf_bytes(&w, SLICE_NONE);
	EQ(w.err, EM_OK);
	wbuf_u8(&w, 1);
	EQ(w.err, EM_TOOBIG);
}

TEST(a_growing_buffer_takes_exactly_its_bound)
{
	struct wbuf w = wbuf_growing(1000);

	for (int i = 0; i < 1000; i++)
		wbuf_u8(&w, (uint8_t)i);
	EQ(w.err, EM_OK);
	EQ(w.n, 1000);
	OK(w.cap <= 1000);
	wbuf_u8(&w, 0);
	EQ(w.err, EM_TOOBIG);
	EQ(w.n, 1000);
	for (int i = 0; i < 1000; i++)
		EQ(w.p[i], (uint8_t)i);
	wbuf_fini(&w);
	OK(w.p == NULL);
}

TEST(a_growing_buffer_allocates_no_more_than_a_small_bound)
{
	struct wbuf w = wbuf_growing(10);

	wbuf_bytes(&w, SLICE_LIT("0123456789"));
	EQ(w.err, EM_OK);
	EQ(w.cap, 10);
	wbuf_fini(&w);
}

TEST(a_growing_buffer_is_usable_again_after_fini)
{
	struct wbuf w = wbuf_growing(4);

	wbuf_u32(&w, 1);
	wbuf_u8(&w, 1);
	EQ(w.err, EM_TOOBIG);
	wbuf_fini(&w);
	EQ(w.err, EM_OK);
	wbuf_u16(&w, 7);
	EQ(w.n, 2);
	wbuf_fini(&w);
}

TEST(an_absurd_size_is_too_big_and_not_an_overflow)
{
	struct wbuf w = wbuf_growing(SIZE_MAX);

	wbuf_u8(&w, 1);
	OK(wbuf_room(&w, SIZE_MAX) == NULL);
	EQ(w.err, EM_TOOBIG);
	wbuf_fini(&w);
}

TEST(a_field_over_65535_bytes_is_too_big)
{
	struct wbuf w = wbuf_growing(100000);
	uint8_t *bytes = mem_new(65536);

	wbuf_bytes16(&w, slice_of(bytes, 65535));
	EQ(w.err, EM_OK);
	EQ(w.n, 65537);
	wbuf_bytes16(&w, slice_of(bytes, 65536));
	EQ(w.err, EM_TOOBIG);
	EQ(w.n, 65537);
	mem_free(bytes);
	wbuf_fini(&w);
}

TEST(a_varint_over_four_bytes_is_too_big)
{
	uint8_t mem[16];
	struct wbuf w = wbuf_fixed(mem, sizeof mem);

	wbuf_varint(&w, VARINT_MAX);
	EQ(w.err, EM_OK);
	EQ(w.n, 4);
	wbuf_varint(&w, VARINT_MAX + 1);
	EQ(w.err, EM_TOOBIG);
	EQ(w.n, 4);
}
