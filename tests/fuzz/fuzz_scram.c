/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_scram: the first line is client-first-message, the second client-final-message, the
 * third a verifier.  Nobody gets in who does not know the key; what is read as a verifier
 * has the bounds that it must.
 */
#include "emqxd/access/scram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice
take_line(struct slice *in)
{
	const uint8_t *end = in->n > 0 ? memchr(in->p, '\n', in->n) : NULL;
	struct slice line = slice_head(*in, end != NULL ? (size_t)(end - in->p) : in->n);

	*in = slice_from(*in, end != NULL ? line.n + 1 : line.n);
	return line;
}

static void
exchange(enum scram_hash hash, struct slice first, struct slice final)
{
	struct scram s = { .hash = hash };
	struct str out = { 0 };
	struct scram_verifier v;

	if (scram_first(&s, first) == EM_OK) {
		CHECK(s.name.n > 0);
		CHECK(scram_mock(hash, SLICE_LIT("x"), str_slice(&s.name), 4096, &v) ==
		      EM_OK);
		scram_challenge(&s, &v, SLICE_LIT("nonce"), &out);
		str_reset(&out);
		CHECK(scram_final(&s, final, &out) != EM_OK);
		CHECK(out.n == 0);
	}
	scram_fini(&s);
	str_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of(data, size), first = take_line(&in),
		     final = take_line(&in), kept = take_line(&in);
	struct scram_verifier v;

	exchange(SCRAM_SHA256, first, final);
	exchange(SCRAM_SHA512, first, final);
	if (scram_parse(SCRAM_SHA256, kept, &v) == EM_OK) {
		CHECK(v.salt_n > 0 && v.salt_n <= SCRAM_SALT_MAX);
		CHECK(v.iterations > 0 && v.iterations <= SCRAM_ITERATIONS_MAX);
	}
	return 0;
}
