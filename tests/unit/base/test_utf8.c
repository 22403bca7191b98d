/* SPDX-License-Identifier: Apache-2.0 */
/* Which byte strings are text. */
#include "ipc/base/utf8.h"
#include "tests/unit/tap.h"

/* An encoder written from the definition; also for what must be refused. */
static size_t
encode(uint32_t cp, uint8_t *p)
{
	if (cp < 0x80) {
		p[0] = (uint8_t)cp;
		return 1;
	}
	if (cp < 0x800) {
		p[0] = (uint8_t)(0xc0 | cp >> 6);
		p[1] = (uint8_t)(0x80 | (cp & 63));
		return 2;
	}
	if (cp < 0x10000) {
		p[0] = (uint8_t)(0xe0 | cp >> 12);
		p[1] = (uint8_t)(0x80 | (cp >> 6 & 63));
		p[2] = (uint8_t)(0x80 | (cp & 63));
		return 3;
	}
	p[0] = (uint8_t)(0xf0 | cp >> 18);
	p[1] = (uint8_t)(0x80 | (cp >> 12 & 63));
	p[2] = (uint8_t)(0x80 | (cp >> 6 & 63));
	p[3] = (uint8_t)(0x80 | (cp & 63));
	return 4;
}

TEST(every_code_point_decodes_to_itself_and_surrogates_do_not)
{
	uint8_t bytes[4];
	uint32_t got;

	for (uint32_t cp = 0; cp < 0x1fffff; cp++) {
		size_t n = encode(cp, bytes);
		bool good = cp <= 0x10ffff && (cp < 0xd800 || cp > 0xdfff);

		EQ(utf8_next(slice_of(bytes, n), &got), good ? n : 0);
		EQ(got, good ? cp : 0);
	}
}

TEST(surrogates_are_refused)
{
	OK(!utf8_is_mqtt(SLICE_LIT("\xed\xa0\x80")));             /* U+D800 */
	OK(!utf8_is_mqtt(SLICE_LIT("\xed\xbf\xbf")));             /* U+DFFF */
	OK(!utf8_is_mqtt(SLICE_LIT("\xed\xa0\xbd\xed\xb8\x80"))); /* a CESU-8 pair */
	OK(utf8_is_mqtt(SLICE_LIT("\xed\x9f\xbf")));              /* U+D7FF */
	OK(utf8_is_mqtt(SLICE_LIT("\xee\x80\x80")));              /* U+E000 */
}

TEST(overlong_forms_are_refused)
{
	OK(!utf8_is_valid(SLICE_LIT("\xc0\x80")));
	OK(!utf8_is_valid(SLICE_LIT("\xc1\xbf")));
	OK(!utf8_is_valid(SLICE_LIT("\xe0\x9f\xbf")));
	OK(!utf8_is_valid(SLICE_LIT("\xf0\x8f\xbf\xbf")));
}

TEST(exactly_the_wellformed_sequences_of_two_bytes_pass)
{
	unsigned passed = 0;

	for (unsigned i = 0; i < 1u << 16; i++) {
		uint8_t bytes[2] = { (uint8_t)(i >> 8), (uint8_t)i };

		passed += utf8_is_valid(slice_of(bytes, 2));
	}
	EQ(passed, 128 * 128 + (0x800 - 0x80));
}

TEST(exactly_the_wellformed_sequences_of_three_bytes_pass)
{
	unsigned passed = 0;

	for (unsigned i = 0; i < 1u << 24; i++) {
		uint8_t bytes[3] = { (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i };

		passed += utf8_is_valid(slice_of(bytes, 3));
	}
	EQ(passed,
	    128 * 128 * 128 + 2 * 128 * (0x800 - 0x80) + (0x10000 - 0x800 - 0x800));
}

TEST(text_cut_inside_a_character_is_refused)
{
	struct slice smile = SLICE_LIT("\xf0\x9f\x98\x80");

	for (size_t n = 1; n < 4; n++)
		OK(!utf8_is_valid(slice_head(smile, n)));
	OK(utf8_is_valid(smile));
	OK(!utf8_is_valid(SLICE_LIT("\x80")));
}

TEST(nul_is_text_in_a_payload_but_not_in_a_topic)
{
	OK(!utf8_is_mqtt(SLICE_LIT("a\0b")));
	OK(utf8_is_valid(SLICE_LIT("a\0b")));
	OK(utf8_is_mqtt(SLICE_NONE));
	OK(utf8_is_valid(SLICE_NONE));
}

TEST(a_bad_byte_is_found_at_every_place_of_texts_of_every_length)
{
	static const uint8_t bad[] = { 0, 0x80, 0xff, 0xc3 };
	uint8_t text[41];

	for (size_t n = 1; n <= sizeof text; n++) {
		memset(text, 'a', n);
		OK(utf8_is_mqtt(slice_of(text, n)));
		for (size_t at = 0; at < n; at++) {
			for (size_t k = 0; k < sizeof bad; k++) {
				text[at] = bad[k];
				OK(!utf8_is_mqtt(slice_of(text, n)));
				EQ(utf8_is_valid(slice_of(text, n)), bad[k] == 0);
			}
			text[at] = 'a';
		}
	}
}

TEST(the_extremes_of_ascii_pass_on_the_fast_path)
{
	OK(utf8_is_mqtt(SLICE_LIT("\x01\x01\x01\x01\x01\x01\x01\x01")));
	OK(utf8_is_mqtt(SLICE_LIT("\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f")));
	OK(!utf8_is_mqtt(SLICE_LIT("\x01\x01\x01\0\x01\x01\x01\x01")));
}

TEST(a_character_may_lie_at_every_place_of_a_long_text)
{
	uint8_t text[40];

	for (size_t at = 0; at + 4 <= sizeof text; at++) {
		memset(text, 'a', sizeof text);
		memcpy(text + at, "\xf0\x9f\x98\x80", 4);
		OK(utf8_is_mqtt(slice_of(text, sizeof text)));
		text[at + 2] = 'a';
		OK(!utf8_is_mqtt(slice_of(text, sizeof text)));
	}
}

TEST(controls_and_noncharacters_are_noticed)
{
	OK(!utf8_has_control(SLICE_LIT("plain caf\xc3\xa9")));
	OK(!utf8_has_control(SLICE_NONE));
	OK(utf8_has_control(SLICE_LIT("a\nb")));
	OK(utf8_has_control(SLICE_LIT("a\x7f")));
	OK(utf8_has_control(SLICE_LIT("\xc2\x80")));
	OK(utf8_has_control(SLICE_LIT("\xc2\x9f")));
	OK(!utf8_has_control(SLICE_LIT("\xc2\xa0")));
	OK(utf8_has_control(SLICE_LIT("\xef\xb7\x90")));     /* U+FDD0 */
	OK(utf8_has_control(SLICE_LIT("\xef\xb7\xaf")));     /* U+FDEF */
	OK(!utf8_has_control(SLICE_LIT("\xef\xb7\xb0")));    /* U+FDF0 */
	OK(utf8_has_control(SLICE_LIT("\xef\xbf\xbe")));     /* U+FFFE */
	OK(utf8_has_control(SLICE_LIT("\xf4\x8f\xbf\xbf"))); /* U+10FFFF */
	OK(!utf8_has_control(
	    SLICE_LIT("\xef\xbb\xbf"))); /* U+FEFF, kept [MQTT5-1.5.4-3] */
	OK(utf8_has_control(SLICE_LIT("\xff\n")));
}
