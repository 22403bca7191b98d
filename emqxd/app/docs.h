/* SPDX-License-Identifier: Apache-2.0 */
/* docs: the registers as text for the manual pages (mdoc). */
#ifndef APP_DOCS_H
#define APP_DOCS_H

#include "ipc/base/err.h"

struct str;

/* "conf", "reasons", "metrics"; EM_USAGE: something else. */
EM_MUST_USE em_err docs_print(const char *what, struct str *out, struct fault *f);

#endif
