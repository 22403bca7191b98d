/* SPDX-License-Identifier: Apache-2.0 */
/*
 * help_topic: what concerns all commands, for `help TOPIC` and the manual page.
 */
#include "ctl/help.h"

const struct help_topic help_topics[] = {
	{ "codes", "exit codes",
	    "0    done\n"
	    "1    refused or failed\n"
	    "2    wrong usage; nothing was sent\n"
	    "3    not found\n"
	    "4    the daemon cannot be reached\n"
	    "5    not permitted\n"
	    "6    timed out\n"
	    "7    partly done\n"
	    "8    conflict: already there, or busy\n"
	    "130  interrupted\n"
	    "\n"
	    "status alone differs: 0 ready, 1 booting or draining, 3 not running,\n"
	    "4 running but not answering or not permitted.\n" },
	{ "filter", "expressions for --filter",
	    "Keeps the rows for which an expression over the columns is true.\n"
	    "\n"
	    "  mqueue_len > 100\n"
	    "  username like 'x*' and not connected\n"
	    "  (qos = 0 or qos = 1) and topic like 't/*'\n"
	    "\n"
	    "Comparisons: = != < <= > >=, like (* and ? stand for any text, any\n"
	    "character), in (a, b), is null; joined by and, or, not and brackets.\n"
	    "Spans, sizes and times may have units: keepalive > 5m, size > 1MB,\n"
	    "connected_at > '10m ago'. A text that is not one word stands in quotes.\n"
	    "The daemon filters, so rows that are not wanted do not travel.\n" },
	{ "output", "how answers look",
	    "On a terminal: tables, or blocks of \"key : value\" lines; long texts are\n"
	    "shortened (--no-trunc) and some columns left out (--wide does neither).\n"
	    "Behind the shell's | and > it is the same, whole. In a pipe:\n"
	    "the line shapes of EMQX 5.8, with --compat 4.4 those of 4.4.\n"
	    "\n"
	    "  -o table    columns under a head          -o wide   all columns\n"
	    "  -o detail   a block for each row          -o name   the first column "
	    "alone\n"
	    "  -o json     an array, or one object       -o jsonl  an object a line\n"
	    "  -o csv      RFC 4180                      -o classic  as in a pipe\n"
	    "\n"
	    "JSON keys are the names of the columns. Times are RFC 3339, in the local\n"
	    "zone unless --utc; spans are seconds, sizes bytes. Bytes that a client\n"
	    "chose are escaped (\\x1b), in csv a text that begins with = + - or @ gets\n"
	    "an apostrophe before it. emqx_ctl-output(7) lists all columns.\n" },
	{ "shell", "the interactive shell",
	    "emqx_ctl without words on a terminal opens it.\n"
	    "\n"
	    "  Tab             completes, also names that the daemon knows\n"
	    "  ?               explains what may stand here\n"
	    "  cli l           commands may be shortened as long as they stay unique\n"
	    "  ... | grep [-iv] TEXT     only these lines of the answer\n"
	    "  ... > FILE, >> FILE       into a file; both take what is seen, whole\n"
	    "  'a b' \"a b\" a\\ b          one word; an open quote or a \\ at the end "
	    "of a\n"
	    "                            line goes on in the next\n"
	    "  Ctrl-C          cancels the running command, or drops the line\n"
	    "  Ctrl-D, quit    leaves\n"
	    "\n"
	    "Lines are kept in $XDG_STATE_HOME/emqx_ctl/history, never those with a\n"
	    "secret. The prompt names the node, and says so while it is away.\n"
	    "emqx_ctl -f FILE and emqx_ctl - run the lines of a file or of standard\n"
	    "input; they stop at the first error unless -k.\n" },
	{ NULL, NULL, NULL },
};
