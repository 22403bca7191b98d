/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env: see env.h.  Names are lower-cased, two underscores are a dot.
 */
#include "emqxd/conf/env.h"
#include "emqxd/conf/legacy.h"
#include "emqxd/conf/hocon_parse.h"
#include "emqxd/conf/names.h"
#include "emqxd/conf/report.h"

#define PREFIX "EMQX_"

/* "MQTT__MAX_INFLIGHT" to mqtt.max_inflight. */
static void
path_of(struct slice name, struct str *out)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = (char)name.p[i];

		if (c == '_' && i + 1 < name.n && name.p[i + 1] == '_') {
			str_add_char(out, '.');
			i++;
		} else {
			str_add_char(
			    out, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
		}
	}
}

static bool
is_plain(struct slice path)
{
	for (size_t i = 0; i < path.n; i++) {
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789_.-", path.p[i]) == NULL)
			return false;
	}
	return path.n > 0;
}

static bool
is_tools(struct slice name)
{
	return slice_eq_str(name, "SOCKET");
}

/* Puts one variable; false: it names no key. */
static bool
apply(struct conf_tree *t, struct slice path, struct slice value, const char *variable,
    const struct keys *keys, struct conf_report *r)
{
	struct tree_pos pos = { tree_keep(t, slice_str(variable)), 0, 0 };
	size_t at = 0;

	if (names_find_old(path, &at, NULL) != NULL) {
		legacy_put(t, path, value, pos, r);
		return true;
	}
	if (!keys_is_known(keys, path))
		return false;
	/* what is wrong with the value is in the report: it is a key all the same */
	return hocon_parse_value(t, path, value, pos, r) == EM_OK || r->fault.n > 0;
}

/* "mqtt.max_inflight" to EMQX_MQTT__MAX_INFLIGHT. */
static void
add_variable(struct slice path, struct str *out)
{
	str_add(out, PREFIX);
	for (size_t i = 0; i < path.n; i++) {
		char c = (char)path.p[i];

		if (c == '.')
			str_add(out, "__");
		else
			str_add_char(
			    out, c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
	}
}

/* What was meant by the first that names no key. */
static void
add_nearest(const struct keys *keys, struct slice path, struct str *hint)
{
	struct str nearest = { 0 };

	if (hint->n == 0 && is_plain(path) && keys_nearest(keys, path, &nearest)) {
		str_add(hint, "did you mean ");
		add_variable(str_slice(&nearest), hint);
		str_add_char(hint, '?');
	}
	str_fini(&nearest);
}

void
env_apply(struct conf_tree *t, char *const *environ, const struct keys *keys,
    struct conf_report *r)
{
	struct str unknown = { 0 }, path = { 0 }, variable = { 0 }, hint = { 0 };
	size_t count = 0;

	for (char *const *e = environ; e != NULL && *e != NULL; e++) {
		struct slice line = slice_str(*e), name;
		const char *equals = strchr(*e, '=');

		if (!slice_starts(line, SLICE_LIT(PREFIX)) || equals == NULL)
			continue;
		name =
		    slice_from(slice_head(line, (size_t)(equals - *e)), strlen(PREFIX));
		if (is_tools(name))
			continue;
		str_reset(&path);
		str_reset(&variable);
		path_of(name, &path);
		str_add(&variable, PREFIX);
		str_add_escaped(&variable, name);
		if (is_plain(str_slice(&path)) &&
		    apply(t, str_slice(&path), slice_str(equals + 1), str_get(&variable),
			keys, r))
			continue;
		str_addf(&unknown, "%s%s", count++ > 0 ? ", " : "", str_get(&variable));
		add_nearest(keys, str_slice(&path), &hint);
	}
	if (count > 0)
		report_warn(r, (struct tree_pos){ 0 },
		    hint.n > 0 ? str_get(&hint) : "man 5 emqx.conf lists all keys",
		    "no key has the name of %s: %s",
		    count > 1 ? "these variables" : "this variable", str_get(&unknown));
	str_fini(&unknown);
	str_fini(&hint);
	str_fini(&path);
	str_fini(&variable);
}
