/* SPDX-License-Identifier: Apache-2.0 */
/* placeholder: see placeholder.h. */
#include "emqxd/model/placeholder.h"

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

static bool
add(enum what what, const struct clientinfo *who, struct str *out)
{
	switch (what) {
	case CLIENTID: str_add_slice(out, who->clientid); return true;
	case USERNAME:
		if (who->has_username)
			str_add_slice(out, who->username);
		return who->has_username;
	case HOST:
		if (who->peer.family != 0)
			add_host(&who->peer, out);
		return who->peer.family != 0;
	case PORT:
		if (who->sockport != 0)
			str_addf(out, "%u", who->sockport);
		return who->sockport != 0;
	case NONE: break;
	}
	UNREACHABLE();
}

bool
placeholder_expand(const char *text, const struct clientinfo *who, struct str *out)
{
	bool is_whole = true;
	size_t n;

	while (*text != '\0') {
		enum what what = at(text, &n);

		if (what == NONE) {
			str_add_char(out, *text++);
		} else if (add(what, who, out)) {
			text += n;
		} else {
			is_whole = false;
			str_add_bytes(out, text, n);
			text += n;
		}
	}
	return is_whole;
}
