/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd: the table of commands.  One row a command (ipc/cmd, the .def files),
 * declared once; words are parsed, help, completion and pages are printed, rights are
 * checked and rows are rendered from it, in both programs.
 *
 * The rows are included with different meanings of CMD and CMD_LOCAL: here as
 * enum cmd_id, in cmd.c as the table, in the daemon as the list of handlers
 * (CMD_LOCAL rows run in the tool alone; the daemon expands them to nothing).
 * Everything is constant; any thread.
 */
#ifndef IPC_CMD_H
#define IPC_CMD_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"

typedef enum cmd_id {
#define CMD(id_, ...) CMD_##id_,
#define CMD_LOCAL(id_, ...) CMD_##id_,
#include "ipc/cmd/all.def"
#undef CMD
#undef CMD_LOCAL
	CMD_N
} cmd_id;

/* What a word, an option's value or a cell is.  Words travel as they were typed, cells by
 * the form of their type. */
typedef enum cmd_type {
	CT_TEXT,
	CT_INT,
	CT_LIMIT,    /* an int; INT64_MAX is "infinity" */
	CT_NUMBER,   /* with a fraction */
	CT_BOOL,     /* true or false */
	CT_FLAG,     /* an option without a value */
	CT_SPAN,     /* a length of time; SPAN_INFINITE is "infinity" */
	CT_TIME,     /* wall clock; columns only */
	CT_BYTES,    /* a size */
	CT_ENUM,     /* one of values */
	CT_CLIENTID, /* from here to HANDLER: the daemon knows candidates */
	CT_USERNAME,
	CT_TOPIC,    /* a name: no wildcard */
	CT_FILTER,   /* with wildcards, $share/ ... */
	CT_LISTENER, /* "tcp:default", also "mqtt:tcp:external" */
	CT_NODE,
	CT_MEMBER, /* another node than the one that is asked */
	CT_TRACED, /* what the trace type before it says: client id, filter, address or network */
	CT_CONF,    /* path of a configuration key */
	CT_LOGROOM, /* a room of the daemon, as the log names it */
	CT_HANDLER, /* a log handler */
	CT_COLUMN,  /* of this command; "-name" where it sorts */
	CT_COLUMNS, /* several, with commas */
	CT_EXPR,    /* a filter expression over columns */
	CT_COMMAND, /* words of a command */
	CT_ADDR,    /* "127.0.0.1:1883" */
	CT_INFILE,  /* a file that the caller names and the tool opens for reading */
	CT_OUTFILE, /* ... for appending; the descriptor travels (params.h) */
	CT_SECRET,  /* never kept, never printed */
	CT_COUNTS,  /* columns only: ends of connections by reason and side (row.h) */
	CMD_TYPE_N
} cmd_type;

/* What stands in a cell; most types are text of some meaning. */
typedef enum cmd_form {
	CF_TEXT,
	CF_INT,
	CF_LIMIT,  /* an int */
	CF_BYTES,  /* an int */
	CF_SPAN,   /* an int of nanoseconds */
	CF_TIME,   /* an int of nanoseconds */
	CF_NUMBER, /* an int or a double */
	CF_BOOL,
	CF_COUNTS, /* a list (row.h) */
} cmd_form;

enum cmd_flag {
	CMDF_READ = 1 << 0,   /* changes nothing */
	CMDF_WRITE = 1 << 1,  /* changes something; logged */
	CMDF_STREAM = 1 << 2, /* many rows, under credit */
	CMDF_LIST =
	    1 << 3, /* takes cmd_list_opts: --filter --sort --limit --after --columns */
	CMDF_WATCH = 1 << 4,  /* takes --watch */
	CMDF_HIDDEN = 1 << 5, /* not in help and completion */
	CMDF_SHELL = 1 << 6,  /* only in the shell */
	CMDF_RAW = 1 << 7,    /* what follows is taken as words, options too */
	CMDF_WHOLE = 1 << 9,  /* a list of all nodes, unless --node names one */
	CMDF_NODES = 1 << 8,  /* takes cmd_node_opts, as every list does */
};

enum cmd_arg_flag {
	ARGF_OPTIONAL = 1 << 0, /* options are so by nature */
	ARGF_REPEAT = 1 << 1, /* the last argument: one or more words; an option: again */
	ARGF_WRITES = 1 << 2, /* when given, a READ command needs the rights of WRITE */
	ARGF_MAYVALUE =
	    1 << 3,        /* an option that has its value only after '=': --watch[=2s] */
	ARGF_YES = 1 << 4, /* when given, a dangerous command needs --yes */
};

/* Asks on a terminal; without one EMQX's own forms run as ever, and only what its tool does
 * not have needs --yes: MANY of several values, ASK with an ARGF_YES (CTL.md 7). */
enum cmd_danger {
	DANGER_NONE,
	DANGER_MANY, /* when several things are named */
	DANGER_ASK,
};

/* What a change reaches and how long it stays: said after each changing command. */
enum cmd_scope {
	SCOPE_NONE,
	SCOPE_NODE_RESTART, /* this node, until its restart */
	SCOPE_NODE_KEPT,
	SCOPE_CLUSTER,
};

/* How rows look on a terminal unless -o says otherwise. */
enum cmd_shape {
	SHAPE_TABLE,
	SHAPE_BLOCKS, /* a block of "key : value" lines for each row */
	SHAPE_PAIRS,  /* rows are name and value */
	SHAPE_TEXT,   /* the first column, as it is, a line a row */
	SHAPE_SAID,   /* the sentence of cmd.said for each row */
};

/* An argument or an option. */
struct cmd_arg {
	const char *name; /* "clientid"; options without the dashes */
	char letter;      /* short form of a global option: 'o', else 0 */
	cmd_type type;
	unsigned flags;            /* ARGF_ */
	const char *const *values; /* CT_ENUM: NULL at the end */
	int64_t min, max;          /* CT_INT, when max > min */
	const char *dflt; /* what applies when it is missing, as text for help; or NULL */
	const char *help;
};

struct cmd_col {
	const char *name;
	cmd_type type;
	bool wide; /* shown in a table only with --wide */
	const char *help;
};

struct cmd {
	cmd_id id;
	bool local;       /* a CMD_LOCAL: runs in the tool alone */
	const char *path; /* "clients list" */
	const char *const
	    *aliases;   /* other paths with the same meaning, NULL at the end; or NULL */
	unsigned flags; /* CMDF_ */
	enum cmd_danger dangerous;
	enum cmd_scope scope;
	enum cmd_shape shape;
	const struct cmd_arg *args; /* name == NULL at the end; or NULL */
	const struct cmd_arg *opts;
	const struct cmd_col *cols;
	const char *summary; /* one line, no full stop */
	const char *detail;  /* paragraphs, or NULL */
	const char *example; /* one line that works */
	const char *said;    /* SHAPE_SAID: template of the sentence */
	const char *would;   /* the same of a --dry-run; NULL: it has none */
	/* EMQX's line shapes, templates as template.h says: of 5.8, and of 4.4 where that one
	 * differs (else NULL); what is printed when there is no row (or NULL: nothing). */
	const char *classic, *classic44, *classic_none;
};

#define ARGS(...) ((const struct cmd_arg[]){ __VA_ARGS__, { .name = NULL } })
#define COLS(...) ((const struct cmd_col[]){ __VA_ARGS__, { .name = NULL } })
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

#define CMD_ARGS_MAX 16 /* arguments of a command; a unit test holds the rows to these */
#define CMD_COLS_MAX 40
#define CMD_PATH_WORDS 3

/* The row of an id.  cmd_get(i) for i in 0..CMD_N-1 iterates, sorted as all.def is. */
const struct cmd *cmd_get(cmd_id id);
/* The row whose path or alias is @path exactly ("topics list"), or NULL. */
const struct cmd *cmd_find(struct slice path);
/* The row with the longest path or alias that starts @words; *@used is how many of them
 * it took.  @abbrev: as cmd_expand reads them.  NULL: none; *@used is then how many words
 * lead somewhere ("clients" in "clients lsit"). */
const struct cmd *cmd_match(
    const struct slice *words, size_t n, bool abbrev, size_t *used);
/* The path words that the first of @words stand for when each may be shortened: writes at
 * most CMD_PATH_WORDS to @full and returns how many. */
size_t cmd_expand(const struct slice *words, size_t n, struct slice *full);
/* The next words that may follow @words in a path (each once, hidden ones left out, those
 * of the shell only with @shell); writes at most @max to @out and returns how many. */
size_t cmd_next_words(
    const struct slice *words, size_t n, bool shell, struct slice *out, size_t max);

/* Options for all rows with CMDF_LIST, with CMDF_WATCH, for those that other nodes can be
 * asked, and those of the tool itself
 * (anywhere on the line); name == NULL at the end. */
extern const struct cmd_arg cmd_list_opts[];
extern const struct cmd_arg cmd_watch_opts[];
extern const struct cmd_arg cmd_node_opts[];
extern const struct cmd_arg cmd_tool_opts[];

/* An argument or an option (own, list, watch; not the tool's) of @cmd, or NULL. */
const struct cmd_arg *cmd_find_arg(const struct cmd *cmd, struct slice name);
const struct cmd_arg *cmd_find_opt(const struct cmd *cmd, struct slice name);
/* Can it be asked of other nodes (--node, --all-nodes)?  Then its rows have a column
 * "node". */
bool cmd_takes_nodes(const struct cmd *cmd);
/* One of the tool's: by name or letter. */
const struct cmd_arg *cmd_find_tool_opt(struct slice name, char letter);
/* Index of a column, or -1. */
int cmd_find_col(const struct cmd *cmd, struct slice name);
size_t cmd_n_args(const struct cmd *cmd);
size_t cmd_n_cols(const struct cmd *cmd);

/* "clientid", "time": names of the types in docs and in JSON schemas. */
const char *cmd_type_name(cmd_type t);
/* The type that has this name; EM_NOTFOUND. */
EM_MUST_USE em_err cmd_type_find(struct slice name, cmd_type *out);
cmd_form cmd_type_form(cmd_type t);
/* Does the daemon know candidates of this type? */
bool cmd_type_is_live(cmd_type t);
/* "this node, until its restart", or NULL. */
const char *cmd_scope_text(enum cmd_scope scope);

/* "clients kick <clientid>...", "log primary-level [<level>]". */
struct str;
void cmd_usage(const struct cmd *cmd, struct str *out);

/* A number for what a row means on the wire (path, arguments, columns with their types),
 * and for the whole table: equal when two builds understand each other. */
uint64_t cmd_hash(const struct cmd *cmd);
uint64_t cmd_table_hash(void);

#endif
