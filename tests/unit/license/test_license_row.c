/* SPDX-License-Identifier: Apache-2.0 */
/* license_row: a licence in the store. */
#include "emqxd/license/license_row.h"
#include "tests/unit/tap.h"

TEST(what_is_written_is_read_back)
{
	struct license_row row = {
		.at = { 12345 }, .by = SLICE_LIT("uid 0"), .text = SLICE_LIT("a.b")
	};
	struct license_row again;
	uint8_t blob[64];
	size_t n = license_row_size(&row);

	OK(n <= sizeof blob);
	license_row_write(&row, blob);
	OK(license_row_read(slice_of(blob, n), &again) == EM_OK);
	EQ(again.at.ns, 12345);
	OK(slice_eq(again.by, row.by) && slice_eq(again.text, row.text));
	for (size_t i = 0; i < n; i++)
		OK(license_row_read(slice_of(blob, i), &again) == EM_MALFORMED);
	blob[0] = 2; /* of a later form */
	OK(license_row_read(slice_of(blob, n), &again) == EM_MALFORMED);
}

TEST(one_without_a_text_goes_back_to_what_is_configured)
{
	struct license_row row = { .at = { 12345 }, .by = SLICE_LIT("uid 0") };
	struct license_row again;
	uint8_t blob[64];
	size_t n = license_row_size(&row);

	license_row_write(&row, blob);
	OK(license_row_read(slice_of(blob, n), &again) == EM_OK);
	EQ(again.text.n, 0);
	EQ(again.at.ns, 12345);
}
