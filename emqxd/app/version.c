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
#include <openssl/ssl.h>
#include <stdlib.h>
#include <urcu-qsbr.h>

/* Some libraries tell no version at run time: the name of the file that a function of
 * theirs came from has it. */
static const char *
file_of(void (*function)(void), char buf[PATH_MAX])
{
	Dl_info info;
	const char *name;
	void *at;

	memcpy(&at, &function, sizeof at); /* POSIX has them alike, C does not */
	if (dladdr(at, &info) == 0 || realpath(info.dli_fname, buf) == NULL)
		return "unknown file";
	name = strrchr(buf, '/');
	return name != NULL ? name + 1 : buf;
}

void
version_print(struct str *out)
{
	char ssl[PATH_MAX], urcu[PATH_MAX];

	str_addf(out, "emqxd %s\n", EMQXD_VERSION);
	str_addf(out, "built with %s, loaded %s\n", OPENSSL_VERSION_TEXT,
	    OpenSSL_version(OPENSSL_VERSION));
	str_addf(out, "glibc %s, msgpack-c %s, %s, %s\n", gnu_get_libc_version(),
	    msgpack_version(), file_of((void (*)(void))SSL_CTX_new, ssl),
	    file_of(urcu_qsbr_register_thread, urcu));
}
