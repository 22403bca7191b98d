/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script: cuts a file into lines, words and scenarios; what the words mean is
 * for the player to judge.
 */
#include "tests/tools/play/script.h"
#include "tests/tools/play/fields.h"
#include <errno.h>
#include <stdio.h>

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct slice
trim(struct slice s)
{
	while (s.n > 0 && is_blank(s.p[0]))
		s = slice_from(s, 1);
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* Blanks inside quotes and parentheses part nothing. */
struct slice
script_word(struct slice *rest)
{
	bool is_quoted = false, is_paren = false;
	size_t n = 0;
	struct slice word;

	*rest = trim(*rest);
	for (; n < rest->n; n++) {
		uint8_t c = rest->p[n];

		if (is_quoted && c == '\\')
			n++;
		else if (c == '"')
			is_quoted = !is_quoted;
		else if (!is_quoted && (c == '(' || c == ')'))
			is_paren = c == '(';
		else if (!is_quoted && !is_paren && is_blank(c))
			break;
	}
	word = slice_head(*rest, n);
	*rest = slice_from(*rest, n);
	if (word.n > 1 && word.p[word.n - 1] == ',')
		word.n--;
	return word;
}

static struct slice
next_line(struct slice *rest)
{
	const uint8_t *end = rest->n > 0 ? memchr(rest->p, '\n', rest->n) : NULL;
	struct slice line = *rest;

	if (end != NULL)
		line.n = (size_t)(end - rest->p);
	*rest = slice_from(*rest, line.n + 1);
	return trim(line);
}

static em_err
read_versions(struct scenario *s, struct slice words, struct fault *fault)
{
	struct slice word;

	while ((word = script_word(&words)).n > 0) {
		unsigned v = fields_version(word);

		if (v == 0)
			return fault_set(fault, EM_USAGE,
			    "'%.*s' is no version: 3.1, 3.1.1 or 5", SLICE_FMT(word));
		s->versions |= 1u << v;
	}
	return EM_OK;
}

static void
read_tags(struct scenario *s, struct slice words)
{
	struct slice word;

	while ((word = script_word(&words)).n > 0)
		VEC_ADD(&s->tags, word);
}

static void
read_step(struct scenario *s, struct slice text, unsigned number)
{
	struct script_line *line = VEC_PUSH(&s->lines);
	struct slice rest = text;
	struct slice word;

	*line = (struct script_line){ .number = number, .text = text };
	while ((word = script_word(&rest)).n > 0)
		VEC_ADD(&line->words, word);
}

static em_err
read_line(struct script *s, struct slice line, unsigned number, struct fault *fault)
{
	struct scenario *now =
	    s->scenarios.n > 0 ? &s->scenarios.p[s->scenarios.n - 1] : NULL;
	const struct slice scenario = SLICE_LIT("scenario "),
			   config = SLICE_LIT("config "), file = SLICE_LIT("file "),
			   version = SLICE_LIT("for version ");

	if (line.n == 0 || line.p[0] == '#')
		return EM_OK;
	if (slice_starts(line, scenario)) {
		*VEC_PUSH(&s->scenarios) =
		    (struct scenario){ .title = trim(slice_from(line, scenario.n)),
			    .number = number };
		return EM_OK;
	}
	if (slice_starts(line, config) && now == NULL) {
		VEC_ADD(&s->config, trim(slice_from(line, config.n)));
		return EM_OK;
	}
	if (slice_starts(line, file) && now == NULL) {
		VEC_ADD(&s->files, trim(slice_from(line, file.n)));
		return EM_OK;
	}
	if (now == NULL)
		return fault_set(fault, EM_USAGE,
		    "before the first scenario there are only config and file lines");
	if (slice_starts(line, version))
		return read_versions(now, slice_from(line, version.n), fault);
	if (slice_starts(line, SLICE_LIT("[MQTT")))
		read_tags(now, line);
	else
		read_step(now, line, number);
	return EM_OK;
}

static em_err
read_text(const char *path, char **text, size_t *n)
{
	FILE *file = fopen(path, "re");
	struct str all = { NULL, 0, 0 };
	char part[4096];
	size_t got;
	em_err err;

	if (file == NULL)
		return err_from_errno(errno);
	while ((got = fread(part, 1, sizeof part, file)) > 0)
		str_add_bytes(&all, part, got);
	err = ferror(file) ? EM_IO : EM_OK;
	fclose(file);
	*n = all.n;
	*text = str_take(&all);
	return err;
}

em_err
script_read(struct script *s, const char *path, struct fault *fault)
{
	struct slice rest = SLICE_NONE;
	unsigned number = 0;
	em_err err;

	*s = (struct script){ .path = mem_strdup(path) };
	err = read_text(path, &s->text, &rest.n);
	if (err != EM_OK)
		return fault_set(fault, err, "%s: %s", path, err_text(err));
	rest.p = (const uint8_t *)s->text;
	while (rest.n > 0 && err == EM_OK) {
		number++;
		err = read_line(s, next_line(&rest), number, fault);
	}
	if (err != EM_OK)
		return fault_wrap(fault, "%s:%u", path, number);
	if (s->scenarios.n == 0)
		return fault_set(fault, EM_USAGE, "%s: no scenario", path);
	return EM_OK;
}

static void
scenario_fini(struct scenario *s)
{
	for (size_t i = 0; i < s->lines.n; i++)
		VEC_FINI(&s->lines.p[i].words);
	VEC_FINI(&s->lines);
	VEC_FINI(&s->tags);
}

void
script_fini(struct script *s)
{
	for (size_t i = 0; i < s->scenarios.n; i++)
		scenario_fini(&s->scenarios.p[i]);
	VEC_FINI(&s->scenarios);
	VEC_FINI(&s->config);
	VEC_FINI(&s->files);
	MEM_FREE(s->path);
	MEM_FREE(s->text);
}
