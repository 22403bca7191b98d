/* SPDX-License-Identifier: Apache-2.0 */
/* users: see users.h. */
#include "emqxd/access/users.h"
#include "ipc/base/hash.h"
#include "ipc/base/rand.h"
#include "ipc/base/utf8.h"
#include "ipc/base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct users {
	struct map by_name;
	VEC(struct user *) all;
	struct stat file; /* as it was read */
};

/* What may be written over. */
struct text {
	char *p;
	size_t n;
};

/* One line, cut. */
struct row {
	struct slice name, password;
	bool is_superuser;
};

/* What is between the quotes, where "" is one; false: there is no end. */
static bool
cut_quoted(struct text *rest, struct slice *out)
{
	char *to = rest->p;
	size_t i = 1;

	while (i < rest->n &&
	       (rest->p[i] != '"' || (i + 1 < rest->n && rest->p[i + 1] == '"'))) {
		i += rest->p[i] == '"';
		*to++ = rest->p[i++];
	}
	i++; /* the quote at the end */
	if (i > rest->n || (i < rest->n && rest->p[i] != ','))
		return false;
	*out = slice_of(rest->p, (size_t)(to - rest->p));
	i += i < rest->n;
	*rest = (struct text){ rest->p + i, rest->n - i };
	return true;
}

/* Up to a comma, which goes too. */
static bool
cut(struct text *rest, struct slice *out)
{
	const char *comma;
	size_t n;

	*out = SLICE_NONE;
	if (rest->n == 0)
		return true;
	if (rest->p[0] == '"')
		return cut_quoted(rest, out);
	comma = memchr(rest->p, ',', rest->n);
	n = comma != NULL ? (size_t)(comma - rest->p) : rest->n;
	*out = slice_of(rest->p, n);
	n += comma != NULL;
	*rest = (struct text){ rest->p + n, rest->n - n };
	return true;
}

static em_err
row_parse(struct text line, struct row *r, struct fault *f)
{
	struct slice flag;

	if (!cut(&line, &r->name) || !cut(&line, &r->password) || !cut(&line, &flag))
		return fault_set(
		    f, EM_MALFORMED, "a quote is not closed, or not before a comma");
	r->is_superuser = slice_eq_str(flag, "true");
	if (r->name.n == 0 || r->name.n > UINT16_MAX || !utf8_is_mqtt(r->name))
		return fault_set(f, EM_MALFORMED, "this is no user_id");
	if (r->password.n == 0)
		return fault_set(f, EM_MALFORMED, "the user has no password");
	if (line.n > 0 ||
	    (flag.n > 0 && !r->is_superuser && !slice_eq_str(flag, "false")))
		return fault_set(
		    f, EM_MALFORMED, "is_superuser must be true, false or left out");
	return EM_OK;
}

/* A line without what stands for nothing: its end, a heading, a remark. */
static struct text
trimmed(struct text line)
{
	while (line.n > 0 && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
		line.n--;
	if (line.n > 0 && line.p[0] == '#')
		line.n = 0;
	return line;
}

static em_err
fill(const struct users_how *how, const struct row *r, struct user *u, struct fault *f)
{
	uint8_t salt[SCRAM_SALT];

	if (how->is_plain) {
		rand_bytes(salt, sizeof salt);
		if (scram_derive(how->hash, r->password, slice_of(salt, sizeof salt),
			how->iterations, &u->verifier) != EM_OK)
			return fault_set(f, EM_FAILED, "OpenSSL makes no key");
		return EM_OK;
	}
	if (scram_parse(how->hash, r->password, &u->verifier) == EM_OK)
		return EM_OK;
	fault_set(
	    f, EM_MALFORMED, "the user has no password of %s", scram_method(how->hash));
	fault_hint(f, "%s$ITERATIONS:SALT$STOREDKEY:SERVERKEY, or bootstrap_type = plain",
	    scram_method(how->hash));
	return EM_MALFORMED;
}

/* @keys: makes them; else only looks whether they could be made. */
static em_err
add(const struct users_how *how, const struct row *r, bool keys, struct users *all,
    struct fault *f)
{
	struct user *u;

	if (map_find(&all->by_name, r->name) != NULL)
		return fault_set(f, EM_EXISTS, "the user is there already");
	if (how->is_plain && all->all.n == USERS_PLAIN_MAX) {
		fault_set(f, EM_TOOBIG, "more than %u users with plain passwords",
		    USERS_PLAIN_MAX);
		fault_hint(f, "bootstrap_type = hash, whose keys are there already");
		return EM_TOOBIG;
	}
	u = MEM_NEW(struct user);
	u->name = mem_dup(r->name.p, r->name.n);
	u->is_superuser = r->is_superuser;
	VEC_ADD(&all->all, u);
	(void)map_put(&all->by_name, r->name, u);
	return keys || !how->is_plain ? fill(how, r, u, f) : EM_OK;
}

static bool
is_heading(struct text line)
{
	return slice_starts(slice_of(line.p, line.n), SLICE_LIT("user_id,"));
}

static em_err
read_lines(const struct users_how *how, FILE *file, bool keys, struct users *all,
    struct fault *f)
{
	char *buf = NULL;
	size_t cap = 0;
	unsigned number = 0;
	em_err err = EM_OK;
	ssize_t n;

	while (err == EM_OK && (n = getline(&buf, &cap, file)) >= 0) {
		struct text line = trimmed((struct text){ buf, (size_t)n });
		struct row r = { .is_superuser = false };

		number++;
		if (line.n > 0 && !(number == 1 && is_heading(line)))
			err = row_parse(line, &r, f);
		else
			continue;
		if (err == EM_OK)
			err = add(how, &r, keys, all, f);
		if (err != EM_OK)
			fault_wrap(f, "%s:%u", how->file, number);
	}
	if (err == EM_OK && ferror(file) != 0)
		err = fault_set(f, EM_IO, "%s: %s", how->file, strerror(errno));
	free(buf);
	return err;
}

struct users *
users_none(void)
{
	return MEM_NEW(struct users);
}

static em_err
load(const struct users_how *how, bool keys, struct users **out, struct fault *f)
{
	/* Not to wait for a pipe that nobody writes to. */
	int fd = open(how->file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
	struct users *all;
	struct stat st;
	em_err err;

	*out = NULL;
	if (file == NULL)
		return fault_set(f, EM_IO, "%s: %s", how->file, strerror(errno));
	if (fstat(fileno(file), &st) != 0 || !S_ISREG(st.st_mode) ||
	    st.st_size > (off_t)USERS_FILE_MAX) {
		(void)fclose(file);
		return fault_set(f, EM_TOOBIG, "%s: no file, or one over %u MB",
		    how->file, USERS_FILE_MAX >> 20);
	}
	all = users_none();
	all->file = st;
	err = read_lines(how, file, keys, all, f);
	(void)fclose(file);
	if (err != EM_OK)
		users_free(&all);
	*out = all;
	return err;
}

em_err
users_read(const struct users_how *how, struct users **out, struct fault *f)
{
	return load(how, true, out, f);
}

em_err
users_check(const struct users_how *how, struct fault *f)
{
	struct users *all;
	em_err err = load(how, false, &all, f);

	users_free(&all);
	return err;
}

void
users_free(struct users **up)
{
	struct users *all = *up;

	if (all == NULL)
		return;
	map_fini(&all->by_name);
	for (size_t i = 0; i < all->all.n; i++) {
		mem_free(all->all.p[i]->name);
		mem_free(all->all.p[i]);
	}
	VEC_FINI(&all->all);
	MEM_FREE(*up);
}

const struct user *
users_first(const struct users *u)
{
	return u->all.n > 0 ? u->all.p[0] : NULL;
}

const struct user *
users_find(const struct users *u, struct slice name)
{
	return map_find(&u->by_name, name);
}

size_t
users_count(const struct users *u)
{
	return u->all.n;
}

bool
users_is_same_file(const struct users *a, const struct users *b)
{
	return a->file.st_dev == b->file.st_dev && a->file.st_ino == b->file.st_ino &&
	       a->file.st_size == b->file.st_size &&
	       a->file.st_mtim.tv_sec == b->file.st_mtim.tv_sec &&
	       a->file.st_mtim.tv_nsec == b->file.st_mtim.tv_nsec;
}
