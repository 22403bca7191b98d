/* SPDX-License-Identifier: Apache-2.0 */
/* What the dynamic loader says becomes a sentence for people. */
#include "ctl/preflight.h"
#include "tests/unit/tap.h"

static struct preflight p;

static size_t
loader(const char *said, const char *path)
{
	preflight_fini(&p);
	preflight_read_loader(&p, slice_str(said), path);
	return p.v.n;
}

TEST(a_loader_that_is_content_says_nothing)
{
	EQ(loader("\tlinux-vdso.so.1 (0x00007fff)\n"
		  "\tlibssl.so.3 => /lib/x86_64-linux-gnu/libssl.so.3 (0x00007fec)\n"
		  "\t/lib64/ld-linux-x86-64.so.2 (0x00007fec)\n",
	       NULL),
	    0);
}

TEST(a_missing_library_names_its_package)
{
	EQ(loader("\tlibcjson.so.1 => not found\n", NULL), 1);
	STR_EQ(p.v.p[0].text, "the library libcjson.so.1 is not installed");
	STR_EQ(p.v.p[0].hint, "install the package libcjson1");
	EQ(loader(
	       "./emqxd: error while loading shared libraries: libssl.so.3: cannot open "
	       "shared object file: No such file or directory\n",
	       NULL),
	    1);
	STR_EQ(p.v.p[0].text, "the library libssl.so.3 is not installed");
}

TEST(garbage_on_the_library_path_is_told_from_a_broken_package)
{
	static const char said[] = "/b/emqxd: error while loading shared libraries: "
				   "/tmp/x/libssl.so.3: invalid ELF header\n";

	EQ(loader(said, "/opt:/tmp/x"), 1);
	STR_EQ(p.v.p[0].text,
	    "/tmp/x/libssl.so.3 is no library that can be used: invalid ELF header");
	STR_EQ(p.v.p[0].hint,
	    "LD_LIBRARY_PATH=/opt:/tmp/x leads there before the system's own: unset it");
	EQ(loader(said, NULL), 1);
	STR_EQ(p.v.p[0].hint, "install again the package libssl3");
}

TEST(an_older_library_lacks_a_version)
{
	EQ(loader(
	       "./emqxd: /lib/libssl.so.3: version `OPENSSL_3.2.0' not found (required "
	       "by ./emqxd)\n",
	       NULL),
	    1);
	STR_EQ(p.v.p[0].text,
	    "/lib/libssl.so.3 is older than the one that emqxd was built "
	    "with: it has no OPENSSL_3.2.0");
	STR_EQ(p.v.p[0].hint, "upgrade the package libssl3");
}

TEST(an_empty_library_lacks_its_symbols_once)
{
	EQ(loader("./emqxd: /tmp/x/libssl.so.3: no version information available "
		  "(required by "
		  "./emqxd)\n"
		  "undefined symbol: SSL_read, version OPENSSL_3.0.0\t(./emqxd)\n"
		  "undefined symbol: SSL_new, version OPENSSL_3.0.0\t(./emqxd)\n"
		  "undefined symbol: other\t(/lib/libother.so)\n",
	       "/tmp/x"),
	    1);
	STR_EQ(p.v.p[0].text,
	    "/tmp/x/libssl.so.3 is not the one that emqxd was built with: "
	    "it lacks SSL_read and 1 more");
}

static size_t
version(const char *said)
{
	preflight_fini(&p);
	preflight_read_version(&p, slice_str(said));
	return p.v.n;
}

TEST(an_openssl_older_than_the_one_built_with_is_told)
{
	EQ(version("emqxd 0.1.0\nbuilt with OpenSSL 3.0.17 1 Jul 2025, loaded OpenSSL "
		   "3.0.15 3 "
		   "Sep 2024\n"),
	    0);
	EQ(version("emqxd 0.1.0\nbuilt with OpenSSL 3.0.17 1 Jul 2025, loaded OpenSSL "
		   "3.2.1\n"),
	    0);
	EQ(version("emqxd 0.1.0\nbuilt with OpenSSL 3.2.1 1 Jul 2025, loaded OpenSSL "
		   "3.0.17\n"),
	    1);
	STR_EQ(p.v.p[0].text,
	    "emqxd was built with OpenSSL 3.2.1 and would load 3.0.17, which is older");
	EQ(version("something else\n"), 0);
	preflight_fini(&p);
}
