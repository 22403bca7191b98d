/* SPDX-License-Identifier: Apache-2.0 */
/* secrets: see secrets.h. */
#include "ctl/secrets.h"
#include "ctl/files.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"

#include <fcntl.h>
#include <unistd.h>

static em_err
read_fd(int fd, const char *name, struct str *out, struct fault *f)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof buf)) > 0) {
		str_add_bytes(out, buf, (size_t)n);
		if (out->n > SECRETS_MAX)
			return fault_set(
			    f, EM_TOOBIG, "%s is over %u bytes", name, SECRETS_MAX);
	}
	return n < 0 ? files_fault(f, "read", name) : EM_OK;
}

static em_err
read_file(const char *name, struct str *out, struct fault *f)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	em_err err;

	if (fd < 0)
		return files_fault(f, "read", name);
	err = read_fd(fd, name, out, f);
	close(fd);
	return err;
}

static em_err
read_one(
    struct params *params, const struct cmd_arg *arg, struct slice word, struct fault *f)
{
	char *name = mem_dup(word.p, word.n);
	struct str text = { 0 };
	em_err err = word.p[0] == '@' ? read_file(name + 1, &text, f)
				      : read_fd(STDIN_FILENO, "standard input", &text, f);

	if (err == EM_OK) {
		if (text.n > 0 && text.p[text.n - 1] == '\n')
			str_cut(&text, text.n - 1);
		params_drop(params, arg->name);
		err = params_add_word(params, arg, str_slice(&text), f);
	}
	if (text.n > 0)
		explicit_bzero(text.p, text.n);
	str_fini(&text);
	mem_free(name);
	return err;
}

em_err
secrets_read(struct params *params, struct fault *f)
{
	em_err err = EM_OK;

	/* What is read goes to the end, and is not looked at again. */
	for (size_t i = 0, n = params->v.n; i < n && err == EM_OK;) {
		const struct param *p = &params->v.p[i];

		if (p->arg->type != CT_SECRET || p->text.n == 0 ||
		    (p->text.p[0] != '@' && !slice_eq_str(p->text, "-"))) {
			i++;
			continue;
		}
		n--;
		err = read_one(params, p->arg, p->text, f);
	}
	return err;
}
