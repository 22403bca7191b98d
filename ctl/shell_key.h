/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell_key: Tab and ? in the shell.
 */
#ifndef CTL_SHELL_KEY_H
#define CTL_SHELL_KEY_H

#include <histedit.h>

void shell_key_bind(EditLine *el);

#endif
