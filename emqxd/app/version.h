/* SPDX-License-Identifier: Apache-2.0 */
/* version: of emqxd and of the libraries, those built with and those loaded. */
#ifndef APP_VERSION_H
#define APP_VERSION_H

struct str;

void version_print(struct str *out);

#endif
