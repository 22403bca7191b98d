/* SPDX-License-Identifier: Apache-2.0 */
/* placeholder: see placeholder.h. */
#include "emqxd/model/placeholder.h"
#include "emqxd/model/topic.h"

enum what { NONE, CLIENTID, USERNAME, HOST, PORT };

static const struct {
	const char *text;
	enum what what;
} table[] = {
	{ "${clientid}", CLIENTID },
	{ "%c", CLIENTID },
	{ "${username}", USERNAME },
	{ "%u", USERNAME },
	{ "${host}", HOST },
	{ "${peerhost}", HOST },
	{ "${port}", PORT },
};

/* Which one the text begins with, and its length. */
static enum what
at(const char *text, size_t *n)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		*n = strlen(table[i].text);
		if (strncmp(text, table[i].text, *n) == 0)
			return table[i].what;
	}
	return NONE;
}

bool
placeholder_check(const char *text, struct slice *bad)
{
	const char *p = text;
	size_t n;

	while ((p = strstr(p, "${")) != NULL) {
		const char *end = strchr(p, '}');

		if (at(p, &n) == NONE) {
			n = end != NULL ? (size_t)(end - p) + 1 : strlen(p);
			*bad = slice_of(p, n);
			return false;
		}
		p += n;
	}
	return true;
}

/* The address without its port. */
static void
add_host(const struct net_addr *peer, struct str *out)
{
	char text[ADDR_TEXT_MAX];
	size_t n = addr_print(peer, text);
	const char *colon = strrchr(text, ':');

	if (colon != NULL)
		n = (size_t)(colon - text);
	if (n >= 2 && text[0] == '[')
		str_add_bytes(out, text + 1, n - 2);
	else
		str_add_bytes(out, text, n);
}

static enum placeholder_result
add_name(struct slice name, struct str *out)
{
	str_add_slice(out, name);
	return topic_has_wildcard(name) ? PLACEHOLDER_WILD : PLACEHOLDER_FILLED;
}

static enum placeholder_result
add(enum what what, const struct clientinfo *who, struct str *out)
{
	switch (what) {
	case CLIENTID: return add_name(who->clientid, out);
	case USERNAME:
		return who->has_username ? add_name(who->username, out)
					 : PLACEHOLDER_MISSING;
	case HOST:
		if (who->peer.family == 0)
			return PLACEHOLDER_MISSING;
		add_host(&who->peer, out);
		return PLACEHOLDER_FILLED;
	case PORT:
		if (who->sockport == 0)
			return PLACEHOLDER_MISSING;
		str_addf(out, "%u", who->sockport);
		return PLACEHOLDER_FILLED;
	case NONE: break;
	}
	UNREACHABLE();
}

enum placeholder_result
placeholder_expand(const char *text, const struct clientinfo *who, struct str *out)
{
	enum placeholder_result worst = PLACEHOLDER_FILLED;
	size_t n;

	while (*text != '\0') {
		enum what what = at(text, &n);
		enum placeholder_result one;

		if (what == NONE) {
			str_add_char(out, *text++);
			continue;
		}
		one = add(what, who, out);
		if (one == PLACEHOLDER_MISSING)
			str_add_bytes(out, text, n);
		worst = one > worst ? one : worst;
		text += n;
	}
	return worst;
}
