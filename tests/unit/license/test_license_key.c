/* SPDX-License-Identifier: Apache-2.0 */
/* license_key: EMQX's form of a licence, and whose signature is good. */
#include "emqxd/license/license_key.h"
#include "emqxd/license/license_date.h"
#include "tests/unit/license/sign.h"

/* The one that EMQX 5.8 has built in. */
#define EVALUATION                                          \
	"220111\n0\n10\nEvaluation\ncontact@emqx.io\ntrial" \
	"\n20240418\n1825\n25\n"

static struct license_key *
take(const char *payload)
{
	struct fault f = { .err = EM_OK };
	struct license_key *k;
	struct vendor v;
	struct str text = { 0 };

	vendor_init(&v, "P-256");
	vendor_sign(&v, payload, &text);
	if (license_key_parse(str_slice(&text), str_slice(&v.public_key), &k, &f) !=
	    EM_OK)
		tap_fail(__FILE__, __LINE__, "%s", f.text);
	str_fini(&text);
	vendor_fini(&v);
	return k;
}

/* Read, and refused with EMQX's name of the fault in the sentence. */
static void
refuses(const char *payload, const char *name)
{
	struct fault f = { .err = EM_OK };
	struct str text = { 0 };
	struct license_key *k;

	vendor_base64(&text, payload, strlen(payload));
	str_add(&text, ".AAAA");
	OK(license_key_read(str_slice(&text), &k, &f) != EM_OK);
	OK(k == NULL);
	if (strstr(f.text, name) == NULL)
		tap_fail(__FILE__, __LINE__, "'%s' is not in: %s", name, f.text);
	fault_clear(&f);
	str_fini(&text);
}

static void
refuses_text(const char *text, const char *name)
{
	struct fault f = { .err = EM_OK };
	struct license_key *k;

	OK(license_key_read(slice_str(text), &k, &f) != EM_OK);
	OK(strstr(f.text, name) != NULL);
	fault_clear(&f);
}

TEST(the_evaluation_licence_of_emqx_is_read)
{
	struct license_key *k = take(EVALUATION);
	char day[LICENSE_DATE_TEXT];

	OK(slice_eq_str(k->customer, "Evaluation"));
	OK(slice_eq_str(k->email, "contact@emqx.io"));
	OK(slice_eq_str(k->deployment, "trial"));
	EQ(k->type, LICENSE_TRIAL);
	EQ(k->customer_type, LICENSE_EVALUATION);
	EQ(k->max_sessions, 25);
	OK(k->max_tps == LICENSE_KEY_INFINITE);
	STR_EQ(license_date_print(k->start, day), "2024-04-18");
	STR_EQ(license_date_print(k->end, day), "2029-04-17");
	license_key_free(&k);
}

TEST(a_tenth_line_is_the_messages_a_second)
{
	struct license_key *k = take("220111\n1\n2\nÄ B\n\nd\n20260101\n365\n1000\n5000");

	EQ(k->max_tps, 5000);
	EQ(k->max_sessions, 1000);
	EQ(k->email.n, 0);
	license_key_free(&k);
	k = take("220111\n1\n2\nc\ne\nd\n20260101\n365\n1000\nInf\n");
	OK(k->max_tps == LICENSE_KEY_INFINITE);
	license_key_free(&k);
}

TEST(a_limit_of_0_is_what_the_type_says)
{
	struct license_key *k = take("220111\n2\n11\nc\ne\nd\n20250302\n1460\n0\n");

	EQ(k->max_sessions, 10000000);
	license_key_free(&k);
	k = take("220111\n0\n10\nc\ne\nd\n20250302\n1460\n0\n");
	EQ(k->max_sessions, 25);
	license_key_free(&k);
}

TEST(what_is_wrong_has_emqx_s_name)
{
	refuses_text("", "empty_string");
	refuses_text(" \n", "empty_string");
	refuses_text("abc", "bad_license_format");
	refuses_text("abc.def", "bad_license_format");
	refuses_text("YWJj.", "bad_license_format");
	refuses_text(".YWJj", "bad_license_format");
	refuses_text("YW=j.YWJj", "bad_license_format");
	refuses("220111\n1\n0\nc\ne\nd\n20260101\n365", "unexpected_number_of_fields");
	refuses("220111\n1\n0\nc\ne\nd\n20260101\n365\n1\n2\n3",
	    "unexpected_number_of_fields");
	refuses("220112\n1\n0\nc\ne\nd\n20260101\n365\n1", "invalid_version");
	refuses("220111\n3\n0\nc\ne\nd\n20260101\n365\n1", "invalid_license_type");
	refuses("220111\n1\nx\nc\ne\nd\n20260101\n365\n1", "invalid_customer_type");
	refuses("220111\n1\n0\n\xff\ne\nd\n20260101\n365\n1", "bad_license_format");
	refuses("220111\n1\n0\nc\ne\nd\n20260229\n365\n1", "invalid_date");
	refuses("220111\n1\n0\nc\ne\nd\n20211031\n365\n1", "invalid_date");
	refuses("220111\n1\n0\nc\ne\nd\n20260101\n-1\n1", "invalid_int_value");
	refuses("220111\n1\n0\nc\ne\nd\n20260101\n365001\n1", "invalid_int_value");
	refuses("220111\n1\n0\nc\ne\nd\n20260101\n365\n-1", "invalid_connection_limit");
	refuses("220111\n1\n0\nc\ne\nd\n20260101\n365\n1\nx", "invalid_max_tps");
}

TEST(more_than_8_kb_is_no_licence)
{
	static char text[LICENSE_KEY_MAX + 2];

	memset(text, 'A', sizeof text - 1);
	refuses_text(text, "bad_license_format");
}

TEST(only_the_vendor_s_signature_is_good)
{
	struct fault f = { .err = EM_OK };
	struct vendor a, b;
	struct str text = { 0 };
	struct license_key *k;

	vendor_init(&a, "P-256");
	vendor_init(&b, "P-256");
	vendor_sign(&a, EVALUATION, &text);
	OK(license_key_parse(str_slice(&text), str_slice(&b.public_key), &k, &f) ==
	    EM_REFUSED);
	OK(k == NULL && strstr(f.text, "invalid_signature") != NULL);
	/* One bit of what it says is another one: "220110", "220113" ... */
	text.p[6] ^= 1;
	OK(license_key_parse(str_slice(&text), str_slice(&a.public_key), &k, &f) !=
	    EM_OK);
	fault_clear(&f);
	str_fini(&text);
	vendor_fini(&a);
	vendor_fini(&b);
}

TEST(white_space_in_a_licence_does_not_matter)
{
	struct fault f = { .err = EM_OK };
	struct str text = { 0 }, wide = { 0 };
	struct license_key *k;
	struct vendor v;

	vendor_init(&v, "P-256");
	vendor_sign(&v, EVALUATION, &text);
	for (size_t i = 0; i < text.n; i++) {
		str_add_char(&wide, text.p[i]);
		str_add(&wide, i % 40 == 0 ? "\r\n\t " : "");
	}
	OK(license_key_parse(str_slice(&wide), str_slice(&v.public_key), &k, &f) ==
	    EM_OK);
	OK(slice_eq(license_key_text(k), str_slice(&text)));
	license_key_free(&k);
	str_fini(&wide);
	str_fini(&text);
	vendor_fini(&v);
}

TEST(a_public_key_is_pem_or_its_body_and_of_p_256)
{
	struct fault f = { .err = EM_OK };
	struct str body = { 0 };
	struct vendor v;
	char *at, *end;

	OK(license_key_check_public(SLICE_NONE, &f) == EM_OK);
	OK(license_key_check_public(SLICE_LIT("xyz"), &f) == EM_MALFORMED);
	vendor_init(&v, "P-256");
	OK(license_key_check_public(str_slice(&v.public_key), &f) == EM_OK);
	at = strstr(v.public_key.p, "-----\n") + 6;
	end = strstr(at, "-----");
	str_add_bytes(&body, at, (size_t)(end - at));
	OK(license_key_check_public(str_slice(&body), &f) == EM_OK);
	vendor_fini(&v);
	vendor_init(&v, "P-384");
	OK(license_key_check_public(str_slice(&v.public_key), &f) == EM_MALFORMED);
	vendor_fini(&v);
	str_fini(&body);
	fault_clear(&f);
}

TEST(without_a_public_key_no_licence_is_good)
{
	struct fault f = { .err = EM_OK };
	struct str text = { 0 };
	struct license_key *k;
	struct vendor v;

	vendor_init(&v, "P-256");
	vendor_sign(&v, EVALUATION, &text);
	OK(license_key_parse(str_slice(&text), SLICE_NONE, &k, &f) != EM_OK);
	OK(k == NULL && f.hint != NULL);
	fault_clear(&f);
	str_fini(&text);
	vendor_fini(&v);
}
