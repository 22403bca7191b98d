/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err: the table of err.def, and the fault that a human reads.
 *
 * A code may come from the other program over the socket, so a number that the
 * table does not know is answered ("unknown"), not checked.
 */
#include "ipc/base/err.h"
#include "ipc/base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

struct row {
	const char *name, *text;
	int exit;
	const char *hint;
};

static const struct row rows[] = {
#define ERR(id_, name_, text_, exit_, hint_) [EM_##id_] = { name_, text_, exit_, hint_ },
#include "ipc/base/err.def"
#undef ERR
};

static const struct row *
row_of(em_err e)
{
	static const struct row unknown = { "unknown", "unknown error", 1, NULL };

	return (unsigned)e < EM_ERR_N ? &rows[e] : &unknown;
}

const char *
err_name(em_err e)
{
	return row_of(e)->name;
}

const char *
err_text(em_err e)
{
	return row_of(e)->text;
}

int
err_exit(em_err e)
{
	return row_of(e)->exit;
}

const char *
err_hint(em_err e)
{
	return row_of(e)->hint;
}

em_err
err_from_errno(int e)
{
	switch (e) {
	case 0: return EM_OK;
	case ENOENT:
	case ENOTDIR:
	case ENXIO:
	case ENODEV:
	case ESRCH: return EM_NOTFOUND;
	case EACCES:
	case EPERM:
	case EROFS: return EM_DENIED;
	case EEXIST:
	case EISCONN:
	case EADDRINUSE: return EM_EXISTS;
	case EBUSY:
	case ETXTBSY:
	case EDEADLK: return EM_BUSY;
	case EAGAIN:
	case EINPROGRESS:
	case EALREADY: return EM_AGAIN;
	case EINTR:
	case ECANCELED: return EM_CANCELLED;
	case ENOMEM: return EM_NOMEM;
	case ENOSPC:
	case EDQUOT:
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case EMLINK: return EM_FULL;
	case EFBIG:
	case E2BIG:
	case EMSGSIZE:
	case ENAMETOOLONG:
	case EOVERFLOW:
	case ERANGE: return EM_TOOBIG;
	case EINVAL:
	case EILSEQ:
	case EDOM: return EM_MALFORMED;
	case EPROTO:
	case EBADMSG: return EM_PROTOCOL;
	case ETIMEDOUT:
	case ETIME: return EM_TIMEOUT;
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENETUNREACH:
	case ENETDOWN:
	case EADDRNOTAVAIL: return EM_UNREACHABLE;
	case ENOSYS:
	case EOPNOTSUPP:
	case EAFNOSUPPORT:
	case EPROTONOSUPPORT:
	case ENOPROTOOPT: return EM_UNSUPPORTED;
	case ENOTCONN:
	case ENOTEMPTY:
	case EISDIR: return EM_STATE;
	default: return EM_IO;
	}
}

/* The text as a heap string; the arguments may point into the fault. */
EM_PRINTF(1, 0)
static char *
format(const char *fmt, va_list ap)
{
	char *text = NULL;
	int n = vasprintf(&text, fmt, ap);

	CHECK(n >= 0);
	return text;
}

em_err
fault_set(struct fault *f, em_err err, const char *fmt, ...)
{
	va_list ap;
	char *text;

	CHECK((unsigned)err < EM_ERR_N);
	if (f == NULL)
		return err;
	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	fault_clear(f);
	f->err = err;
	f->text = text;
	return err;
}

void
fault_hint(struct fault *f, const char *fmt, ...)
{
	va_list ap;
	char *hint;

	if (f == NULL)
		return;
	va_start(ap, fmt);
	hint = format(fmt, ap);
	va_end(ap);
	mem_free(f->hint);
	f->hint = hint;
}

em_err
fault_wrap(struct fault *f, const char *fmt, ...)
{
	va_list ap;
	char *prefix, *text = NULL;
	int n;

	if (f == NULL)
		return EM_FAILED;
	if (f->err == EM_OK)
		f->err = EM_FAILED;
	va_start(ap, fmt);
	prefix = format(fmt, ap);
	va_end(ap);
	n = asprintf(
	    &text, "%s: %s", prefix, f->text != NULL ? f->text : err_text(f->err));
	CHECK(n >= 0);
	mem_free(prefix);
	mem_free(f->text);
	f->text = text;
	return f->err;
}

void
fault_clear(struct fault *f)
{
	if (f == NULL)
		return;
	MEM_FREE(f->text);
	MEM_FREE(f->hint);
	f->err = EM_OK;
}
