/* SPDX-License-Identifier: Apache-2.0 */
/* version: see version.h. */
#include "emqxd/app/version.h"
#include "ipc/base/str.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <limits.h>
#include <msgpack.h>
#include <openssl/crypto.h>
#include <openssl/opensslv.h>
#include <stdlib.h>
#include <urcu-qsbr.h>

/* liburcu tells no version at run time: the name of the file that was loaded has it. */
static const char *
urcu_file(char buf[PATH_MAX])
{
	Dl_info info;
	const char *name;

	if (dladdr((const void *)(uintptr_t)urcu_qsbr_register_thread, &info) == 0 ||
	    realpath(info.dli_fname, buf) == NULL)
		return "liburcu of unknown version";
	name = strrchr(buf, '/');
	return name != NULL ? name + 1 : buf;
}

void
version_print(struct str *out)
{
	char path[PATH_MAX];

	str_addf(out, "emqxd %s\n", EMQXD_VERSION);
	str_addf(out, "built with %s, loaded %s\n", OPENSSL_VERSION_TEXT,
	    OpenSSL_version(OPENSSL_VERSION));
	str_addf(out, "glibc %s, msgpack-c %s, %s\n", gnu_get_libc_version(),
	    msgpack_version(), urcu_file(path));
}
