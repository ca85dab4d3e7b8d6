/* SPDX-License-Identifier: Apache-2.0 */
/* moat catalog leaves, entry and sign: making a catalogue. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/os.h"
#include "cli/catalog.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "gguf/gguf.h"
#include "run/memplan.h"
#include "store/leaves.h"
#include "store/resolve.h"

enum { PLAN_CONTEXT = 8192, PLAN_BATCH = 512, MOST_DAYS = 36500, DAY_S = 24 * 60 * 60 };

static struct {
    const char *name, *into, *licence, *summary, *leaves, *secret;
    const char *source[LIMIT_PULL_SOURCES];
    struct name alias[LIMIT_CATALOG_ALIASES];
    uint32_t n_source, n_alias, days;
    bool json, helped;
} o;

/* --- the file -----------------------------------------------------------------------------------
 */

/* A path, or a model of the store: one open file. */
static int open_file(const char *text, struct err *e)
{
    struct store s;
    struct name name;
    struct manifest m;
    struct stat st;
    if (stat(text, &st) == 0 || name_is_path(str_of(text)) ||
        !name_parse(&name, str_of(text), NULL)) {
        int fd = open(text, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
            os_fail_open(text, e);
        return fd;
    }
    if (!store_open(&s, false, e) || !manifest_read(&s, &name, &m, e))
        return -1;
    int fd = blob_open(&s, &m.digest, e);
    manifest_clear(&m);
    return fd;
}

/* Hash tree and SHA-256 of it, each where it is wanted. */
static bool hash_file(int fd, const char *text, struct leaves *l, struct digest *d, struct err *e)
{
    struct progress bar;
    const struct store_progress progress = {interrupt_progress, &bar};
    interrupt_begin();
    progress_start(&bar, text, 0);
    bool ok = !l || leaves_read(l, fd, text, &progress, e);
    ok = ok && (!d || blob_hash(fd, text, &progress, d, e));
    progress_end(&bar);
    interrupt_end();
    return ok;
}

/* --- leaves
 * --------------------------------------------------------------------------------------- */

static bool write_leaves(const char *text, struct err *e)
{
    struct leaves l = {0};
    char path[STORE_PATH];
    const char *out = o.leaves;
    int fd = open_file(text, e);
    bool ok = fd >= 0 && hash_file(fd, text, &l, NULL, e);
    if (ok && !out) {
        ok = snprintf(path, sizeof path, "%s" LEAVES_SUFFIX, text) < (int)sizeof path ||
             fail(e, ERR_USAGE, "path is too long: %s", text);
        out = path;
    }
    ok = ok && leaves_write(&l, out, e);
    if (ok && o.json)
        ok = catalog_print_json(
            json_pack("{s:s, s:s, s:I}", "tree", l.root, "leaves", out, "n", (json_int_t)l.n), e);
    else if (ok)
        printf("%s  %s\n", l.root, out);
    leaves_clear(&l);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* --- entry
 * ---------------------------------------------------------------------------------------- */

static void set_text(json_t *j, const char *key, struct str s)
{
    if (s.n && s.n < LIMIT_CATALOG_TEXT && str_utf8_valid(s))
        json_object_set_new(j, key, json_stringn(s.p, s.n));
}

static struct str text_of(const struct gguf *g, const char *key)
{
    struct str s = STR("");
    (void)!gguf_get_str(g, key, &s, NULL);
    return s;
}

static json_t *list_sources(void)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < o.n_source; i++)
        json_array_append_new(list, json_string(o.source[i]));
    return list;
}

static json_t *list_aliases(void)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < o.n_alias; i++)
        json_array_append_new(list, json_string(o.alias[i].text));
    return list;
}

/* What it takes at a context of 8192 tokens; a model that cannot run here has none. */
static uint64_t memory_of(const struct gguf *g)
{
    struct memplan plan;
    struct model *m = model_new(g, NULL, NULL);
    if (!m)
        return 0;
    uint32_t n_ctx = m->h.n_ctx_train < PLAN_CONTEXT ? m->h.n_ctx_train : PLAN_CONTEXT;
    struct forward_params p = {
        .kv = {.type = KV_F16, .n_ctx = n_ctx, .n_seq = 1, .n_batch = PLAN_BATCH},
        .n_threads = os_cpu_count(),
        .n_logits = 1};
    memplan_of(&plan, g, m, &p);
    memplan_sum(&plan);
    model_free(m);
    return plan.total;
}

static void set_facts(json_t *j, const struct gguf *g)
{
    struct str architecture = text_of(g, "general.architecture"), template, licence;
    char key[128], params[32];
    struct digest d;
    uint32_t context = 0;
    double n = (double)gguf_n_weights(g);
    snprintf(key, sizeof key, "%.*s.context_length", STR_ARG(architecture));
    (void)!gguf_get_u32(g, key, &context, NULL);
    snprintf(params, sizeof params, n < 1e9 ? "%.0fM" : "%.1fB", n < 1e9 ? n / 1e6 : n / 1e9);
    licence = o.licence ? str_of(o.licence) : text_of(g, "general.license");
    set_text(j, "summary", o.summary ? str_of(o.summary) : text_of(g, "general.name"));
    set_text(j, "parameters", str_of(params));
    set_text(j, "architecture", architecture);
    set_text(j, "quantisation", str_of(dtype_name(gguf_most_weights(g))));
    set_text(j, "licence", licence);
    if (context)
        json_object_set_new(j, "context", json_integer(context));
    json_object_set_new(j, "size", json_integer((json_int_t)g->file_bytes));
    uint64_t memory = memory_of(g);
    if (memory)
        json_object_set_new(j, "memory", json_integer((json_int_t)memory));
    template = text_of(g, "tokenizer.chat_template");
    if (template.n && digest_of(&d, template, NULL))
        json_object_set_new(j, "template_sha256", json_string(d.hex));
}

static json_t *make_entry(const char *text, const struct name *name, struct err *e)
{
    struct leaves l = {0};
    struct digest d;
    int fd = open_file(text, e);
    if (fd < 0)
        return NULL;
    bool ok = hash_file(fd, text, o.leaves ? &l : NULL, &d, e) &&
              (!o.leaves || leaves_write(&l, o.leaves, e));
    struct gguf *g = NULL;
    if (ok)
        g = gguf_take_fd(fd, text, e);
    else
        close(fd);
    json_t *j = g ? json_pack("{s:s}", "name", name->text) : NULL;
    if (j && o.n_alias)
        json_object_set_new(j, "aliases", list_aliases());
    if (j) {
        set_facts(j, g);
        json_object_set_new(j, "sha256", json_string(d.hex));
        if (o.leaves)
            json_object_set_new(j, "tree", json_string(l.root));
        json_object_set_new(j, "sources", list_sources());
    }
    gguf_close(g);
    leaves_clear(&l);
    return j;
}

static bool write_document(const json_t *j, const char *path, struct err *e)
{
    return json_write_file(j, path, LIMIT_CATALOG_BYTES, 0644, e);
}

/* The catalogue, or a new one; what is there must be one. */
static json_t *read_document(const char *path, struct err *e)
{
    struct buf text;
    struct catalog c;
    if (access(path, F_OK) != 0)
        return json_pack("{s:i, s:s, s:i, s:[]}", "format", 1, "name", "", "version", 0, "models");
    buf_init(&text, LIMIT_CATALOG_BYTES);
    bool ok = buf_read_file(&text, path, e) && catalog_parse(&c, buf_view(&text), path, e);
    json_t *j = ok ? json_incref(c.document) : NULL;
    if (ok)
        catalog_clear(&c);
    buf_clear(&text);
    return j;
}

static bool put_entry(const char *text, struct err *e)
{
    struct name name;
    if (!o.name || !o.n_source)
        return fail(e, ERR_USAGE,
                    "moat catalog entry needs --name NAME[:TAG] and at least one --source");
    if (!name_parse(&name, str_of(o.name), e))
        return false;
    json_t *entry = make_entry(text, &name, e);
    if (!entry)
        return false;
    if (!o.into)
        return catalog_print_json(entry, e);
    json_t *document = read_document(o.into, e);
    bool ok = document && catalog_put(document, json_incref(entry), e) &&
              write_document(document, o.into, e);
    if (ok)
        printf(_("%s: %s, version %lld\n"), o.into, name.text,
               (long long)json_integer_value(json_object_get(document, "version")));
    json_decref(document);
    json_decref(entry);
    return ok;
}

/* --- sign
 * ----------------------------------------------------------------------------------------- */

/* A new expiry is a new version. */
static bool set_expiry(const char *path, json_t *document, struct err *e)
{
    char text[32] = "";
    time_t at = time(NULL) + (time_t)o.days * DAY_S;
    struct tm t;
    json_int_t version = json_integer_value(json_object_get(document, "version"));
    if (gmtime_r(&at, &t))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &t);
    json_object_set_new(document, "expires", json_string(text));
    json_object_set_new(document, "version", json_integer(version + 1));
    return write_document(document, path, e);
}

static bool check_document(const char *path, struct err *e)
{
    struct buf text;
    struct catalog c;
    buf_init(&text, LIMIT_CATALOG_BYTES);
    bool ok = buf_read_file(&text, path, e) && catalog_parse(&c, buf_view(&text), path, e);
    buf_clear(&text);
    if (!ok)
        return false;
    for (size_t i = 0; ok && i < c.n; i++)
        ok = catalog_check_entry(&c.v[i], e);
    ok = ok && (!o.days || set_expiry(path, c.document, e));
    if (ok)
        printf(_("%s: version %llu, %zu models\n"), path,
               (unsigned long long)json_integer_value(json_object_get(c.document, "version")), c.n);
    catalog_clear(&c);
    return ok;
}

static bool sign_document(const char *path, struct err *e)
{
    struct sign_secret k;
    if (!o.secret)
        return fail(e, ERR_USAGE,
                    "moat catalog sign needs --secret FILE, a key that moat sign new has made");
    bool ok = sign_secret_read(&k, o.secret, e) && check_document(path, e) &&
              sign_file(path, SIGN_CATALOG, LIMIT_CATALOG_BYTES, &k, e);
    if (ok)
        printf(_("signed by %s: %s%s\n"), k.key.id, path, SIGN_SUFFIX);
    sign_secret_clear(&k);
    return ok;
}

/* --- commands
 * ------------------------------------------------------------------------------------- */

static bool add_source(void *out, struct str value, struct err *e)
{
    (void)out;
    if (o.n_source == LIMIT_PULL_SOURCES)
        return fail(e, ERR_LIMIT, "more than %u sources", LIMIT_PULL_SOURCES);
    o.source[o.n_source++] = value.p;
    return true;
}

static bool add_alias(void *out, struct str value, struct err *e)
{
    (void)out;
    if (o.n_alias == LIMIT_CATALOG_ALIASES)
        return fail(e, ERR_LIMIT, "%u further names are the most", LIMIT_CATALOG_ALIASES);
    return name_parse(&o.alias[o.n_alias++], value, e);
}

static const struct opt leaves_table[] = {
    {"out", 0, OPT_TEXT, &o.leaves, "FILE",
     N_("where the leaves go (default: beside the file, as FILE.leaves)"), 0, 0, NULL},
    {"json", 0, OPT_FLAG, &o.json, NULL, N_("print one JSON object"), 0, 0, NULL},
    {0}};
static const struct opt entry_table[] = {
    {"name", 'n', OPT_TEXT, &o.name, "NAME[:TAG]", N_("what the model is to be called"), 0, 0,
     NULL},
    {"source", 0, OPT_CALL, NULL, "ADDRESS",
     N_("where the file can be fetched: https://..., hf:..., ms:..., ollama:... or oci:...; may be "
        "given often, best first"),
     0, 0, add_source},
    {"into", 0, OPT_TEXT, &o.into, "FILE",
     N_("the catalogue to put it into, a new one where there is none (default: print the entry)"),
     0, 0, NULL},
    {"alias", 0, OPT_CALL, NULL, "NAME[:TAG]", N_("a further name; may be given often"), 0, 0,
     add_alias},
    {"licence", 0, OPT_TEXT, &o.licence, "TEXT",
     N_("its licence (default: what the file says of itself)"), 0, 0, NULL},
    {"summary", 0, OPT_TEXT, &o.summary, "TEXT", N_("one line on what it is good for"), 0, 0, NULL},
    {"leaves", 0, OPT_TEXT, &o.leaves, "FILE",
     N_("also write the leaves of its hash tree there, to be put beside the file at a source, and "
        "their root into the entry"),
     0, 0, NULL},
    {0}};
static const struct opt sign_table[] = {
    {"secret", 's', OPT_TEXT, &o.secret, "FILE", N_("the secret key (moat sign new makes one)"), 0,
     0, NULL},
    {"days", 0, OPT_U32, &o.days, "N",
     N_("let it expire after so many days; raises its version by one"), 1, MOST_DAYS, NULL},
    {0}};

static int run(const struct command *c, const struct opt *table, int argc, char **argv,
               bool (*fn)(const char *text, struct err *e))
{
    struct err e = {0};
    struct args args = {.v = (const char *[1]){NULL}};
    memset(&o, 0, sizeof o);
    if (!opts_parse(c, (const struct opt *const[]){table, NULL}, argc, argv, &args, 1, 1, &o.helped,
                    &e) ||
        (!o.helped && !fn(args.v[0], &e)))
        return opts_report(&e);
    return 0;
}

static int main_leaves(int argc, char **argv)
{
    return run(&catalog_leaves, leaves_table, argc, argv, write_leaves);
}

static int main_entry(int argc, char **argv)
{
    return run(&catalog_entry, entry_table, argc, argv, put_entry);
}

static int main_sign(int argc, char **argv)
{
    return run(&catalog_sign, sign_table, argc, argv, sign_document);
}

const struct command catalog_leaves = {
    .name = "catalog leaves",
    .args = "FILE.gguf|MODEL",
    .summary = N_("write the leaves of a file's hash tree, and print its root"),
    .detail = N_("With the root in a signed catalogue and FILE.leaves beside FILE.gguf at any "
                 "source, moat pull checks every MiB as it comes, and a damaged one costs no more "
                 "than itself."),
    .run = main_leaves,
};

const struct command catalog_entry = {
    .name = "catalog entry",
    .args = "FILE.gguf|MODEL",
    .summary = N_("describe a model for a catalogue: size, memory, SHA-256, template, sources"),
    .run = main_entry,
};

const struct command catalog_sign = {
    .name = "catalog sign",
    .args = "CATALOG.json",
    .summary = N_("check a catalogue and sign it: CATALOG.json.sig"),
    .detail = N_("Several keys can sign one after another. A catalogue that was changed must be "
                 "signed again; give it a higher version, or those who have it refuse it."),
    .run = main_sign,
};
