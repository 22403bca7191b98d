/* SPDX-License-Identifier: Apache-2.0 */
/* Edit distance, against a plain table as the definition has it. */
#include "ipc/base/edit.h"
#include "ipc/base/mem.h"
#include "ipc/base/rand.h"
#include "tests/unit/tap.h"

static unsigned
distance(const char *a, const char *b)
{
	return edit_distance(slice_str(a), slice_str(b), 20);
}

/* The whole table, without bounds. */
static unsigned
plain(const char *a, const char *b)
{
	unsigned t[16][16];
	size_t n = strlen(a), m = strlen(b);

	for (size_t i = 0; i <= n; i++) {
		for (size_t j = 0; j <= m; j++) {
			unsigned d;

			if (i == 0 || j == 0) {
				t[i][j] = (unsigned)(i + j);
				continue;
			}
			d = t[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (t[i - 1][j] + 1 < d)
				d = t[i - 1][j] + 1;
			if (t[i][j - 1] + 1 < d)
				d = t[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && t[i - 2][j - 2] + 1 < d)
				d = t[i - 2][j - 2] + 1;
			t[i][j] = d;
		}
	}
	return t[n][m];
}

TEST(insertion_deletion_and_replacement_cost_one)
{
	EQ(distance("clients", "clients"), 0);
	EQ(distance("clients", "client"), 1);
	EQ(distance("client", "clients"), 1);
	EQ(distance("clients", "cliants"), 1);
	EQ(distance("kitten", "sitting"), 3);
	EQ(distance("", "abc"), 3);
	EQ(distance("abc", ""), 3);
	EQ(distance("", ""), 0);
}

TEST(two_neighbours_that_changed_places_cost_one)
{
	EQ(distance("clients", "cleints"), 1);
	EQ(distance("ab", "ba"), 1);
	EQ(distance("abcd", "badc"), 2);
	EQ(distance("ca", "abc"), 3); /* no edit inside a transposition */
}

TEST(a_distance_over_the_bound_is_the_bound_and_one)
{
	EQ(edit_distance(SLICE_LIT("kitten"), SLICE_LIT("sitting"), 3), 3);
	EQ(edit_distance(SLICE_LIT("kitten"), SLICE_LIT("sitting"), 2), 3);
	EQ(edit_distance(SLICE_LIT("abc"), SLICE_LIT("xyz"), 1), 2);
	EQ(edit_distance(SLICE_LIT("abc"), SLICE_LIT("abcdefgh"), 2), 3);
	EQ(edit_distance(SLICE_LIT("abc"), SLICE_LIT("abc"), 0), 0);
	EQ(edit_distance(SLICE_LIT("abc"), SLICE_LIT("abd"), 0), 1);
	EQ(edit_distance(SLICE_NONE, SLICE_NONE, 0), 0);
}

TEST(the_band_finds_what_the_whole_table_finds)
{
	rand_seed(3);
	for (int i = 0; i < 20000; i++) {
		char a[12] = "", b[12] = "";
		size_t n = rand_below(11), m = rand_below(11);
		unsigned max = (unsigned)rand_below(12), want;

		for (size_t k = 0; k < n; k++)
			a[k] = (char)('a' + rand_below(3));
		for (size_t k = 0; k < m; k++)
			b[k] = (char)('a' + rand_below(3));
		want = plain(a, b);
		EQ(edit_distance(slice_str(a), slice_str(b), max),
		    want > max ? max + 1 : want);
	}
}

TEST(long_names_are_compared_in_time_by_their_length)
{
	enum { N = 200000 };
	char *a = mem_new(N + 1), *b = mem_new(N + 1);

	memset(a, 'a', N);
	memset(b, 'a', N);
	b[N / 2] = 'b';
	EQ(edit_distance(slice_of(a, N), slice_of(b, N), 3), 1);
	memset(b, 'b', N);
	EQ(edit_distance(slice_of(a, N), slice_of(b, N), 3), 4);
	mem_free(a);
	mem_free(b);
}

static bool
near(const char *a, const char *b)
{
	return edit_is_near(slice_str(a), slice_str(b), NULL);
}

TEST(near_means_a_third_of_the_length_but_one_to_three)
{
	unsigned d;

	OK(near("ls", "lt"));
	OK(!near("ls", "xt"));
	OK(near("clinets", "clients"));
	OK(near("listenrs", "listeners"));
	OK(!near("topics", "cluster"));
	OK(!near("abcdefghijklmnop", "abcdefghijkl1234"));
	OK(edit_is_near(SLICE_LIT("sensor-71"), SLICE_LIT("sensor-17"), &d));
	EQ(d, 1);
}
