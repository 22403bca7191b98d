/* SPDX-License-Identifier: Apache-2.0 */
/* authn: see authn.h. */
#include "emqxd/access/authn.h"
#include "emqxd/access/users.h"
#include "emqxd/conf/snapshot.h"
#include "emqxd/core/log.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/worker.h"
#include "ipc/base/mem.h"
#include "ipc/base/rand.h"

#include <openssl/crypto.h>

#define NONCE 24u /* characters of ours: 142 bits */
#define SECRET 32u

struct authenticator {
	enum scram_hash hash;
	uint32_t iterations;
	struct users *users;
	char *name;    /* "1" */
	size_t before; /* users at the reading before */
	bool is_news;  /* the file was written since */
};

/* What all threads read; replaced as a whole. */
struct chain {
	size_t n;
	struct authenticator of[];
};

struct access_node {
	_Atomic(struct chain *) chain;
	/* What salts of unknown users are made from.  Random at the start: who watches over
	 * a restart may tell them from those of a file of verifiers. */
	uint8_t secret[SECRET];
};

enum stage { STAGE_FIRST, STAGE_ASKED, STAGE_FINAL, STAGE_OVER };

struct authn_exchange {
	struct scram scram;
	enum stage stage;
	bool is_superuser;
};

static struct access_node *
self(void)
{
	return node_slot(ROOM_ACCESS);
}

static const struct chain *
chain(void)
{
	return self() != NULL ? atomic_load_explicit(&self()->chain, memory_order_acquire)
			      : NULL;
}

bool
authn_is_on(void)
{
	const struct chain *c = chain();

	return c != NULL && c->n > 0;
}

/* ---- an exchange */

struct authn_exchange *
authn_begin(struct slice method)
{
	const struct chain *c = chain();
	struct authn_exchange *x;

	for (size_t i = 0; c != NULL && i < c->n; i++) {
		if (!slice_eq_str(method, scram_method(c->of[i].hash)))
			continue;
		x = MEM_NEW(struct authn_exchange);
		x->scram.hash = c->of[i].hash;
		return x;
	}
	return NULL;
}

/* The user's verifier, of the first authenticator that has him; or what nobody can prove. */
static em_err
verifier_of(struct authn_exchange *x, struct scram_verifier *out)
{
	const struct chain *c = chain();
	struct slice name = str_slice(&x->scram.name);
	uint32_t iterations = SCRAM_ITERATIONS_MIN;
	bool is_first = true;

	for (size_t i = 0; c != NULL && i < c->n; i++) {
		const struct authenticator *a = &c->of[i];
		const struct user *u, *model;

		if (a->hash != x->scram.hash)
			continue;
		u = users_find(a->users, name);
		if (u != NULL) {
			*out = u->verifier;
			x->is_superuser = u->is_superuser;
			return EM_OK;
		}
		model = users_first(a->users);
		if (is_first)
			iterations =
			    model != NULL ? model->verifier.iterations : a->iterations;
		is_first = false;
	}
	return scram_mock(
	    x->scram.hash, slice_of(self()->secret, SECRET), name, iterations, out);
}

static void
fill_nonce(char text[NONCE])
{
	static const char letters[] =
	    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	uint8_t bytes[NONCE];

	rand_bytes(bytes, sizeof bytes);
	for (unsigned i = 0; i < NONCE; i++)
		text[i] = letters[bytes[i] % (sizeof letters - 1)];
}

static enum authn_step
first(
    struct authn_exchange *x, struct slice data, struct str *answer, const char **detail)
{
	em_err err = scram_first(&x->scram, data);
	struct scram_verifier v;
	char nonce[NONCE];

	if (err == EM_OK)
		err = verifier_of(x, &v);
	if (err != EM_OK) {
		*detail = err == EM_UNSUPPORTED
			      ? "SCRAM with channel binding, or for another user"
			      : "this is no client-first-message of SCRAM";
		return AUTHN_DENIED;
	}
	fill_nonce(nonce);
	scram_challenge(&x->scram, &v, slice_of(nonce, NONCE), answer);
	OPENSSL_cleanse(&v, sizeof v);
	x->stage = STAGE_FINAL;
	return AUTHN_MORE;
}

static enum authn_step
final(
    struct authn_exchange *x, struct slice data, struct str *answer, const char **detail)
{
	em_err err = scram_final(&x->scram, data, answer);

	x->stage = STAGE_OVER;
	if (err == EM_OK)
		return AUTHN_DONE;
	*detail = err == EM_DENIED ? "no such user, or another password"
				   : "this is no client-final-message of SCRAM";
	return AUTHN_DENIED;
}

enum authn_step
authn_go_on(
    struct authn_exchange *x, struct slice data, struct str *answer, const char **detail)
{
	switch (x->stage) {
	case STAGE_FIRST:
		/* A CONNECT may leave the first message to the first AUTH. */
		if (data.n == 0) {
			x->stage = STAGE_ASKED;
			return AUTHN_MORE;
		}
		return first(x, data, answer, detail);
	case STAGE_ASKED: return first(x, data, answer, detail);
	case STAGE_FINAL: return final(x, data, answer, detail);
	case STAGE_OVER: break;
	}
	*detail = "the exchange is over";
	return AUTHN_DENIED;
}

struct slice
authn_identity(const struct authn_exchange *x)
{
	return str_slice(&x->scram.name);
}

bool
authn_is_superuser(const struct authn_exchange *x)
{
	return x->is_superuser;
}

void
authn_end(struct authn_exchange **xp)
{
	if (*xp == NULL)
		return;
	scram_fini(&(*xp)->scram);
	MEM_FREE(*xp);
}

/* ---- the chain */

static void
chain_free(struct chain *c)
{
	for (size_t i = 0; i < c->n; i++) {
		users_free(&c->of[i].users);
		mem_free(c->of[i].name);
	}
	mem_free(c);
}

static void
retired_chain(void *p, size_t n)
{
	(void)n;
	chain_free(p);
}

static struct users_how
how_of(const struct authn_conf *conf)
{
	return (struct users_how){ .file = conf->bootstrap_file,
		.hash = (enum scram_hash)conf->algorithm,
		.is_plain = conf->is_plain,
		.iterations = conf->iteration_count };
}

/* *whole false: users of a file could not be read, and there are none. */
static struct chain *
chain_new(const struct authn_conf *conf, size_t n, bool *whole)
{
	struct chain *c = mem_new(sizeof *c + n * sizeof c->of[0]);

	*whole = true;
	for (size_t i = 0; i < n; i++) {
		struct users_how how = how_of(&conf[i]);
		struct authenticator *a = &c->of[c->n];
		struct fault f = { 0 };

		if (!conf[i].enable)
			continue;
		if (users_read(&how, &a->users, &f) != EM_OK) {
			LOG(ERROR, "authentication_users_not_read", "reason",
			    slice_str(f.text));
			a->users = users_none();
			*whole = false;
		}
		fault_clear(&f);
		a->hash = how.hash;
		a->iterations = how.iterations;
		a->name = mem_strdup(conf[i].name);
		c->n++;
	}
	return c;
}

/* What is told of a reload. */
static void
find_news(struct chain *after, const struct chain *before)
{
	for (size_t i = 0; i < after->n; i++) {
		struct authenticator *a = &after->of[i];

		for (size_t j = 0; j < before->n; j++) {
			const struct authenticator *b = &before->of[j];

			if (strcmp(a->name, b->name) != 0)
				continue;
			a->before = users_count(b->users);
			a->is_news = !users_is_same_file(a->users, b->users);
		}
	}
}

bool
authn_news(size_t *at, struct authn_news *out)
{
	const struct chain *c = chain();

	while (c != NULL && *at < c->n) {
		const struct authenticator *a = &c->of[(*at)++];

		*out = (struct authn_news){ a->name, a->before, users_count(a->users) };
		if (a->is_news)
			return true;
	}
	return false;
}

/* The files were read with the settings.  Should one have gone in the moment since, those
 * who could come still can; at the start nobody can. */
void
authn_configure(void)
{
	bool whole;
	struct chain *c = chain_new(conf_get(CONF_AUTHN), conf_count(CONF_AUTHN), &whole);

	if (!whole && chain() != NULL) {
		chain_free(c);
		return;
	}
	if (chain() != NULL)
		find_news(c, chain());
	c = atomic_exchange(&self()->chain, c);
	if (c != NULL)
		qsbr_retire(c, sizeof *c, retired_chain);
}

void
authn_birth(void)
{
	struct access_node *n = MEM_NEW(struct access_node);

	rand_bytes(n->secret, sizeof n->secret);
	node_slot_set(ROOM_ACCESS, n);
	authn_configure();
}

void
authn_death(void)
{
	struct access_node *n = self();
	struct chain *c = atomic_exchange(&n->chain, NULL);

	chain_free(c);
	node_slot_set(ROOM_ACCESS, NULL);
	OPENSSL_cleanse(n, sizeof *n);
	mem_free(n);
}

/* ---- configuration */

#define AUTHN(member_) CONF_MEMBER(struct authn_conf, member_)

enum { NOT_SAID, BUILT, NOT_BUILT };

static const struct conf_word mechanisms[] = { { "scram", BUILT },
	{ "password_based", NOT_BUILT }, { "jwt", NOT_BUILT }, { "gssapi", NOT_BUILT },
	{ "cinfo", NOT_BUILT }, { NULL, 0 } };
static const struct conf_word backends[] = { { "built_in_database", BUILT },
	{ "http", NOT_BUILT }, { "mysql", NOT_BUILT }, { "postgresql", NOT_BUILT },
	{ "mongodb", NOT_BUILT }, { "redis", NOT_BUILT }, { "ldap", NOT_BUILT },
	{ NULL, 0 } };
static const struct conf_word algorithms[] = { { "sha256", SCRAM_SHA256 },
	{ "sha512", SCRAM_SHA512 }, { NULL, 0 } };
static const struct conf_word types[] = { { "plain", true }, { "hash", false },
	{ NULL, 0 } };

static const struct conf_field fields[] = {
	{ .path = "mechanism",
	    AUTHN(mechanism),
	    .type = CONF_ENUM,
	    .words = mechanisms,
	    .reload = CONF_LIVE,
	    .help = "How clients show who they are; scram is enhanced authentication of "
		    "MQTT 5 with the methods SCRAM-SHA-256 and SCRAM-SHA-512" },
	{ .path = "backend",
	    AUTHN(backend),
	    .type = CONF_ENUM,
	    .def = "built_in_database",
	    .words = backends,
	    .reload = CONF_LIVE,
	    .help = "Where the users are" },
	{ .path = "algorithm",
	    AUTHN(algorithm),
	    .type = CONF_ENUM,
	    .def = "sha256",
	    .words = algorithms,
	    .reload = CONF_LIVE,
	    .help = "Which method: sha256 is SCRAM-SHA-256, sha512 is SCRAM-SHA-512" },
	{ .path = "iteration_count",
	    AUTHN(iteration_count),
	    .type = CONF_INT,
	    .def = "4096",
	    .min = SCRAM_ITERATIONS_MIN,
	    .max = SCRAM_ITERATIONS_MAX,
	    .reload = CONF_LIVE,
	    .help = "Rounds of PBKDF2 for the passwords of a plain file" },
	{ .path = "enable",
	    AUTHN(enable),
	    .type = CONF_BOOL,
	    .def = "true",
	    .reload = CONF_LIVE,
	    .help = "Whether it is asked" },
	{ .path = "bootstrap_file",
	    AUTHN(bootstrap_file),
	    .type = CONF_TEXT,
	    .def = "",
	    .max = 4096,
	    .reload = CONF_LIVE,
	    .help = "File of the users, a line each: user_id,password,is_superuser; a "
		    "reload reads it again" },
	{ .path = "bootstrap_type",
	    AUTHN(is_plain),
	    .type = CONF_ENUM,
	    .def = "plain",
	    .words = types,
	    .reload = CONF_LIVE,
	    .help =
		"What the file's passwords are: plain, or hash: "
		"SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY as in PostgreSQL" },
};

static void
settle(void *self_, struct conf_settling *in)
{
	const struct authn_conf *conf = self_;
	struct users_how how = how_of(conf);
	struct fault f = { 0 };

	if (!conf->enable)
		return;
	if (conf->mechanism == NOT_SAID)
		conf_settling_fault(
		    in, "mechanism", "mechanism = scram", "it is missing");
	else if (conf->mechanism != BUILT || conf->backend != BUILT)
		conf_settling_fault(in,
		    conf->mechanism != BUILT ? "mechanism" : "backend",
		    "scram with backend = built_in_database is; with enable = false it "
		    "may stay, and lets everybody in if there is no other",
		    "it is not built yet");
	else if (conf->bootstrap_file[0] == '\0')
		conf_settling_fault(in, "bootstrap_file",
		    "a file with lines such as ann,secret,false", "there are no users");
	else if (users_check(&how, &f) != EM_OK)
		conf_settling_fault(in, "bootstrap_file", f.hint, "%s", f.text);
	fault_clear(&f);
}

const struct conf_section authn_conf = {
	.id = CONF_AUTHN,
	.path = "authentication.$name",
	.field = fields,
	.n = sizeof(fields) / sizeof(fields[0]),
	.size = sizeof(struct authn_conf),
	.name_at = offsetof(struct authn_conf, name),
	.is_list = true,
	.settle = settle,
};
