/* SPDX-License-Identifier: Apache-2.0 */
/* Error codes and the faults that people read. */
#include "ipc/base/err.h"
#include "tests/unit/tap.h"

#include <errno.h>

TEST(every_code_has_a_name_a_text_and_an_exit_code)
{
	for (int e = 0; e < EM_ERR_N; e++) {
		OK(err_name((em_err)e)[0] != '\0');
		OK(err_text((em_err)e)[0] != '\0');
		OK(err_exit((em_err)e) > 0 || e == EM_OK);
		for (int other = 0; other < e; other++)
			OK(strcmp(err_name((em_err)e), err_name((em_err)other)) != 0);
	}
	EQ(EM_OK, 0);
	EQ(err_exit(EM_OK), 0);
}

TEST(the_exit_codes_are_those_of_the_contract)
{
	EQ(err_exit(EM_REFUSED), 1);
	EQ(err_exit(EM_USAGE), 2);
	EQ(err_exit(EM_NOTFOUND), 3);
	EQ(err_exit(EM_UNREACHABLE), 4);
	EQ(err_exit(EM_DENIED), 5);
	EQ(err_exit(EM_TIMEOUT), 6);
	EQ(err_exit(EM_PARTLY), 7);
	EQ(err_exit(EM_EXISTS), 8);
	EQ(err_exit(EM_CANCELLED), 130);
}

TEST(a_code_that_a_newer_program_sent_is_unknown_and_no_crash)
{
	em_err e = (em_err)(EM_ERR_N + 7);

	STR_EQ(err_name(e), "unknown");
	STR_EQ(err_text(e), "unknown error");
	EQ(err_exit(e), 1);
	OK(err_hint(e) == NULL);
}

TEST(hints_are_there_where_an_operator_needs_one)
{
	OK(err_hint(EM_UNREACHABLE) != NULL);
	OK(err_hint(EM_DENIED) != NULL);
	OK(err_hint(EM_NOTFOUND) == NULL);
}

TEST(the_usual_errnos_have_their_code_and_the_rest_are_io)
{
	EQ(err_from_errno(0), EM_OK);
	EQ(err_from_errno(ENOENT), EM_NOTFOUND);
	EQ(err_from_errno(EACCES), EM_DENIED);
	EQ(err_from_errno(EPERM), EM_DENIED);
	EQ(err_from_errno(EEXIST), EM_EXISTS);
	EQ(err_from_errno(EADDRINUSE), EM_EXISTS);
	EQ(err_from_errno(EAGAIN), EM_AGAIN);
	EQ(err_from_errno(EWOULDBLOCK), EM_AGAIN);
	EQ(err_from_errno(ENOMEM), EM_NOMEM);
	EQ(err_from_errno(EMFILE), EM_FULL);
	EQ(err_from_errno(ENOSPC), EM_FULL);
	EQ(err_from_errno(ETIMEDOUT), EM_TIMEOUT);
	EQ(err_from_errno(ECONNREFUSED), EM_UNREACHABLE);
	EQ(err_from_errno(EIO), EM_IO);
	EQ(err_from_errno(ECONNRESET), EM_IO);
	EQ(err_from_errno(99999), EM_IO);
}

TEST(a_fault_is_wrapped_on_the_way_up)
{
	struct fault f = { 0 };

	EQ(fault_set(&f, EM_IO, "%s: expired %d days ago", "/etc/x.pem", 3), EM_IO);
	fault_hint(&f, "emqx_ctl listeners reload %s", "tls:default");
	EQ(fault_wrap(&f, "certificate"), EM_IO);
	EQ(fault_wrap(&f, "listener %s", "tls:default"), EM_IO);
	EQ(f.err, EM_IO);
	STR_EQ(
	    f.text, "listener tls:default: certificate: /etc/x.pem: expired 3 days ago");
	STR_EQ(f.hint, "emqx_ctl listeners reload tls:default");
	fault_clear(&f);
	EQ(f.err, EM_OK);
	OK(f.text == NULL && f.hint == NULL);
}

TEST(a_fault_set_again_forgets_the_former_text_and_hint)
{
	struct fault f = { 0 };

	fault_set(&f, EM_IO, "first");
	fault_hint(&f, "of the first");
	EQ(fault_set(&f, EM_FULL, "second after %s", f.text), EM_FULL);
	STR_EQ(f.text, "second after first");
	OK(f.hint == NULL);
	fault_hint(&f, "one");
	fault_hint(&f, "not %s", f.hint);
	STR_EQ(f.hint, "not one");
	fault_clear(&f);
}

TEST(a_fault_with_a_code_only_is_wrapped_with_the_text_of_the_code)
{
	struct fault f = { .err = EM_NOTFOUND };

	EQ(fault_wrap(&f, "client '%s'", "a"), EM_NOTFOUND);
	STR_EQ(f.text, "client 'a': not found");
	fault_clear(&f);
}

TEST(a_wrapped_fault_is_never_ok)
{
	struct fault f = { 0 };

	EQ(fault_wrap(&f, "x"), EM_FAILED);
	STR_EQ(f.text, "x: failed");
	fault_clear(&f);
}

TEST(nobody_may_want_to_read_the_fault)
{
	EQ(fault_set(NULL, EM_FULL, "x"), EM_FULL);
	fault_hint(NULL, "x");
	EQ(fault_wrap(NULL, "x"), EM_FAILED);
	fault_clear(NULL);
}
