/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs: what is printed from the table of commands for others to read: parts of
 * the manual pages, Markdown, JSON, and the completion scripts of shells.
 */
#ifndef CTL_DOCS_H
#define CTL_DOCS_H

#include "ctl/json.h"
#include "ipc/cmd.h"

/* A part of the pages in mdoc: "commands" (also when empty), "options", "exit", "columns". */
void docs_mdoc(struct str *s, struct slice part);
void docs_markdown(struct str *s);
/* The rows whose path begins with @words, as one array. */
void docs_json(struct json *j, const struct slice *words, size_t n);
/* The script for "bash", "zsh" or "fish". */
void docs_completion(struct str *s, struct slice shell);

#endif
