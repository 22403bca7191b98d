/* SPDX-License-Identifier: Apache-2.0 */
/* license_file: see license_file.h. */
#include "emqxd/license/license_file.h"
#include "emqxd/core/file.h"
#include "emqxd/license/license_key.h"
#include "ipc/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKUPS_A_TIME 100u
#define HISTORY_MAX (256u << 10)
#define WRITTEN_MAX (INT64_C(1) << 33) /* seconds, year 2242: beyond it ns have no room */

/* ---- reading */

static em_err
read_all(int fd, size_t max, struct str *out)
{
	char buf[4096];
	size_t n = 0;
	ssize_t got;

	while ((got = read(fd, buf, sizeof buf)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return EM_IO;
		n += (size_t)got;
		if (n > max)
			return EM_TOOBIG;
		str_add_bytes(out, buf, (size_t)got);
	}
	return EM_OK;
}

static wall_t
time_of(const struct stat *st)
{
	int64_t s = st->st_mtim.tv_sec;

	if (s > WRITTEN_MAX)
		s = WRITTEN_MAX;
	return (wall_t){ s > 0 ? s * INT64_C(1000000000) + st->st_mtim.tv_nsec : 0 };
}

static em_err
read_fd(int fd, const char *name, size_t max, struct str *out, wall_t *written,
    struct fault *f)
{
	struct stat st;
	em_err err = EM_OK;

	*written = (wall_t){ 0 };
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		err = fault_set(f, EM_MALFORMED, "%s is no regular file", name);
	else
		err = read_all(fd, max, out);
	if (err == EM_OK)
		*written = time_of(&st);
	else if (err == EM_TOOBIG)
		fault_set(f, err, "%s is over %zu bytes", name, max);
	else if (err == EM_IO)
		fault_set(f, err, "%s cannot be read: %s", name, strerror(errno));
	close(fd);
	return err;
}

static em_err
read_path(const char *path, size_t max, struct str *out, wall_t *written, struct fault *f)
{
	/* Not to wait for a pipe that nobody writes to. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	*written = (wall_t){ 0 };
	if (fd < 0)
		return fault_set(f, err_from_errno(errno), "%s cannot be read: %s", path,
		    strerror(errno));
	return read_fd(fd, path, max, out, written, f);
}

em_err
license_file_read(const char *path, struct str *out, wall_t *written, struct fault *f)
{
	return read_path(path, LICENSE_KEY_MAX, out, written, f);
}

em_err
license_file_read_fd(
    int fd, const char *name, struct str *out, wall_t *written, struct fault *f)
{
	return read_fd(fd, name, LICENSE_KEY_MAX, out, written, f);
}

em_err
license_file_read_history(const char *path, struct str *out, struct fault *f)
{
	wall_t written;

	return read_path(path, HISTORY_MAX, out, &written, f);
}

/* ---- the copy */

void
license_file_kept_fini(struct license_file_kept *k)
{
	str_fini(&k->path);
	str_fini(&k->backup);
	k->hash[0] = '\0';
}

static void
hash(struct slice text, char out[LICENSE_FILE_HASH])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	CHECK(EVP_Digest(text.p, text.n, digest, &n, EVP_sha256(), NULL) == 1);
	for (unsigned i = 0; i < n; i++)
		snprintf(out + (size_t)2 * i, 3, "%02x", digest[i]);
}

static em_err
failed(struct fault *f, const char *name, const char *path, int error)
{
	return fault_set(
	    f, err_from_errno(error), "%s: %s: %s", name, path, strerror(error));
}

/* The copy under another name: a second link, so it is there before the new one comes. */
static em_err
back_up(struct license_file_kept *k, wall_t now, struct fault *f)
{
	char time[SPAN_TEXT_MAX];

	wall_print(now, true, time);
	for (unsigned i = 0; i < BACKUPS_A_TIME; i++) {
		str_reset(&k->backup);
		str_addf(&k->backup, "%s.%s", str_get(&k->path), time);
		if (i > 0)
			str_addf(&k->backup, ".%u", i);
		str_add(&k->backup, ".backup");
		if (link(str_get(&k->path), str_get(&k->backup)) == 0)
			return EM_OK;
		if (errno != EEXIST)
			break;
	}
	failed(f, "error_backing_up_license", str_get(&k->backup), errno);
	str_reset(&k->backup);
	return f->err;
}

/* *same: the copy is that text already. */
static em_err
look_at_old(struct license_file_kept *k, struct slice text, wall_t now, bool *same,
    struct fault *f)
{
	struct fault why = { .err = EM_OK };
	struct str old = { 0 };
	wall_t written;
	em_err err = license_file_read(str_get(&k->path), &old, &written, &why);

	*same = err == EM_OK && text.n > 0 && slice_eq(str_slice(&old), text);
	str_fini(&old);
	if (err == EM_NOTFOUND)
		err = EM_OK;
	else if (err == EM_OK || err == EM_TOOBIG) /* too big: whatever it is, it stays */
		err = *same ? EM_OK : back_up(k, now, f);
	else
		err = fault_set(f, err, "error_reading_existing_license: %s", why.text);
	fault_clear(&why);
	return err;
}

static em_err
replace(struct license_file_kept *k, struct slice text, struct fault *f)
{
	int error;

	if (text.n == 0)
		error = unlink(str_get(&k->path)) == 0 || errno == ENOENT ? 0 : errno;
	else
		error = file_replace(str_get(&k->path), text);
	if (error != 0)
		return failed(f, "error_writing_license", str_get(&k->path), error);
	if (text.n > 0)
		hash(text, k->hash);
	else
		str_reset(&k->path);
	return EM_OK;
}

em_err
license_file_keep(const char *data_dir, struct slice text, wall_t now,
    struct license_file_kept *out, struct fault *f)
{
	struct str line = { 0 };
	bool same = false;
	em_err err;

	*out = (struct license_file_kept){ .hash = "" };
	str_addf(&out->path, "%s/licenses", data_dir);
	if (mkdir(str_get(&out->path), 0750) != 0 && errno != EEXIST)
		return failed(
		    f, "error_creating_license_dir", str_get(&out->path), errno);
	str_add(&out->path, "/emqx.lic");
	str_add_slice(&line, text);
	if (text.n > 0)
		str_add_char(&line, '\n');
	err = look_at_old(out, str_slice(&line), now, &same, f);
	if (err == EM_OK && same)
		hash(str_slice(&line), out->hash);
	else if (err == EM_OK)
		err = replace(out, str_slice(&line), f);
	str_fini(&line);
	return err;
}
