/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cstore_log: the folders that the logs of the groups are in, one a group: FOLDER/meta and
 * FOLDER/ret.  Only files of libraft are in them, and nobody else reads those.
 *
 * Pure but for the file system; the parent's, while no child runs, and the child's.
 */
#ifndef CSTORE_CSTORE_LOG_H
#define CSTORE_CSTORE_LOG_H

#include "emqxd/cstore/cstore.h"

/* "meta", "ret". */
const char *cstore_log_name(enum cstore_group g);
/* The caller's. */
char *cstore_log_path(const char *folder, enum cstore_group g);
/* 0, also where there is none; or errno. */
int cstore_log_remove(const char *path);
/* Has libraft begun one there? */
bool cstore_log_is_there(const char *path);

#endif
