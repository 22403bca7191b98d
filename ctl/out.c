/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out: collects text and writes it with write(2), so that a reader that went
 * away (head, a pager that was left) is seen at once as EPIPE and the rows that
 * would follow are never asked for.  SIGPIPE is ignored by main.
 */
#include "ctl/out.h"
#include "ctl/files.h"
#include "ctl/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { OUT_MUCH = 64 * 1024, OUT_WIDTH = 80 };

unsigned
out_screen_width(int fd)
{
	struct winsize ws;

	return ioctl(fd, TIOCGWINSZ, &ws) == 0 ? ws.ws_col : 0;
}

static unsigned
width_of(int fd)
{
	unsigned width = out_screen_width(fd);

	return width > 0 ? width : OUT_WIDTH;
}

static em_err
compile(struct out *out, const struct line *line, struct fault *fault)
{
	size_t n = line->greps.n;

	if (n == 0)
		return EM_OK;
	out->greps = mem_new_array(n, sizeof *out->greps);
	out->grep_rules = line->greps.p;
	for (size_t i = 0; i < n; i++) {
		const struct line_grep *g = &line->greps.p[i];
		int rc = regcomp(
		    &out->greps[i], g->pattern, REG_NOSUB | (g->nocase ? REG_ICASE : 0));
		char why[128];

		if (rc != 0) {
			(void)regerror(rc, &out->greps[i], why, sizeof why);
			return fault_set(fault, EM_USAGE, "grep: %s", why);
		}
		out->n_greps++;
	}
	return EM_OK;
}

static em_err
open_file(struct out *out, const struct line *line, struct fault *fault)
{
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (line->append ? O_APPEND : O_TRUNC);

	out->fd = open(line->file, flags, 0666);
	if (out->fd < 0)
		return files_fault(fault, "write", line->file);
	out->owned = true;
	return EM_OK;
}

static void
give_back(struct out *out)
{
	if (out->owned)
		close(out->fd);
	for (size_t i = 0; i < out->n_greps; i++)
		regfree(&out->greps[i]);
	MEM_FREE(out->greps);
	str_fini(&out->text);
	out->owned = false;
	out->n_greps = 0;
}

em_err
out_open(
    struct out *out, int fd, bool color, const struct line *line, struct fault *fault)
{
	bool plain = line == NULL || (line->file == NULL && line->greps.n == 0);
	em_err err = EM_OK;

	/* A grep finds what is seen: the same rendering, but whole and without colours. */
	*out = (struct out){ .fd = fd, .person = isatty(fd) == 1 };
	if (plain) {
		out->terminal = out->person;
		out->color = color;
		out->width = out->terminal ? width_of(fd) : 0;
		return EM_OK;
	}
	err = compile(out, line, fault);
	if (err == EM_OK && line->file != NULL)
		err = open_file(out, line, fault);
	if (err != EM_OK)
		give_back(out);
	return err;
}

void
out_page(struct out *out)
{
	int fd;

	CHECK(out->text.n == 0 && out->pager == 0);
	if (!out->terminal || out->owned)
		return;
	out->pager = pager_start(out->fd, &fd);
	if (out->pager == 0)
		return;
	out->fd = fd;
	out->owned = true;
}

static void
write_all(struct out *out, const char *p, size_t n)
{
	while (n > 0 && out->err == EM_OK) {
		ssize_t did = write(out->fd, p, n);

		if (did >= 0) {
			p += did;
			n -= (size_t)did;
		} else if (errno != EINTR) {
			out->saved_errno = errno;
			out->err = errno == EPIPE ? EM_CANCELLED : EM_IO;
		}
	}
}

/* Does this line, ended by a NUL here, pass all greps? */
static bool
passes(const struct out *out, const char *text)
{
	for (size_t i = 0; i < out->n_greps; i++) {
		bool hit = regexec(&out->greps[i], text, 0, NULL, 0) == 0;

		if (hit == out->grep_rules[i].invert)
			return false;
	}
	return true;
}

/* Writes the lines that pass; without @last an unfinished one waits. */
static void
write_grepped(struct out *out, bool last)
{
	char *p = out->text.p, *end = p + out->text.n;
	size_t left;

	while (p < end) {
		char *nl = memchr(p, '\n', (size_t)(end - p));

		if (nl == NULL && !last)
			break;
		if (nl != NULL)
			*nl = '\0';
		if (passes(out, p)) {
			write_all(out, p, strlen(p));
			write_all(out, "\n", 1);
		}
		p = nl != NULL ? nl + 1 : end;
	}
	left = (size_t)(end - p);
	if (left > 0)
		memmove(out->text.p, p, left);
	str_cut(&out->text, left);
}

static em_err
write_text(struct out *out, bool last)
{
	if (out->text.n == 0 || out->held)
		return out->err;
	if (out->n_greps > 0) {
		write_grepped(out, last);
	} else {
		write_all(out, out->text.p, out->text.n);
		str_reset(&out->text);
	}
	return out->err;
}

em_err
out_flush(struct out *out)
{
	return write_text(out, false);
}

void
out_turn(struct out *out)
{
	if (out->text.n >= OUT_MUCH)
		(void)out_flush(out);
}

em_err
out_close(struct out *out, struct fault *fault)
{
	em_err err;

	out->held = false;
	err = write_text(out, true);
	if (err == EM_IO)
		fault_set(fault, EM_IO, "cannot write the answer: %s",
		    strerror(out->saved_errno));
	give_back(out);
	if (out->pager > 0)
		pager_wait(out->pager);
	out->pager = 0;
	return err == EM_IO ? err : EM_OK;
}
