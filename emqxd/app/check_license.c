/* SPDX-License-Identifier: Apache-2.0 */
/* check_license: see check_license.h. */
#include "emqxd/app/check_license.h"
#include "emqxd/app/options.h"
#include "emqxd/app/settings.h"
#include "emqxd/license/license_conf.h"
#include "emqxd/license/license_date.h"
#include "emqxd/license/license_file.h"
#include "emqxd/license/license_rule.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* Empty where there is no configuration.  False: there is one, and it cannot be read. */
static bool
take_public(const char *conf, struct str *out, struct fault *f)
{
	struct conf_snapshot *s;
	size_t n;
	em_err err;

	if (access(conf, F_OK) != 0)
		return true;
	if (settings_read(conf, false, &s) != EM_OK) {
		fault_set(f, EM_FAILED, "%s is needed for its license.public_key", conf);
		return false;
	}
	err = license_conf_public(conf_snapshot_get(s, CONF_LICENSE, &n), out, f);
	conf_snapshot_free(&s);
	return err == EM_OK;
}

static void
print_limit(struct str *out, const char *name, uint64_t v)
{
	if (v == LICENSE_KEY_INFINITE)
		str_addf(out, "%s infinity\n", name);
	else
		str_addf(out, "%s %" PRIu64 "\n", name, v);
}

static void
print_text(struct str *out, const char *name, struct slice v)
{
	str_addf(out, "%s ", name);
	str_add_escaped(out, v);
	str_add_char(out, '\n');
}

static void
print_key(const struct license_key *k, int64_t today, struct str *out)
{
	char day[LICENSE_DATE_TEXT];
	struct str remark = { 0 };

	print_text(out, "customer        :", k->customer);
	print_text(out, "email           :", k->email);
	print_text(out, "deployment      :", k->deployment);
	str_addf(out, "start_at        : %s\n", license_date_print(k->start, day));
	str_addf(out, "expiry_at       : %s\n", license_date_print(k->end, day));
	str_addf(out, "type            : %s\n", license_key_type_name(k->type));
	str_addf(out, "customer_type   : %u\n", k->customer_type);
	print_limit(out, "max_sessions    :", k->max_sessions);
	print_limit(out, "max_tps         :", k->max_tps);
	str_addf(
	    out, "days_left       : %" PRId64 "\n", license_rule_days_left(k, today));
	str_addf(out, "state           : %s\n",
	    license_rule_state_name(license_rule_state(k, today)));
	license_rule_remark(k, today, &remark);
	if (remark.n > 0)
		str_addf(out, "remark          : %s\n", str_get(&remark));
	str_fini(&remark);
}

static em_err
check(const struct options *o, struct str *out, struct fault *f)
{
	struct str public_key = { 0 }, text = { 0 };
	int64_t today = license_date_of(span_wall_now());
	struct license_key *k = NULL;
	wall_t written;
	em_err err = license_file_read(o->argument, &text, &written, f);

	if (err == EM_OK)
		err = license_key_read(str_slice(&text), &k, f);
	if (err == EM_OK && !take_public(o->conf, &public_key, f))
		err = EM_FAILED;
	if (err == EM_OK)
		err = license_key_verify(k, str_slice(&public_key), f);
	if (err == EM_OK) {
		print_key(k, today, out);
		if (license_rule_state(k, today) == LICENSE_CLOSED)
			err = fault_set(
			    f, EM_REFUSED, "with this licence no new client could come");
	}
	license_key_free(&k);
	str_fini(&text);
	str_fini(&public_key);
	return err;
}

int
check_license_run(const struct options *o)
{
	struct fault f = { .err = EM_OK };
	struct str text = { 0 };
	em_err err = check(o, &text, &f);

	fputs(str_get(&text), stdout);
	if (err == EM_OK)
		printf("%s is genuine\n", o->argument);
	else
		fprintf(stderr, "%s: %s\n", o->argument, f.text);
	if (f.hint != NULL)
		fprintf(stderr, "    %s\n", f.hint);
	str_fini(&text);
	fault_clear(&f);
	return err == EM_OK || err == EM_NOTFOUND ? err_exit(err) : 1;
}
