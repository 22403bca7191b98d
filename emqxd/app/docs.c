/* SPDX-License-Identifier: Apache-2.0 */
/* docs: see docs.h. */
#include "emqxd/app/docs.h"
#include "ipc/base/str.h"
#include "emqxd/app/settings.h"
#include "emqxd/model/end.h"
#include "emqxd/model/metrics.h"

/* In mdoc a backslash begins an escape, and a dot or an apostrophe at the start of a line
 * a macro; an empty line is none of the text. */
static void
add_text(struct str *out, const char *text)
{
	if (*text == '\0')
		return;
	if (*text == '.' || *text == '\'')
		str_add(out, "\\&");
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			str_add(out, "\\e");
		else
			str_add_char(out, *text);
	}
	str_add_char(out, '\n');
}

static void
add_labelled(struct str *out, const char *label, const char *text)
{
	str_addf(out, ".br\n%s: ", label);
	add_text(out, text);
}

static void
add_reason(struct str *out, const struct end_info *e)
{
	str_addf(out, ".It Li %s\n", e->name);
	add_text(out, e->meaning);
	add_labelled(out, "ended by", end_side_name(e->side));
	if (strcmp(e->name, e->legacy) != 0)
		add_labelled(out, "in EMQX 4", e->legacy);
	if (e->code != 0)
		str_addf(out, ".br\nMQTT 5 reason code: 0x%02X\n", e->code);
	add_labelled(out, "usual causes", e->causes);
	add_labelled(out, "what to do", e->advice);
}

static void
print_reasons(struct str *out)
{
	str_add(out, ".Bl -tag -width Ds\n");
	for (unsigned i = 0; i < END_N; i++)
		add_reason(out, end_get((end_reason)i));
	str_add(out, ".El\n");
}

static void
print_metrics(struct str *out)
{
	str_add(out, ".Bl -tag -width Ds -compact\n");
	for (unsigned i = 0; i < METRIC_N; i++) {
		str_addf(out, ".It Li %s\n", metrics_get(i)->name);
		add_text(out, metrics_get(i)->help);
	}
	str_add(out, ".El\n");
}

em_err
docs_print(const char *what, struct str *out, struct fault *f)
{
	static const struct {
		const char *what;
		void (*print)(struct str *out);
	} docs[] = { { "conf", settings_docs }, { "reasons", print_reasons },
		{ "metrics", print_metrics } };

	for (size_t i = 0; i < sizeof docs / sizeof docs[0]; i++) {
		if (strcmp(what, docs[i].what) == 0) {
			docs[i].print(out);
			return EM_OK;
		}
	}
	return fault_set(
	    f, EM_USAGE, "there are no docs '%s': conf, reasons or metrics", what);
}
