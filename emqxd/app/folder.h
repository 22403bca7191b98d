/* SPDX-License-Identifier: Apache-2.0 */
/* folder: folders that a start makes, and takes away again when it fails. */
#ifndef APP_FOLDER_H
#define APP_FOLDER_H

#include <sys/types.h>

/* Makes @path (with @mode) and those above it that are missing; 0 or an errno.  *made:
 * how many there are new. */
int folder_make(const char *path, mode_t mode, unsigned *made);
/* Removes the last @made folders of @path, as far as they are empty. */
void folder_unmake(const char *path, unsigned made);
/* The same as folder_make for the folder in which @file lies. */
int folder_make_for(const char *file, mode_t mode, unsigned *made);
/* Makes the folder in which @file lies, when those above it are there, and gives it to
 * @user ("": nobody else): its path, or NULL when there is nothing new.  The caller frees it. */
char *folder_make_last(const char *file, mode_t mode, const char *user);

#endif
