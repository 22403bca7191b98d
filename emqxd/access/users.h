/* SPDX-License-Identifier: Apache-2.0 */
/*
 * users: the users of an authenticator, from a file:
 *
 *	user_id,password,is_superuser
 *
 * one a line; is_superuser is true, false or left out, a first line of these words and
 * lines that begin with # are skipped; "a field" may hold commas, and "" for a quote.  With
 * is_plain, password is the password; else it is what scram_parse() reads.
 *
 * Pure but for the file; any thread.
 */
#ifndef ACCESS_USERS_H
#define ACCESS_USERS_H

#include "emqxd/access/scram.h"

#define USERS_FILE_MAX (64u << 20) /* bytes */
#define USERS_PLAIN_MAX 1000u      /* users whose keys are made at the start: seconds */

struct user {
	char *name;
	struct scram_verifier verifier;
	bool is_superuser;
};

struct users;
struct users_how {
	const char *file;
	enum scram_hash hash;
	bool is_plain;
	uint32_t iterations; /* of those that are plain */
};
/* Reads them all; @f says what is wrong, with the line. */
EM_MUST_USE em_err users_read(
    const struct users_how *how, struct users **out, struct fault *f);
/* Reads only whether they could be read: no keys are made. */
EM_MUST_USE em_err users_check(const struct users_how *how, struct fault *f);
struct users *users_none(void);
void users_free(struct users **up);
/* The first of the file, or NULL. */
const struct user *users_first(const struct users *u);
/* NULL: there is none of that name. */
const struct user *users_find(const struct users *u, struct slice name);
size_t users_count(const struct users *u);
/* Was the file written between the two readings?  Looks at its time and size. */
bool users_is_same_file(const struct users *a, const struct users *b);

#endif
