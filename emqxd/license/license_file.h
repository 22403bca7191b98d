/* SPDX-License-Identifier: Apache-2.0 */
/*
 * license_file: licences on the disk: reading one, and this node's own copy in
 * data_dir/licenses/emqx.lic, with a dated backup of the one before.
 *
 * A power cut leaves the old copy or the new one.  It blocks: main at the start, else a
 * jobs thread.
 */
#ifndef LICENSE_LICENSE_FILE_H
#define LICENSE_LICENSE_FILE_H

#include "ipc/base/err.h"
#include "ipc/base/span.h"
#include "ipc/base/str.h"

#define LICENSE_FILE_HASH 65 /* SHA-256 in hexadecimal, with its end */

/* A regular file of at most LICENSE_KEY_MAX bytes; its text comes behind @out's. */
EM_MUST_USE em_err license_file_read(
    const char *path, struct str *out, wall_t *written, struct fault *f);
/* The same of an open one; @name for the sentence.  Closes it. */
EM_MUST_USE em_err license_file_read_fd(
    int fd, const char *name, struct str *out, wall_t *written, struct fault *f);

/* The file of license_history.h. */
EM_MUST_USE em_err license_file_read_history(
    const char *path, struct str *out, struct fault *f);

struct license_file_kept {
	struct str path;   /* of the copy; empty: there is none */
	struct str backup; /* of the one before; empty: there was none, or the same */
	char hash[LICENSE_FILE_HASH]; /* of the copy's bytes: sha256sum(1) tells it too */
};
void license_file_kept_fini(struct license_file_kept *k);
/* Keeps @text under @data_dir; empty: none, and the one before becomes a backup. */
EM_MUST_USE em_err license_file_keep(const char *data_dir, struct slice text, wall_t now,
    struct license_file_kept *out, struct fault *f);

#endif
