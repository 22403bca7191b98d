/* SPDX-License-Identifier: Apache-2.0 */
/* license_conf: see license_conf.h. */
#include "emqxd/license/license_conf.h"
#include "emqxd/license/license_file.h"

#define FILE_URL "file://"

const char *
license_conf_path(const char *value)
{
	return slice_starts(slice_str(value), SLICE_LIT(FILE_URL))
		   ? value + sizeof FILE_URL - 1
		   : NULL;
}

em_err
license_conf_public(const struct license_conf *c, struct str *out, struct fault *f)
{
	const char *path =
	    c->public_key[0] == '/' ? c->public_key : license_conf_path(c->public_key);
	wall_t written;

	if (path != NULL)
		return license_file_read(path, out, &written, f);
	str_add(out, c->public_key);
	return EM_OK;
}

em_err
license_conf_take(const struct license_conf *c, struct license_key **out, wall_t *written,
    struct fault *f)
{
	const char *path = license_conf_path(c->key);
	struct str public_key = { 0 }, text = { 0 };
	em_err err = EM_OK;

	*out = NULL;
	*written = (wall_t){ 0 };
	if (strcmp(c->key, "default") == 0 || c->key[0] == '\0')
		return EM_OK;
	if (path != NULL)
		err = license_file_read(path, &text, written, f);
	else
		str_add(&text, c->key);
	if (err == EM_OK)
		err = license_conf_public(c, &public_key, f);
	if (err == EM_OK)
		err = license_key_parse(str_slice(&text), str_slice(&public_key), out, f);
	str_fini(&text);
	str_fini(&public_key);
	return err;
}

/* What is wrong now would be wrong at the start. */
static void
settle(void *self, struct conf_settling *in)
{
	struct license_conf *c = self;
	struct license_key *key = NULL;
	struct str public_key = { 0 };
	struct fault f = { .err = EM_OK };
	const char *at = "public_key";
	wall_t written;

	if (license_conf_public(c, &public_key, &f) == EM_OK &&
	    license_key_check_public(str_slice(&public_key), &f) == EM_OK) {
		at = "key";
		(void)!license_conf_take(c, &key, &written, &f);
	}
	if (f.err != EM_OK)
		conf_settling_fault(in, at, f.hint, "%s", f.text);
	if (c->low > c->high)
		conf_settling_fault(in, "connection_low_watermark",
		    "not over connection_high_watermark",
		    "the alarm would end above where it begins");
	license_key_free(&key);
	str_fini(&public_key);
	fault_clear(&f);
}

static const struct conf_field fields[] = {
	{ .path = "key",
	    CONF_MEMBER(struct license_conf, key),
	    .type = CONF_TEXT,
	    .def = "default",
	    .secret = true,
	    .reload = CONF_RESTART,
	    .help =
		"The licence: its text, file:///path of it, or default: the community "
		"edition without limits; one that came by emqx_ctl license stands "
		"instead, unless the node is alone and the file was written later" },
	{ .path = "public_key",
	    CONF_MEMBER(struct license_conf, public_key),
	    .type = CONF_TEXT,
	    .def = "",
	    .reload = CONF_RESTART,
	    .help = "Public key of the licences' vendor: PEM, its base64 alone, or "
		    "file:///path of it; empty: the one that emqxd was built with" },
	{ .path = "connection_high_watermark",
	    CONF_MEMBER(struct license_conf, high),
	    .type = CONF_PERCENT,
	    .def = "80%",
	    .min = 1,
	    .max = 100,
	    .reload = CONF_LIVE,
	    .help = "Share of the licensed sessions at which the alarm license_quota is "
		    "raised" },
	{ .path = "connection_low_watermark",
	    CONF_MEMBER(struct license_conf, low),
	    .type = CONF_PERCENT,
	    .def = "75%",
	    .min = 1,
	    .max = 100,
	    .reload = CONF_LIVE,
	    .help = "Share at which it is cleared" },
};

const struct conf_section license_conf = {
	.id = CONF_LICENSE,
	.path = "license",
	.field = fields,
	.n = sizeof(fields) / sizeof(fields[0]),
	.size = sizeof(struct license_conf),
	.settle = settle,
};
