/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value: text of a field to its member in a struct, and back.  A member is reached
 * by offset and size only here.
 */
#include "emqxd/conf/value.h"
#include "ipc/base/mem.h"
#include "ipc/base/num.h"
#include "emqxd/conf/field.h"
#include "emqxd/conf/tree.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

/* ---- pool and plain types */

static void *
hold(struct conf_pool *pool, void *p)
{
	VEC_ADD(&pool->held, p);
	return p;
}

char *
conf_pool_text(struct conf_pool *pool, struct slice s)
{
	return hold(pool, mem_dup(s.p, s.n));
}

void *
conf_pool_array(struct conf_pool *pool, size_t n, size_t size)
{
	return hold(pool, mem_new_array(n > 0 ? n : 1, size));
}

void
conf_pool_fini(struct conf_pool *pool)
{
	for (size_t i = 0; i < pool->held.n; i++)
		mem_free(pool->held.p[i]);
	VEC_FINI(&pool->held);
}

static int
compare_pairs(const void *a, const void *b)
{
	const struct conf_pair *x = a, *y = b;

	return slice_cmp(slice_str(x->name), slice_str(y->name));
}

bool
conf_map_find(const struct conf_map *map, struct slice name, int64_t *value)
{
	size_t low = 0, high = map->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = slice_cmp(name, slice_str(map->pair[middle].name));

		if (order == 0) {
			*value = map->pair[middle].value;
			return true;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

/* A listener binds to an address, not to whatever a name may mean today. */
static bool
is_host(const char *host, bool bracketed)
{
	struct in6_addr address;

	if (bracketed)
		return inet_pton(AF_INET6, host, &address) == 1;
	return *host == '\0' || strcmp(host, "localhost") == 0 ||
	       inet_pton(AF_INET, host, &address) == 1;
}

em_err
conf_addr_parse(struct slice s, struct conf_addr *out)
{
	struct slice host = SLICE_NONE;
	bool bracketed = s.n > 0 && s.p[0] == '[';
	uint64_t port;
	size_t n = s.n;

	*out = (struct conf_addr){ .port = 0 };
	while (n > 0 && s.p[n - 1] != ':' && s.p[n - 1] != ']')
		n--;
	if (n > 0) {
		if (s.p[n - 1] == ']')
			return EM_MALFORMED; /* no port */
		host = slice_head(s, n - 1);
	}
	if (bracketed) {
		if (host.n < 3 || host.p[host.n - 1] != ']')
			return EM_MALFORMED;
		host = slice_head(slice_from(host, 1), host.n - 2);
	}
	if (host.n >= sizeof(out->host) ||
	    num_parse_u64(slice_from(s, n), &port) != EM_OK || port > UINT16_MAX)
		return EM_MALFORMED;
	if (host.n > 0)
		memcpy(out->host, host.p, host.n);
	out->port = (uint16_t)port;
	return is_host(out->host, bracketed) ? EM_OK : EM_MALFORMED;
}

void
conf_addr_print(const struct conf_addr *addr, struct str *out)
{
	bool bracketed = strchr(addr->host, ':') != NULL;

	str_addf(out, "%s%s%s:%u", bracketed ? "[" : "", addr->host, bracketed ? "]" : "",
	    addr->port);
}

/* ---- members */

static bool
is_number(enum conf_type type)
{
	return type == CONF_INT || type == CONF_SIZE || type == CONF_PERCENT ||
	       type == CONF_RATIO || type == CONF_ENUM;
}

bool
value_field_is_sound(const struct conf_field *f)
{
	if (is_number(f->type))
		return f->size == 1 || f->size == 2 || f->size == 4 || f->size == 8;
	switch (f->type) {
	case CONF_BOOL: return f->size == sizeof(bool);
	case CONF_SPAN: return f->size == sizeof(span_t);
	case CONF_RATE: return f->size == sizeof(struct rate);
	case CONF_TEXT: return f->size == sizeof(const char *) && f->def != NULL;
	case CONF_ADDR: return f->size == sizeof(struct conf_addr);
	case CONF_LIST: return f->size == sizeof(struct conf_list);
	case CONF_MAP: return f->size == sizeof(struct conf_map) && f->def != NULL;
	case CONF_INT:
	case CONF_SIZE:
	case CONF_PERCENT:
	case CONF_RATIO:
	case CONF_ENUM: break;
	}
	return false;
}

static void
put(const struct conf_field *f, void *object, const void *value)
{
	memcpy((char *)object + f->at, value, f->size);
}

static void
get(const struct conf_field *f, const void *object, void *value)
{
	memcpy(value, (const char *)object + f->at, f->size);
}

static void
put_number(const struct conf_field *f, void *object, int64_t v)
{
	uint8_t v8 = (uint8_t)v;
	uint16_t v16 = (uint16_t)v;
	uint32_t v32 = (uint32_t)v;

	put(f, object,
	    f->size == 1   ? (const void *)&v8
	    : f->size == 2 ? (const void *)&v16
	    : f->size == 4 ? (const void *)&v32
			   : (const void *)&v);
}

static int64_t
get_number(const struct conf_field *f, const void *object)
{
	uint8_t v8;
	uint16_t v16;
	uint32_t v32;
	int64_t v;

	if (f->size == 1)
		return get(f, object, &v8), v8;
	if (f->size == 2)
		return get(f, object, &v16), v16;
	if (f->size == 4)
		return get(f, object, &v32), v32;
	return get(f, object, &v), v;
}

/* ---- reading */

static const struct conf_word *
find_word(const struct conf_word *words, struct slice text)
{
	for (const struct conf_word *w = words; w != NULL && w->text != NULL; w++) {
		if (strlen(w->text) == text.n &&
		    strncasecmp(w->text, (const char *)text.p, text.n) == 0)
			return w;
	}
	return NULL;
}

static void print_bytes(int64_t v, struct str *out);

/* "1.5MB": the number, and one of its unit. */
static bool
parse_fraction(struct slice text, int64_t *out)
{
	size_t n = 0;
	struct str one = { 0 };
	uint64_t unit = 0;
	double v;
	bool ok;

	while (n < text.n && strchr("0123456789.", text.p[n]) != NULL)
		n++;
	str_add_char(&one, '1');
	str_add_slice(&one, slice_from(text, n));
	ok = num_parse_double(slice_head(text, n), &v) == EM_OK &&
	     num_parse_bytes(str_slice(&one), &unit) == EM_OK && unit <= 1 << 30 &&
	     v * (double)unit < (double)(INT64_MAX / 2);
	*out = ok ? (int64_t)(v * (double)unit) : 0;
	str_fini(&one);
	return ok && *out > 0;
}

/* What was probably meant by a blank ("2 h") or a fraction ("1.5MB"), as it can be read. */
static void
add_readable(const struct conf_field *f, struct slice text, struct str *why)
{
	struct str tight = { 0 };
	int64_t bytes;
	uint64_t whole;
	span_t span;

	for (size_t i = 0; i < text.n && text.n < 40; i++) {
		if (text.p[i] != ' ' && text.p[i] != '\t')
			str_add_char(&tight, (char)text.p[i]);
	}
	if ((f->type == CONF_SPAN && tight.n < text.n &&
		span_parse(str_slice(&tight), span_ms(1), &span) == EM_OK) ||
	    (f->type == CONF_SIZE && tight.n < text.n &&
		num_parse_bytes(str_slice(&tight), &whole) == EM_OK)) {
		str_addf(why, "; write it without the blank: %s", str_get(&tight));
	} else if (f->type == CONF_SIZE && parse_fraction(str_slice(&tight), &bytes)) {
		str_add(why, "; write it without the fraction: ");
		print_bytes(bytes, why);
	}
	str_fini(&tight);
}

static bool
fail(const struct conf_field *f, struct slice text, struct str *why)
{
	struct slice shown = slice_head(text, 60);

	if (f->secret) {
		str_add(why, "this value is not possible");
	} else {
		str_add_char(why, '\'');
		str_add_escaped(why, shown);
		str_addf(why, "%s' is not possible", shown.n < text.n ? "..." : "");
	}
	str_add(why, "; expected ");
	value_expected(f, why);
	if (!f->secret)
		add_readable(f, text, why);
	return false;
}

static void
bounds(const struct conf_field *f, int64_t *min, int64_t *max)
{
	*min = f->min;
	*max = f->max;
	if (f->min == 0 && f->max == 0)
		*max = f->size < 8 ? ((int64_t)1 << (8 * f->size)) - 1 : INT64_MAX;
}

static bool
parse_percent(struct slice text, double *v)
{
	bool sign = text.n > 0 && text.p[text.n - 1] == '%';

	if (num_parse_double(slice_head(text, text.n - sign), v) != EM_OK)
		return false;
	*v = sign ? *v : *v * 100;
	return true;
}

/* The number in a text; its bounds are the caller's affair. */
static bool
parse_number(const struct conf_field *f, struct slice text, int64_t *out)
{
	double fraction = 0;
	uint64_t bytes;
	bool ok = false;

	if (f->type == CONF_INT)
		return num_parse_i64(text, out) == EM_OK;
	if (f->type == CONF_SIZE) {
		ok = num_parse_bytes(text, &bytes) == EM_OK && bytes <= INT64_MAX;
		*out = ok ? (int64_t)bytes : 0;
		return ok;
	}
	if (f->type == CONF_PERCENT)
		ok = parse_percent(text, &fraction);
	if (f->type == CONF_RATIO) {
		ok = num_parse_double(text, &fraction) == EM_OK;
		fraction *= 1000;
	}
	if (!ok || fraction < 0 || fraction > 1e9)
		return false;
	*out = (int64_t)(fraction + 0.5);
	return true;
}

static bool
read_number(const struct conf_field *f, struct slice text, void *object, struct str *why)
{
	const struct conf_word *word = find_word(f->words, text);
	int64_t v, min, max;

	if (word == NULL) {
		bounds(f, &min, &max);
		if (!parse_number(f, text, &v) || v < min || v > max)
			return fail(f, text, why);
	}
	put_number(f, object, word != NULL ? word->value : v);
	return true;
}

static bool
read_bool(const struct conf_field *f, struct slice text, void *object, struct str *why)
{
	static const struct conf_word words[] = { { "true", 1 }, { "false", 0 },
		{ "on", 1 }, { "off", 0 }, { NULL, 0 } };
	const struct conf_word *word = find_word(words, text);
	bool v;

	if (word == NULL)
		return fail(f, text, why);
	v = word->value != 0;
	put(f, object, &v);
	return true;
}

static bool
read_span(const struct conf_field *f, struct slice text, void *object, struct str *why)
{
	const struct conf_word *word = find_word(f->words, text);
	span_t v = word != NULL ? span_ns(word->value) : span_ns(0);

	if (word == NULL &&
	    (span_parse(text, span_ms(1), &v) != EM_OK || span_is_infinite(v)))
		return fail(f, text, why);
	if (word == NULL && (f->min != 0 || f->max != 0) &&
	    (v.ns < f->min || v.ns > f->max))
		return fail(f, text, why);
	put(f, object, &v);
	return true;
}

/* "1000/s", "100/5m": a number, and a time of which the unit alone is one. */
static bool
parse_rate(struct slice text, struct rate *r)
{
	const uint8_t *slash = text.n > 0 ? memchr(text.p, '/', text.n) : NULL;
	size_t head = slash != NULL ? (size_t)(slash - text.p) : 0;
	struct slice per = slice_from(text, head + 1);
	char one[8] = "1";

	if (slash == NULL || per.n == 0 || per.n >= sizeof one ||
	    num_parse_u64(slice_head(text, head), &r->most) != EM_OK)
		return false;
	if (per.p[0] < '0' || per.p[0] > '9') {
		memcpy(one + 1, per.p, per.n);
		per = slice_str(one);
	} else if (per.p[per.n - 1] <= '9') {
		return false; /* "5/3": of what? */
	}
	return span_parse(per, span_ms(1), &r->per) == EM_OK && r->per.ns > 0;
}

static bool
read_rate(const struct conf_field *f, struct slice text, void *object, struct str *why)
{
	struct rate r = { 0, span_ms(1000) };
	int64_t min, max;

	bounds(f, &min, &max);
	if (find_word(f->words, text) == NULL &&
	    (!parse_rate(text, &r) || r.most < (uint64_t)min || r.most > (uint64_t)max))
		return fail(f, text, why);
	put(f, object, &r);
	return true;
}

static struct slice
trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_from(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s = slice_head(s, s.n - 1);
	return s;
}

/* "a, b": commas apart, blanks around the items are not theirs. */
static void
read_comma_list(
    const struct conf_field *f, struct slice text, struct conf_pool *pool, void *object)
{
	struct conf_list list = { 0 };
	const char **item;
	size_t n = 1;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == ',';
	item = conf_pool_array(pool, n, sizeof(*item));
	while (text.n > 0) {
		const uint8_t *comma = memchr(text.p, ',', text.n);
		size_t length = comma != NULL ? (size_t)(comma - text.p) : text.n;
		struct slice one = trim(slice_head(text, length));

		if (one.n > 0)
			item[list.n++] = conf_pool_text(pool, one);
		text = slice_from(text, length + 1);
	}
	list.item = item;
	put(f, object, &list);
}

bool
value_read_text(const struct conf_field *f, struct slice text, struct conf_pool *pool,
    void *object, struct str *why)
{
	struct conf_addr addr;
	const char *kept;
	static const struct conf_map none;

	switch (f->type) {
	case CONF_BOOL: return read_bool(f, text, object, why);
	case CONF_SPAN: return read_span(f, text, object, why);
	case CONF_RATE: return read_rate(f, text, object, why);
	case CONF_ENUM:
		if (find_word(f->words, text) == NULL)
			return fail(f, text, why);
		return read_number(f, text, object, why);
	case CONF_INT:
	case CONF_SIZE:
	case CONF_PERCENT:
	case CONF_RATIO: return read_number(f, text, object, why);
	case CONF_TEXT:
		if (text.n < (size_t)f->min || (f->max > 0 && text.n > (size_t)f->max))
			return fail(f, text, why);
		kept = conf_pool_text(pool, text);
		put(f, object, &kept);
		return true;
	case CONF_ADDR:
		if (conf_addr_parse(text, &addr) != EM_OK)
			return fail(f, text, why);
		put(f, object, &addr);
		return true;
	case CONF_LIST: read_comma_list(f, text, pool, object); return true;
	case CONF_MAP:
		if (!slice_eq_str(text, f->def))
			return fail(f, text, why);
		put(f, object, &none);
		return true;
	}
	return false;
}

static bool
read_list(const struct conf_field *f, const struct tree_node *node,
    struct conf_pool *pool, void *object, struct str *why)
{
	const char **item = conf_pool_array(pool, node->child.n, sizeof(*item));
	struct conf_list list = { item, node->child.n };

	for (size_t i = 0; i < list.n; i++) {
		const struct tree_node *child = node->child.p[i];

		if (child->kind != TREE_TEXT)
			return fail(f, SLICE_LIT("this list"), why);
		item[i] = conf_pool_text(pool, slice_str(child->text));
	}
	put(f, object, &list);
	return true;
}

static bool
read_map(const struct conf_field *f, const struct tree_node *node, struct conf_pool *pool,
    void *object, struct str *why)
{
	struct conf_pair *pair = conf_pool_array(pool, node->child.n, sizeof(*pair));
	struct conf_map map = { pair, node->child.n };

	for (size_t i = 0; i < map.n; i++) {
		const struct tree_node *child = node->child.p[i];
		struct slice text = slice_str(child->text);
		const struct conf_word *word = find_word(f->words, text);
		int64_t v = word != NULL ? word->value : 0;
		bool ok = word != NULL;

		if (!ok && f->words == NULL && child->kind == TREE_TEXT)
			ok = num_parse_i64(text, &v) == EM_OK && v >= f->min &&
			     v <= f->max;
		if (!ok)
			return fail(f, text, why);
		pair[i].name = conf_pool_text(pool, slice_str(child->name));
		pair[i].value = v;
	}
	qsort(pair, map.n, sizeof(*pair), compare_pairs);
	put(f, object, &map);
	return true;
}

bool
value_read(const struct conf_field *f, const struct tree_node *node,
    struct conf_pool *pool, void *object, struct str *why)
{
	CHECK(value_field_is_sound(f));
	if (node->kind == TREE_TEXT)
		return value_read_text(f, slice_str(node->text), pool, object, why);
	if (node->kind == TREE_ARRAY && f->type == CONF_LIST)
		return read_list(f, node, pool, object, why);
	if (node->kind == TREE_OBJECT && f->type == CONF_MAP)
		return read_map(f, node, pool, object, why);
	return fail(
	    f, node->kind == TREE_ARRAY ? SLICE_LIT("[...]") : SLICE_LIT("{...}"), why);
}

/* ---- printing */

static const char *
word_of(const struct conf_field *f, int64_t v)
{
	for (const struct conf_word *w = f->words; w != NULL && w->text != NULL; w++) {
		if (w->value == v)
			return w->text;
	}
	return NULL;
}

static void
print_bytes(int64_t v, struct str *out)
{
	static const struct {
		const char *unit;
		int64_t bytes;
	} units[] = { { "GB", 1 << 30 }, { "MB", 1 << 20 }, { "KB", 1 << 10 } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (v != 0 && v % units[i].bytes == 0) {
			str_addf(out, "%" PRId64 "%s", v / units[i].bytes, units[i].unit);
			return;
		}
	}
	str_addf(out, "%" PRId64, v);
}

static void
print_ratio(int64_t v, struct str *out)
{
	str_addf(out, "%" PRId64 ".%03d", v / 1000, (int)(v % 1000));
	while (out->p[out->n - 1] == '0' && out->p[out->n - 2] != '.')
		str_cut(out, out->n - 1);
}

static void
print_number(const struct conf_field *f, int64_t v, struct str *out)
{
	const char *word = word_of(f, v);

	if (word != NULL)
		str_add(out, word);
	else if (f->type == CONF_SIZE)
		print_bytes(v, out);
	else if (f->type == CONF_RATIO)
		print_ratio(v, out);
	else
		str_addf(out, "%" PRId64 "%s", v, f->type == CONF_PERCENT ? "%" : "");
}

static void
print_span(const struct conf_field *f, span_t v, struct str *out)
{
	const char *word = word_of(f, v.ns);
	char buf[SPAN_TEXT_MAX];

	str_add(out, word != NULL ? word : span_print(v, buf));
}

static void
print_rate(const struct conf_field *f, struct rate r, struct str *out)
{
	char buf[SPAN_TEXT_MAX];
	const char *per = span_print(r.per, buf);
	bool is_one = per[0] == '1' && per[1] >= 'a';

	if (r.most == 0)
		str_add(out, f->words->text);
	else
		str_addf(out, "%" PRIu64 "/%s", r.most, is_one ? per + 1 : per);
}

static void
print_map(const struct conf_field *f, const struct conf_map *map, struct str *out)
{
	if (map->n == 0) {
		str_add(out, f->def);
		return;
	}
	str_add_char(out, '{');
	for (size_t i = 0; i < map->n; i++) {
		const char *word = word_of(f, map->pair[i].value);

		str_add(out, i > 0 ? ", \"" : "\"");
		str_add_json(out, slice_str(map->pair[i].name));
		str_add(out, "\" = ");
		if (word != NULL)
			str_add(out, word);
		else
			str_addf(out, "%" PRId64, map->pair[i].value);
	}
	str_add_char(out, '}');
}

static void
print_list(const struct conf_list *list, struct str *out)
{
	str_add_char(out, '[');
	for (size_t i = 0; i < list->n; i++) {
		str_add(out, i > 0 ? ", \"" : "\"");
		str_add_json(out, slice_str(list->item[i]));
		str_add_char(out, '"');
	}
	str_add_char(out, ']');
}

void
value_print(const struct conf_field *f, const void *object, struct str *out)
{
	struct conf_addr addr;
	struct conf_list list;
	struct conf_map map;
	const char *text;
	struct rate rate;
	bool yes;
	span_t span;

	CHECK(value_field_is_sound(f));
	switch (f->type) {
	case CONF_BOOL:
		get(f, object, &yes);
		str_add(out, yes ? "true" : "false");
		break;
	case CONF_SPAN:
		get(f, object, &span);
		print_span(f, span, out);
		break;
	case CONF_RATE:
		get(f, object, &rate);
		print_rate(f, rate, out);
		break;
	case CONF_INT:
	case CONF_SIZE:
	case CONF_PERCENT:
	case CONF_RATIO:
	case CONF_ENUM: print_number(f, get_number(f, object), out); break;
	case CONF_TEXT:
		get(f, object, &text);
		str_add(out, text);
		break;
	case CONF_ADDR:
		get(f, object, &addr);
		conf_addr_print(&addr, out);
		break;
	case CONF_LIST:
		get(f, object, &list);
		print_list(&list, out);
		break;
	case CONF_MAP:
		get(f, object, &map);
		print_map(f, &map, out);
		break;
	}
}

static void
expected_words(const struct conf_field *f, const char *before, struct str *out)
{
	for (const struct conf_word *w = f->words; w != NULL && w->text != NULL; w++) {
		str_addf(out, "%s%s", before, w->text);
		before = ", ";
	}
}

/* A size that is no round number also as the round one below it. */
static void
print_bound(const struct conf_field *f, int64_t v, struct str *out)
{
	const int64_t mb = 1 << 20;

	print_number(f, v, out);
	if (f->type == CONF_SIZE && v > mb && v % 1024 != 0)
		str_addf(out, " (%" PRId64 "MB)", v / mb);
}

static void
expected_range(const struct conf_field *f, struct str *out)
{
	struct conf_field plain = *f;
	int64_t min, max;

	bounds(f, &min, &max);
	plain.words = NULL;
	print_bound(&plain, min, out);
	str_add(out, " .. ");
	print_bound(&plain, max, out);
}

static void
expected_span_range(const struct conf_field *f, struct str *out)
{
	char low[SPAN_TEXT_MAX], high[SPAN_TEXT_MAX];

	if (f->min != 0 || f->max != 0)
		str_addf(out, ", %s .. %s", span_print(span_ns(f->min), low),
		    span_print(span_ns(f->max), high));
}

void
value_expected(const struct conf_field *f, struct str *out)
{
	switch (f->type) {
	case CONF_BOOL: str_add(out, "true or false"); return;
	case CONF_ENUM: expected_words(f, "one of ", out); return;
	case CONF_TEXT: str_add(out, "a text"); return;
	case CONF_ADDR:
		str_add(out, "a port, or host:port such as 127.0.0.1:1883");
		return;
	case CONF_LIST: str_add(out, "a list of texts"); return;
	case CONF_MAP:
		if (f->words == NULL)
			str_addf(
			    out, "{ name = %" PRId64 " .. %" PRId64 " }", f->min, f->max);
		else
			expected_words(f, "{ name = word }, the word one of ", out);
		return;
	case CONF_RATE:
		str_add(out, "a rate such as 1000/s");
		expected_words(f, ", or ", out);
		return;
	case CONF_INT: str_add(out, "a number, "); break;
	case CONF_SIZE: str_add(out, "a size such as 64KB, "); break;
	case CONF_PERCENT: str_add(out, "a share such as 80%, "); break;
	case CONF_RATIO: str_add(out, "a factor such as 1.5, "); break;
	case CONF_SPAN:
		str_add(out, "a time such as 15s");
		expected_span_range(f, out);
		expected_words(f, ", or ", out);
		return;
	}
	expected_range(f, out);
	expected_words(f, ", or ", out);
}
