/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs: the keys as mdoc text for emqx.conf(5), from the tables of the sections
 * and from the register.
 */
#include "emqxd/conf/change.h"
#include "emqxd/conf/keys.h"
#include "emqxd/conf/load.h"

/* A line of roff: no dot or quote at its start means a command. */
static void
add_text(struct str *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		str_add(out, "\\&");
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			str_add(out, "\\e");
		else if (*text == '-')
			str_add(out, "\\-");
		else
			str_add_char(out, *text);
	}
}

static void
add_field(const struct conf_section *s, const struct conf_field *f, struct str *out)
{
	struct str text = { 0 };

	keys_pattern(s, f, false, &text);
	str_add(out, ".It Cm ");
	add_text(out, str_get(&text));
	str_add_char(out, '\n');
	add_text(out, f->help);
	str_add(out, ".\n");
	str_reset(&text);
	value_expected(f, &text);
	str_add(out, "Takes ");
	add_text(out, str_get(&text));
	if (f->unit != NULL)
		str_addf(out, ", a bare number in %s", f->unit);
	str_add(out, "; ");
	if (f->def == NULL || *f->def == '\0') {
		str_add(out, "not set by default");
	} else {
		str_add(out, "default\n.Li ");
		add_text(out, f->def);
		str_add(out, " .\nA change");
	}
	if (f->def == NULL || *f->def == '\0')
		str_add(out, ".\nA change");
	str_addf(out, " takes effect: %s.\n", conf_reload_text(f->reload));
	if (f->built != CONF_BUILT)
		str_addf(out, "Not built yet: another value than the default is %s.\n",
		    f->built == CONF_IGNORED ? "ignored" : "refused");
	str_fini(&text);
}

static void
add_section(const struct conf_section *s, struct str *out)
{
	str_add(out, ".Ss ");
	add_text(out, *s->path != '\0' ? s->path : "node and log");
	str_add_char(out, '\n');
	if (s->overlay != NULL) {
		str_add(out, "Each may also stand under\n.Cm ");
		add_text(out, s->overlay);
		str_add(out, " ,\nand is then of that zone only.\n");
	}
	str_add(out, ".Bl -tag -width Ds\n");
	for (size_t i = 0; i < s->n; i++)
		add_field(s, &s->field[i], out);
	str_add(out, ".El\n");
}

static void
add_names(enum name_class class, const char *title, const char *intro, struct str *out)
{
	str_add(out, ".Ss ");
	str_add(out, title);
	str_add(out, "\n");
	str_add(out, intro);
	str_add(out, "\n.Bl -tag -compact -width Ds\n");
	for (size_t i = 0; i < names_count(); i++) {
		const struct conf_name *name = names_row(i);

		if (name->class != class)
			continue;
		str_add(out, ".It Cm ");
		add_text(out, name->pattern);
		str_add_char(out, '\n');
		if (name->to != NULL) {
			str_add(
			    out, class == NAME_ITEM ? "is an item of\n.Cm " : "is\n.Cm ");
			add_text(out, name->to);
			str_add(out,
			    name->is_hocon ? "\n(of 5.x, written as HOCON)\n" : "\n");
		}
	}
	str_add(out, ".El\n");
}

void
conf_docs_mdoc(const struct conf_section *const *section, size_t n, struct str *out)
{
	str_add(out, ".Sh KEYS\n");
	for (size_t i = 0; i < n; i++)
		add_section(section[i], out);
	str_add(out, ".Sh NAMES OF EMQX\n");
	add_names(NAME_GUARD, "Keys that guard",
	    "What they ask for is not built yet: a value that asks for it stops the "
	    "start.",
	    out);
	add_names(NAME_DOOR, "Listeners that are not built yet",
	    "They are refused unless\n.Cm enable\nis false.", out);
	add_names(NAME_ALIAS, "Names of 4.x",
	    "A line whose key is one of these has the rest of the line as its value.",
	    out);
	add_names(NAME_ITEM, "Items of 4.x",
	    "Each number is an item of today's list, in their order; rules for all come "
	    "first, then those for publish, then those for subscribe, and of several "
	    "that fit the last one counts.\n4.x heeds them only while its module is "
	    "loaded, emqxd always.\nThe list of today cannot stand beside them.",
	    out);
	add_names(NAME_KNOWN, "Keys without meaning here",
	    "They are accepted, with one warning for all; see\n.Ic emqx_ctl conf show "
	    "--ignored .",
	    out);
}
