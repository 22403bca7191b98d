/* SPDX-License-Identifier: Apache-2.0 */
/*
 * preflight: what emqxd would miss at its start, in plain sentences.  The tool
 * links no OpenSSL, so it can say so where emqxd itself cannot start.
 */
#ifndef CTL_PREFLIGHT_H
#define CTL_PREFLIGHT_H

#include "ipc/base/str.h"
#include "ipc/base/vec.h"

struct local;

int preflight_run(const struct local *l);
/* `conf check`: emqxd check_config FILE. */
int preflight_conf_check(const struct local *l);
/* `license check`: emqxd check_license FILE. */
int preflight_license_check(const struct local *l);

struct preflight_problem {
	char *text, *hint; /* owned; hint may be NULL */
};
/* Zero-initialise. */
struct preflight {
	VEC(struct preflight_problem) v;
};
/* Reads what the dynamic loader says when it traces a program; @path: LD_LIBRARY_PATH or
 * NULL. */
void preflight_read_loader(struct preflight *p, struct slice said, const char *path);
/* Reads `emqxd version`: is the OpenSSL that was loaded older than the one built with? */
void preflight_read_version(struct preflight *p, struct slice said);
void preflight_fini(struct preflight *p);

#endif
