/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_license: any bytes as a licence, as its payload, as a public key, as a row of the
 * store and as the history.  What is read has the bounds that it must; nothing is genuine.
 */
#include "emqxd/license/license_date.h"
#include "emqxd/license/license_history.h"
#include "emqxd/license/license_key.h"
#include "emqxd/license/license_row.h"
#include "emqxd/license/license_rule.h"
#include "ipc/base/str.h"

#include <openssl/evp.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
as_licence(struct slice text)
{
	struct fault f = { .err = EM_OK };
	struct license_key *k;
	char day[LICENSE_DATE_TEXT];

	if (license_key_read(text, &k, &f) != EM_OK) {
		CHECK(k == NULL && f.text != NULL);
		fault_clear(&f);
		return;
	}
	CHECK(k->end >= k->start && k->end - k->start <= LICENSE_KEY_DAYS_MAX);
	CHECK(k->max_sessions > 0);
	CHECK(license_rule_ceiling(k->max_sessions) >= k->max_sessions);
	license_date_print(k->end, day);
	(void)license_rule_state(k, k->end + 1);
	CHECK(license_key_verify(k, text, &f) != EM_OK);
	CHECK(license_key_verify(k, SLICE_NONE, &f) != EM_OK);
	license_key_free(&k);
	fault_clear(&f);
}

/* Behind base64, where chance would seldom come. */
static void
as_payload(struct slice bytes)
{
	struct str text = { 0 };
	unsigned char *b64;

	if (bytes.n > LICENSE_KEY_MAX / 2)
		return;
	b64 = mem_new((bytes.n + 2) / 3 * 4 + 1);
	str_add_bytes(&text, b64, (size_t)EVP_EncodeBlock(b64, bytes.p, (int)bytes.n));
	str_add(&text, ".AAAA");
	as_licence(str_slice(&text));
	mem_free(b64);
	str_fini(&text);
}

static void
as_history(struct slice text)
{
	struct license_history h = { .days = { 0 } }, again = { .days = { 0 } };
	struct str a = { 0 };

	(void)license_history_parse(&h, text);
	CHECK(h.days.n <= LICENSE_HISTORY_DAYS);
	license_history_print(&h, &a);
	CHECK(license_history_parse(&again, str_slice(&a)) == 0);
	CHECK(again.days.n == h.days.n);
	str_fini(&a);
	license_history_fini(&h);
	license_history_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of(data, size);
	struct license_row row;

	as_licence(in);
	as_payload(in);
	as_history(in);
	(void)!license_key_check_public(in, NULL);
	if (license_row_read(in, &row) == EM_OK)
		CHECK(license_row_size(&row) == in.n);
	return 0;
}
