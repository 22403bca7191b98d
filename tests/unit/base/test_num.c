/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as text: the whole text, or an error. */
#include "ipc/base/num.h"
#include "tests/unit/tap.h"

static em_err
u64(const char *text, uint64_t *v)
{
	return num_parse_u64(slice_str(text), v);
}

static em_err
i64(const char *text, int64_t *v)
{
	return num_parse_i64(slice_str(text), v);
}

static em_err
bytes(const char *text, uint64_t *v)
{
	return num_parse_bytes(slice_str(text), v);
}

static em_err
real(const char *text, double *v)
{
	return num_parse_double(slice_str(text), v);
}

TEST(unsigned_numbers_reach_their_bounds_and_not_further)
{
	uint64_t v;

	EQ(u64("0", &v), EM_OK);
	EQ(v, 0);
	EQ(u64("007", &v), EM_OK);
	EQ(v, 7);
	EQ(u64("18446744073709551615", &v), EM_OK);
	OK(v == UINT64_MAX);
	EQ(u64("18446744073709551616", &v), EM_TOOBIG);
	EQ(v, 0);
	EQ(u64("99999999999999999999999", &v), EM_TOOBIG);
}

TEST(signed_numbers_reach_their_bounds_and_not_further)
{
	int64_t v;

	EQ(i64("-0", &v), EM_OK);
	EQ(v, 0);
	EQ(i64("-17", &v), EM_OK);
	EQ(v, -17);
	EQ(i64("9223372036854775807", &v), EM_OK);
	EQ(v, INT64_MAX);
	EQ(i64("-9223372036854775808", &v), EM_OK);
	EQ(v, INT64_MIN);
	EQ(i64("9223372036854775808", &v), EM_TOOBIG);
	EQ(i64("-9223372036854775809", &v), EM_TOOBIG);
	EQ(v, 0);
}

TEST(what_is_not_wholly_a_number_is_malformed)
{
	static const char *const texts[] = { "", " 1", "1 ", "+1", "1x", "0x10", "1.0",
		"-", "--1", "1e3", "99999999999999999999999x" };
	uint64_t v;
	int64_t w;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		EQ(u64(texts[i], &v), EM_MALFORMED);
		EQ(i64(texts[i], &w), EM_MALFORMED);
	}
	EQ(u64("-1", &v), EM_MALFORMED);
	EQ(num_parse_u64(SLICE_NONE, &v), EM_MALFORMED);
	EQ(num_parse_u64(SLICE_LIT("1\0"), &v), EM_MALFORMED);
}

TEST(decimals_are_read_to_the_last_bit)
{
	double v;

	EQ(real("0.1", &v), EM_OK);
	OK(v == 0.1);
	EQ(real("-1.5e3", &v), EM_OK);
	OK(v == -1500.0);
	EQ(real("1E-2", &v), EM_OK);
	OK(v == 0.01);
	EQ(real("17", &v), EM_OK);
	OK(v == 17.0);
	EQ(real("1e308", &v), EM_OK);
	EQ(real("1e-400", &v), EM_OK);
	OK(v == 0.0);
}

TEST(decimals_that_only_libc_would_take_are_refused)
{
	static const char *const texts[] = { "", "-", ".5", "5.", "1e", "1e+", "0x1p3",
		"inf", "nan", "infinity", " 1", "1 ", "+1", "1,5", "1.5.5", "1.e3" };
	double v;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		EQ(real(texts[i], &v), EM_MALFORMED);
	EQ(real("1e309", &v), EM_TOOBIG);
	OK(v == 0.0);
}

TEST(a_decimal_is_read_from_a_slice_without_a_nul)
{
	double v;

	EQ(num_parse_double(slice_of("1.59", 3), &v), EM_OK);
	OK(v == 1.5);
}

TEST(sizes_have_units_of_1024_in_any_case)
{
	uint64_t v;

	EQ(bytes("512", &v), EM_OK);
	EQ(v, 512);
	EQ(bytes("64KB", &v), EM_OK);
	EQ(v, 65536);
	EQ(bytes("1mb", &v), EM_OK);
	EQ(v, 1048576);
	EQ(bytes("10Gb", &v), EM_OK);
	EQ(v, 10737418240);
	EQ(bytes("0KB", &v), EM_OK);
	EQ(v, 0);
}

TEST(an_infinite_size_is_the_largest_number)
{
	uint64_t v;

	EQ(bytes("infinity", &v), EM_OK);
	OK(v == UINT64_MAX);
	EQ(bytes("Infinity", &v), EM_OK);
	OK(v == UINT64_MAX);
}

TEST(a_size_that_does_not_fit_is_too_big)
{
	uint64_t v;

	EQ(bytes("18446744073709551614", &v), EM_OK);
	EQ(bytes("18446744073709551615", &v), EM_TOOBIG); /* would read as infinite */
	EQ(bytes("17179869184GB", &v), EM_TOOBIG);
	EQ(bytes("17179869182GB", &v), EM_OK);
	EQ(v, (uint64_t)17179869182 << 30);
	EQ(bytes("99999999999999999999KB", &v), EM_TOOBIG);
	EQ(v, 0);
}

TEST(a_size_in_another_unit_is_malformed)
{
	static const char *const texts[] = { "", "KB", "1 KB", "1K", "1TB", "1.5MB",
		"-1KB", "1KBx", "infinit" };
	uint64_t v;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		EQ(bytes(texts[i], &v), EM_MALFORMED);
}
