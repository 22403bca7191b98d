/* SPDX-License-Identifier: Apache-2.0 */
/* SCRAM: the examples of RFC 7677, what is refused, and the files of users. */
#include "emqxd/access/authn.h"
#include "emqxd/access/users.h"
#include "tests/unit/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SALT "\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81"
#define CLIENT "rOprNGfwEbeRWgbNEkqO"
#define SERVER "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"

static const char good[] =
    "c=biws,r=" CLIENT SERVER ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

/* Up to the challenge of RFC 7677, 3. */
static void
challenge(struct scram *s, struct str *out)
{
	struct scram_verifier v;

	OK(scram_derive(SCRAM_SHA256, SLICE_LIT("pencil"), SLICE_LIT(SALT), 4096, &v) ==
	    EM_OK);
	OK(scram_first(s, SLICE_LIT("n,,n=user,r=" CLIENT)) == EM_OK);
	scram_challenge(s, &v, SLICE_LIT(SERVER), out);
}

static em_err
finish(const char *answer, struct str *out)
{
	struct scram s = { .hash = SCRAM_SHA256 };
	struct str ignored = { 0 };
	em_err err;

	challenge(&s, &ignored);
	err = scram_final(&s, slice_str(answer), out);
	scram_fini(&s);
	str_fini(&ignored);
	return err;
}

TEST(the_example_of_rfc_7677)
{
	struct scram s = { .hash = SCRAM_SHA256 };
	struct str text = { 0 }, out = { 0 };

	challenge(&s, &text);
	STR_EQ(str_get(&text), "r=" CLIENT SERVER ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
	OK(slice_eq_str(str_slice(&s.name), "user"));
	OK(scram_final(&s, slice_str(good), &out) == EM_OK);
	STR_EQ(str_get(&out), "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
	scram_fini(&s);
	str_fini(&text);
	str_fini(&out);
}

TEST(an_answer_that_differs_in_anything_is_refused)
{
	static const struct {
		const char *text;
		em_err err;
	} rows[] = {
		/* gs2 header, nonce and proof of another exchange */
		{ "c=eSws,r=" CLIENT SERVER
		  ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		    EM_DENIED },
		{ "c=biws,r=" CLIENT ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		    EM_DENIED },
		{ "c=biws,r=" CLIENT SERVER
		  ",p=eHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		    EM_DENIED },
		{ "c=biws,r=" CLIENT SERVER
		  ",x=1,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		    EM_DENIED },
		/* no message of that kind */
		{ "", EM_MALFORMED },
		{ "c=biws", EM_MALFORMED },
		{ "c=biws,r=" CLIENT SERVER, EM_MALFORMED },
		{ "c=biws,r=" CLIENT SERVER ",p=", EM_MALFORMED },
		{ "c=biws,r=" CLIENT SERVER ",p=AAAA", EM_MALFORMED },
		{ "c=biws,r=" CLIENT SERVER
		  ",p= HzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		    EM_MALFORMED },
		{ "c=biws,r=" CLIENT SERVER
		  ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVR=",
		    EM_MALFORMED },
		{ "c=biws,r=" CLIENT SERVER
		  ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=,x=1",
		    EM_MALFORMED },
		{ "c=biws,r=" CLIENT SERVER ",xx,p=AAAA", EM_MALFORMED },
	};
	struct str out = { 0 };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (finish(rows[i].text, &out) != rows[i].err)
			tap_fail(__FILE__, __LINE__, "%s", rows[i].text);
	EQ(out.n, 0);
	OK(finish(good, &out) == EM_OK);
	str_fini(&out);
}

TEST(a_first_message_is_read_to_the_letter)
{
	static const struct {
		const char *text, *name; /* NULL: err */
		em_err err;
	} rows[] = {
		{ "n,,n=user,r=1", "user", EM_OK },
		{ "y,,n=user,r=1", "user", EM_OK },
		{ "n,a=user,n=user,r=1", "user", EM_OK },
		{ "n,,n=a=2Cb=3Dc,r=1,x=more", "a,b=c", EM_OK },
		{ "n,a=other,n=user,r=1", NULL, EM_UNSUPPORTED },
		{ "n,a=use,n=user,r=1", NULL, EM_UNSUPPORTED },
		{ "p=tls-unique,,n=user,r=1", NULL, EM_UNSUPPORTED },
		{ "n,,m=1,n=user,r=1", NULL, EM_UNSUPPORTED },
		{ "n,user,n=user,r=1", NULL, EM_MALFORMED },
		{ "n,a,n=user,r=1", NULL, EM_MALFORMED },
		{ "", NULL, EM_MALFORMED },
		{ "n", NULL, EM_MALFORMED },
		{ "n,", NULL, EM_MALFORMED },
		{ "n,,", NULL, EM_MALFORMED },
		{ "q,,n=user,r=1", NULL, EM_MALFORMED },
		{ "n,,n=,r=1", NULL, EM_MALFORMED },
		{ "n,,n=a=b,r=1", NULL, EM_MALFORMED },
		{ "n,,n=a=2c,r=1", NULL, EM_MALFORMED },
		{ "n,,n=user", NULL, EM_MALFORMED },
		{ "n,,n=user,r=", NULL, EM_MALFORMED },
		{ "n,,n=user,r=a b", NULL, EM_MALFORMED },
		{ "n,,r=1,n=user", NULL, EM_MALFORMED },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scram s = { .hash = SCRAM_SHA256 };
		em_err err = scram_first(&s, slice_str(rows[i].text));

		if (err != rows[i].err ||
		    (err == EM_OK && strcmp(str_get(&s.name), rows[i].name) != 0))
			tap_fail(__FILE__, __LINE__, "%s", rows[i].text);
		scram_fini(&s);
	}
}

/* What PostgreSQL 15 keeps of "pencil" with that salt: the keys of the example. */
static const char kept[] = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
			   "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
			   "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

TEST(what_postgresql_keeps_is_read)
{
	struct scram_verifier made, read;
	static const char *const bad[] = { "", "pencil", "SCRAM-SHA-256$4096:",
		"SCRAM-SHA-512$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
		"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
		"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		"SCRAM-SHA-256$0:W22ZaJ0SNY7soEsUEjb6gQ==$"
		"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
		"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		"SCRAM-SHA-256$4096:W22Z$AAAA:BBBB" };

	OK(scram_derive(
	       SCRAM_SHA256, SLICE_LIT("pencil"), SLICE_LIT(SALT), 4096, &made) == EM_OK);
	OK(scram_parse(SCRAM_SHA256, slice_str(kept), &read) == EM_OK);
	OK(memcmp(&made, &read, sizeof made) == 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		OK(scram_parse(SCRAM_SHA256, slice_str(bad[i]), &read) == EM_MALFORMED);
}

TEST(whoever_is_not_there_has_always_the_same_salt)
{
	struct scram_verifier a, b, c;
	struct slice secret = SLICE_LIT("secret");

	OK(scram_mock(SCRAM_SHA256, secret, SLICE_LIT("ann"), 4096, &a) == EM_OK);
	OK(scram_mock(SCRAM_SHA256, secret, SLICE_LIT("ann"), 4096, &b) == EM_OK);
	OK(scram_mock(SCRAM_SHA256, secret, SLICE_LIT("bob"), 4096, &c) == EM_OK);
	OK(memcmp(&a, &b, sizeof a) == 0);
	OK(memcmp(a.salt, c.salt, sizeof a.salt) != 0);
}

/* ---- files */

static em_err
read_users(const char *text, bool is_plain, struct users **out, struct fault *f)
{
	char path[] = "/tmp/users-XXXXXX";
	struct users_how how = { .file = path,
		.hash = SCRAM_SHA256,
		.is_plain = is_plain,
		.iterations = 4096 };
	int fd = mkstemp(path);
	size_t n = strlen(text);
	em_err err;

	OK(write(fd, text, n) == (ssize_t)n);
	close(fd);
	err = users_check(&how, f);
	if (err == EM_OK)
		err = users_read(&how, out, f);
	unlink(path);
	return err;
}

TEST(a_file_of_users)
{
	struct users *u = NULL;
	struct fault f = { 0 };

	OK(read_users("user_id,password,is_superuser\r\n# remark\n\nann,pencil\r\n"
		      "\"bob, jr\",\"a \"\"b\"\"\",true\ncarl,x,false",
	       true, &u, &f) == EM_OK);
	OK(users_find(u, SLICE_LIT("ann")) != NULL);
	OK(!users_find(u, SLICE_LIT("ann"))->is_superuser);
	OK(users_find(u, SLICE_LIT("bob, jr"))->is_superuser);
	OK(users_find(u, SLICE_LIT("carl")) != NULL);
	OK(users_find(u, SLICE_LIT("dora")) == NULL);
	OK(slice_eq_str(slice_str(users_first(u)->name), "ann"));
	users_free(&u);
	fault_clear(&f);
}

TEST(a_file_of_verifiers)
{
	struct str text = { 0 };
	struct users *u = NULL;
	struct fault f = { 0 };

	str_addf(&text, "ann,%s\n", kept);
	OK(read_users(str_get(&text), false, &u, &f) == EM_OK);
	EQ(users_find(u, SLICE_LIT("ann"))->verifier.iterations, 4096);
	users_free(&u);
	fault_clear(&f);
	str_fini(&text);
}

TEST(a_line_that_is_wrong_is_named)
{
	static const struct {
		const char *text, *line, *says;
		bool is_plain;
	} rows[] = {
		{ "ann,x\nbob\n", ":2: ", "no password", true },
		{ ",x\n", ":1: ", "no user_id", true },
		{ "a\xff,x\n", ":1: ", "no user_id", true },
		{ "ann,x,yes\n", ":1: ", "is_superuser", true },
		{ "ann,x,true,more\n", ":1: ", "is_superuser", true },
		{ "ann,\"x\n", ":1: ", "a quote", true },
		{ "ann,\"x\"y\n", ":1: ", "a quote", true },
		{ "ann,x\n\nann,y\n", ":3: ", "already", true },
		{ "ann,x\n", ":1: ", "SCRAM-SHA-256", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct users *u = NULL;
		struct fault f = { 0 };
		em_err err = read_users(rows[i].text, rows[i].is_plain, &u, &f);

		if (err == EM_OK || strstr(f.text, rows[i].line) == NULL ||
		    strstr(f.text, rows[i].says) == NULL)
			tap_fail(__FILE__, __LINE__, "%s: %s", rows[i].text,
			    f.text != NULL ? f.text : "read");
		users_free(&u);
		fault_clear(&f);
	}
}

TEST(too_many_plain_passwords_are_refused)
{
	struct str text = { 0 };
	struct fault f = { 0 };
	struct users_how how = {
		.hash = SCRAM_SHA256, .is_plain = true, .iterations = 4096
	};
	char path[] = "/tmp/users-XXXXXX";
	int fd = mkstemp(path);

	for (unsigned i = 0; i <= USERS_PLAIN_MAX; i++)
		str_addf(&text, "u%u,x\n", i);
	OK(write(fd, text.p, text.n) == (ssize_t)text.n);
	close(fd);
	how.file = path;
	OK(users_check(&how, &f) == EM_TOOBIG);
	OK(f.hint != NULL);
	unlink(path);
	OK(users_check(&how, &f) == EM_IO);
	fault_clear(&f);
	str_fini(&text);
}
