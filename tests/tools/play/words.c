/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words: a word is put together of pieces: bare text, "quoted text", {variables},
 * hex(00ff) and bytes(1000), which is a pattern of that length.
 */
#include "tests/tools/play/words.h"
#include "ipc/base/num.h"

void
variables_set(struct variables *v, struct slice name, struct slice value)
{
	mem_free(map_put(&v->all, name,
	    mem_dup(value.p != NULL ? value.p : (const uint8_t *)"", value.n)));
}

void
variables_fini(struct variables *v)
{
	size_t at = 0;
	void *value;

	while (map_next(&v->all, &at, NULL, &value))
		mem_free(value);
	map_fini(&v->all);
}

/* The text before @stop, which is dropped with it; false without a stop. */
static bool
take_until(struct slice *rest, char stop, struct slice *out)
{
	const uint8_t *end = rest->n > 0 ? memchr(rest->p, stop, rest->n) : NULL;

	if (end == NULL)
		return false;
	*out = slice_head(*rest, (size_t)(end - rest->p));
	*rest = slice_from(*rest, out->n + 1);
	return true;
}

static em_err
add_variable(
    struct str *out, const struct variables *v, struct slice *rest, struct fault *fault)
{
	struct slice name;
	const char *value;

	if (!take_until(rest, '}', &name))
		return fault_set(fault, EM_USAGE, "a { without its }");
	value = map_find(&v->all, name);
	if (value == NULL)
		return fault_set(
		    fault, EM_USAGE, "{%.*s} has no value yet", SLICE_FMT(name));
	str_add(out, value);
	return EM_OK;
}

static em_err
add_hex(struct str *out, struct slice digits, struct fault *fault)
{
	uint32_t byte;

	if (digits.n % 2 != 0)
		return fault_set(fault, EM_USAGE, "hex: an odd number of digits");
	for (; digits.n > 0; digits = slice_from(digits, 2)) {
		char text[4] = { '0', 'x', (char)digits.p[0], (char)digits.p[1] };

		if (fields_number(slice_of(text, 4), &byte) != EM_OK)
			return fault_set(fault, EM_USAGE, "hex: no digits");
		str_add_char(out, (char)byte);
	}
	return EM_OK;
}

static em_err
add_pattern(struct str *out, struct slice count, struct fault *fault)
{
	uint64_t n;

	if (num_parse_u64(count, &n) != EM_OK || n > MQTT_LEN_MAX)
		return fault_set(fault, EM_USAGE, "bytes: '%.*s' is no number of bytes",
		    SLICE_FMT(count));
	while (n >= 10) {
		str_addf(out, "%09zu ", out->n);
		n -= 10;
	}
	while (n-- > 0)
		str_add_char(out, '-');
	return EM_OK;
}

/* hex(...) or bytes(...) */
static em_err
add_made(struct str *out, const struct variables *v, struct slice *rest, bool is_hex,
    struct fault *fault)
{
	struct slice inner;
	struct str text = { NULL, 0, 0 };
	em_err err = EM_OK;

	if (!take_until(rest, ')', &inner))
		return fault_set(fault, EM_USAGE, "a ( without its )");
	while (inner.n > 0 && err == EM_OK) {
		uint8_t c = inner.p[0];

		inner = slice_from(inner, 1);
		if (c == '{')
			err = add_variable(&text, v, &inner, fault);
		else if (c != ' ')
			str_add_char(&text, (char)c);
	}
	if (err == EM_OK)
		err = is_hex ? add_hex(out, str_slice(&text), fault)
			     : add_pattern(out, str_slice(&text), fault);
	str_fini(&text);
	return err;
}

static em_err
add_escape(struct str *out, struct slice *rest, struct fault *fault)
{
	uint8_t c = rest->n > 0 ? rest->p[0] : 0;
	struct slice digits;

	*rest = slice_from(*rest, 1);
	switch (c) {
	case 'n': str_add_char(out, '\n'); return EM_OK;
	case 't': str_add_char(out, '\t'); return EM_OK;
	case '\\':
	case '"':
	case '{': str_add_char(out, (char)c); return EM_OK;
	case 'x':
		digits = slice_head(*rest, 2);
		*rest = slice_from(*rest, 2);
		return add_hex(out, digits, fault);
	}
	return fault_set(
	    fault, EM_USAGE, "an escape that is none: \\n \\t \\\\ \\\" \\{ \\xNN");
}

static em_err
add_pieces(
    struct str *out, const struct variables *v, struct slice rest, struct fault *fault)
{
	const struct slice hex = SLICE_LIT("hex("), bytes = SLICE_LIT("bytes(");
	bool is_quoted = false;
	em_err err = EM_OK;

	while (rest.n > 0 && err == EM_OK) {
		uint8_t c = rest.p[0];

		if (!is_quoted &&
		    (slice_starts(rest, hex) || slice_starts(rest, bytes))) {
			bool is_hex = slice_starts(rest, hex);

			rest = slice_from(rest, is_hex ? hex.n : bytes.n);
			err = add_made(out, v, &rest, is_hex, fault);
			continue;
		}
		rest = slice_from(rest, 1);
		if (c == '"')
			is_quoted = !is_quoted;
		else if (c == '{')
			err = add_variable(out, v, &rest, fault);
		else if (c == '\\' && is_quoted)
			err = add_escape(out, &rest, fault);
		else
			str_add_char(out, (char)c);
	}
	return err;
}

/* "name=": how many bytes; 0 when the word is a value alone. */
static size_t
name_length(struct slice raw)
{
	size_t n = 0;

	while (n < raw.n && ((raw.p[n] >= 'a' && raw.p[n] <= 'z') || raw.p[n] == '_'))
		n++;
	return n > 0 && n < raw.n && raw.p[n] == '=' ? n : 0;
}

/* The whole value is {x}, which has none yet. */
static bool
is_capture(const struct variables *v, struct slice value, struct slice *name)
{
	if (value.n < 3 || value.p[0] != '{' ||
	    memchr(value.p, '}', value.n) != value.p + value.n - 1)
		return false;
	*name = slice_from(slice_head(value, value.n - 1), 1);
	return map_find(&v->all, *name) == NULL;
}

em_err
words_add(
    struct words *w, const struct variables *v, struct slice raw, struct fault *fault)
{
	size_t n = name_length(raw);
	struct slice value = n > 0 ? slice_from(raw, n + 1) : raw;
	struct arg arg = { .name = slice_head(raw, n) };
	struct str text = { NULL, 0, 0 };
	em_err err = EM_OK;

	arg.is_quoted = value.n > 0 && value.p[0] == '"';
	if (!is_capture(v, value, &arg.capture)) {
		arg.capture = SLICE_NONE;
		err = add_pieces(&text, v, value, fault);
	}
	arg.value.n = text.n;
	VEC_ADD(&w->owned, str_take(&text));
	arg.value.p = (const uint8_t *)w->owned.p[w->owned.n - 1];
	VEC_ADD(&w->args, arg);
	return err;
}

void
words_put(struct words *w, const char *name, struct slice value)
{
	VEC_ADD(&w->args, ((struct arg){ .name = slice_str(name), .value = value }));
}

void
words_fini(struct words *w)
{
	for (size_t i = 0; i < w->owned.n; i++)
		mem_free(w->owned.p[i]);
	VEC_FINI(&w->owned);
	VEC_FINI(&w->args);
}

em_err
words_span(struct slice text, span_t *out, struct fault *fault)
{
	em_err err = span_parse(text, span_s(1), out);

	if (err == EM_OK)
		return EM_OK;
	return fault_set(fault, EM_USAGE, "'%.*s' is no time", SLICE_FMT(text));
}
