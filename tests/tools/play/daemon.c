/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon: starting emqxd and finding out where it listens: its port is that of the
 * listening socket among its descriptors, told by /proc.
 */
#include "tests/tools/play/daemon.h"
#include "tests/tools/play/peer.h"
#include "ipc/base/num.h"
#include "ipc/base/str.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *
path_in(const struct daemon *d, const char *name)
{
	struct str path = { NULL, 0, 0 };

	str_addf(&path, "%s/%s", d->folder, name);
	return str_take(&path);
}

/* The line with the folder's name for each {folder}. */
static void
print_line(const struct daemon *d, struct slice line, FILE *file)
{
	const struct slice place = SLICE_LIT("{folder}");

	for (; line.n > 0; line = slice_from(line, 1)) {
		if (slice_starts(line, place)) {
			fputs(d->folder, file);
			line = slice_from(line, place.n - 1);
		} else
			fputc(line.p[0], file);
	}
	fputc('\n', file);
}

/* The script's "file NAME LINE" lines. */
static em_err
write_files(const struct daemon *d, const slice_vec *lines)
{
	em_err err = EM_OK;

	for (size_t i = 0; i < lines->n && err == EM_OK; i++) {
		struct slice rest = lines->p[i], name = script_word(&rest);
		char *text = mem_dup(name.p, name.n), *path = path_in(d, text);
		FILE *file = fopen(path, "ae");

		while (rest.n > 0 && rest.p[0] == ' ')
			rest = slice_from(rest, 1);
		if (file == NULL)
			err = err_from_errno(errno);
		else
			print_line(d, rest, file);
		if (file != NULL && fclose(file) != 0)
			err = EM_IO;
		mem_free(text);
		mem_free(path);
	}
	return err;
}

static em_err
write_config(const struct daemon *d, const struct script *s, struct fault *fault)
{
	char *path = path_in(d, "emqx.conf");
	em_err err = write_files(d, &s->files);
	FILE *file = fopen(path, "we");

	if (err != EM_OK || file == NULL) {
		err = err != EM_OK ? err : err_from_errno(errno);
		goto out;
	}
	fprintf(file,
	    "node.name = \"play@127.0.0.1\"\nnode.data_dir = \"%s/data\"\n"
	    "ctl.socket = \"%s/ctl.sock\"\nlisteners.tcp.default.bind = "
	    "\"127.0.0.1:0\"\n",
	    d->folder, d->folder);
	for (size_t i = 0; i < s->config.n; i++)
		print_line(d, s->config.p[i], file);
	if (fclose(file) != 0)
		err = EM_IO;
out:
	if (err != EM_OK)
		fault_set(fault, err, "%s: %s", path, err_text(err));
	mem_free(path);
	return err;
}

static int
open_in(const struct daemon *d, const char *name)
{
	char *path = path_in(d, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	mem_free(path);
	return fd;
}

/* The child: dies with the runner. */
EM_NORETURN static void
become(const char *program, const char *conf, int out, int err)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	execl(program, program, "foreground", "-c", conf, (char *)NULL);
	fprintf(stderr, "%s: %s\n", program, strerror(errno));
	_exit(127);
}

/* Has the file the line "emqxd ready"? */
static bool
is_ready(const struct daemon *d)
{
	char *path = path_in(d, "out");
	FILE *file = fopen(path, "re");
	char line[256];
	bool found = false;

	while (file != NULL && !found && fgets(line, sizeof line, file) != NULL)
		found = strcmp(line, "emqxd ready\n") == 0;
	if (file != NULL)
		fclose(file);
	mem_free(path);
	return found;
}

bool
daemon_is_gone(struct daemon *d)
{
	return d->pid == 0 || waitpid(d->pid, NULL, WNOHANG) == d->pid;
}

/* ---- where it listens */

/* For other nodes; the kernel gives no listener a port that low. */
#define CLUSTER_PORT 4370

/* Is the socket with this inode one of the daemon's? */
static bool
has_socket(const struct daemon *d, unsigned long inode)
{
	char folder[64], want[64], path[400], link[64];
	const struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(folder, sizeof folder, "/proc/%d/fd", (int)d->pid);
	snprintf(want, sizeof want, "socket:[%lu]", inode);
	dir = opendir(folder);
	while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
		ssize_t n;

		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		n = readlink(path, link, sizeof link - 1);
		link[n > 0 ? n : 0] = '\0';
		found = strcmp(link, want) == 0;
	}
	if (dir != NULL)
		closedir(dir);
	return found;
}

static unsigned
find_port(const struct daemon *d)
{
	FILE *file = fopen("/proc/net/tcp", "re");
	char line[512];
	unsigned port, state, found = 0;
	unsigned long inode;

	while (file != NULL && found == 0 && fgets(line, sizeof line, file) != NULL) {
		/* sl local:port remote state queues timer retransmits uid timeout inode */
		if (sscanf(line, " %*s %*8x:%x %*s %x %*s %*s %*s %*s %*s %lu", &port,
			&state, &inode) != 3)
			continue;
		if (state == 0x0a && port != CLUSTER_PORT && has_socket(d, inode))
			found = port;
	}
	if (file != NULL)
		fclose(file);
	return found;
}

/* ---- its life */

/* What it said before it ended. */
static em_err
tell(const struct daemon *d, struct fault *fault, const char *what)
{
	char *path = path_in(d, "err");
	FILE *file = fopen(path, "re");
	char text[4000];
	size_t n = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;

	text[n] = '\0';
	if (file != NULL)
		fclose(file);
	mem_free(path);
	return fault_set(fault, EM_FAILED, "emqxd %s\n%s", what, text);
}

em_err
daemon_start(
    struct daemon *d, const char *program, const struct script *s, struct fault *fault)
{
	mono_t deadline = mono_add(span_mono_now(), span_ns(3 * peer_patience().ns));
	const char *tmp = getenv("TMPDIR");
	struct str folder = { NULL, 0, 0 };
	char *conf = NULL;
	int out, err;

	str_addf(&folder, "%s/play-XXXXXX", tmp != NULL ? tmp : "/tmp");
	*d = (struct daemon){ .folder = str_take(&folder) };
	if (mkdtemp(d->folder) == NULL)
		return fault_set(fault, EM_IO, "%s: %s", d->folder, strerror(errno));
	if (write_config(d, s, fault) != EM_OK)
		return fault->err;
	conf = path_in(d, "emqx.conf");
	out = open_in(d, "out");
	err = open_in(d, "err");
	d->pid = fork();
	if (d->pid == 0)
		become(program, conf, out, err);
	close(out);
	close(err);
	mem_free(conf);
	while (!is_ready(d)) {
		bool is_late = span_mono_now().ns > deadline.ns;

		if (is_late || daemon_is_gone(d)) {
			d->pid = is_late ? d->pid : 0;
			return tell(
			    d, fault, is_late ? "does not get ready" : "ended at once");
		}
		poll(NULL, 0, 5);
	}
	d->port = find_port(d);
	return d->port != 0 ? EM_OK : tell(d, fault, "listens nowhere");
}

static void
remove_folder(struct daemon *d)
{
	struct str command = { NULL, 0, 0 };

	/* The name is ours: no character in it is special. */
	str_addf(&command, "rm -rf '%s'", d->folder);
	if (system(str_get(&command)) != 0)
		fprintf(stderr, "%s: not removed\n", d->folder);
	str_fini(&command);
	MEM_FREE(d->folder);
}

em_err
daemon_stop(struct daemon *d, struct fault *fault)
{
	mono_t deadline = mono_add(span_mono_now(), span_ns(3 * peer_patience().ns));
	em_err err = EM_OK;
	int status = 0;
	pid_t got = 0;

	if (d->pid == 0) {
		if (d->folder != NULL)
			remove_folder(d);
		return EM_OK;
	}
	kill(d->pid, SIGTERM);
	while ((got = waitpid(d->pid, &status, WNOHANG)) == 0 &&
	       span_mono_now().ns < deadline.ns)
		poll(NULL, 0, 5);
	if (got == 0) {
		kill(d->pid, SIGKILL);
		waitpid(d->pid, NULL, 0);
		err = tell(d, fault, "did not end after SIGTERM");
	} else if (status != 0)
		err = tell(d, fault, "ended, but not with status 0");
	d->pid = 0;
	remove_folder(d);
	return err;
}
