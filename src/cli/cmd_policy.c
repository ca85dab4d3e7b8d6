/* SPDX-License-Identifier: Apache-2.0 */
/* moat policy: which models may run on a machine: the list is made and signed by those who approve
 * models, and installed where they run. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/os.h"
#include "cli/commands.h"
#include "cli/open_model.h"
#include "cli/policy_model.h"
#include "cli/term.h"
#include "cli/verbs.h"
#include "store/admit.h"

enum { MOST_DAYS = 36500, DAY_S = 24 * 60 * 60, N_ARGS = 3 };

static struct {
    struct sign_key key[SIGN_SIGNERS];
    uint32_t n_key, needed, days;
    const char *name, *note, *secret, *until;
    bool draft, json, helped;
} o;

/* --- the document --------------------------------------------------------------------------------
 */

static bool read_document(struct policy *p, const char *path, struct err *e)
{
    struct buf text;
    buf_init(&text, POLICY_BYTES);
    bool ok = buf_read_file(&text, path, e) && policy_parse(p, buf_view(&text), path, e);
    buf_clear(&text);
    return ok;
}

static bool write_document(const struct policy *p, const char *path, struct err *e)
{
    struct os_atomic_file f = {.fd = -1};
    struct buf text;
    json_t *j = policy_to_json(p);
    buf_init(&text, POLICY_BYTES);
    bool ok = j ? json_write(j, JSON_INDENT(1), &text, e) : fail(e, ERR_LIMIT, "not enough memory");
    buf_byte(&text, '\n');
    ok = ok && buf_ok(&text, path, e) && os_atomic_open(&f, path, e) &&
         os_atomic_write(&f, text.p, text.n, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    json_decref(j);
    buf_clear(&text);
    return ok;
}

static void day_of(int64_t at, char out[24])
{
    time_t t = (time_t)at;
    struct tm tm;
    snprintf(out, 24, "%s", at ? "" : "-");
    if (at && gmtime_r(&t, &tm))
        strftime(out, 24, "%Y-%m-%d", &tm);
}

static void print_text(const struct policy *p)
{
    char day[24], size[16], hex[2 * HASH_BYTES + 1];
    day_of(p->terms.expires, day);
    printf(_("version %llu, expires %s, %u of %u keys must sign:\n"),
           (unsigned long long)p->terms.version, day, p->needed, p->n_key);
    for (uint32_t i = 0; i < p->n_key; i++)
        printf("  %s %s\n", p->key[i].id, p->key[i].name);
    for (size_t i = 0; i < p->n; i++) {
        const struct policy_model *m = &p->v[i];
        policy_hex(&m->sha256, hex);
        day_of(m->not_after, day);
        printf("%-32s %9s  %.16s  %-5s  %-10s  %s\n", m->name, term_size(m->size, size), hex,
               m->uses == POLICY_DRAFT   ? "draft"
               : m->uses == POLICY_MODEL ? "model"
                                         : "both",
               day, m->note);
    }
}

static bool print_policy(const struct policy *p, struct err *e)
{
    struct buf out;
    if (!o.json) {
        print_text(p);
        return true;
    }
    buf_init(&out, POLICY_BYTES);
    json_t *j = policy_to_json(p);
    bool ok = j ? json_write(j, 0, &out, e) : fail(e, ERR_LIMIT, "not enough memory");
    if (ok)
        puts(buf_c(&out));
    json_decref(j);
    buf_clear(&out);
    return ok;
}

/* --- making one ----------------------------------------------------------------------------------
 */

static bool start(const char *const *arg, struct err *e)
{
    struct policy p = {.terms.version = 1, .n_key = o.n_key, .needed = o.needed ? o.needed : 1};
    if (o.n_key == 0)
        return fail(e, ERR_USAGE,
                    "moat policy init needs --key: who must sign it (moat sign new makes keys)");
    if (p.needed > o.n_key)
        return fail(e, ERR_USAGE, "--needed %u of %u keys cannot be", p.needed, o.n_key);
    if (access(arg[0], F_OK) == 0)
        return fail(e, ERR_USAGE, "%s is there already", arg[0]);
    memcpy(p.key, o.key, sizeof p.key);
    return write_document(&p, arg[0], e) && print_policy(&p, e);
}

/* Each change is a new version, so that the old one cannot come back. */
static bool change(const char *path, struct policy *p, struct err *e)
{
    p->terms.version++;
    return write_document(p, path, e) && print_policy(p, e);
}

static bool parse_until(int64_t *out, struct err *e)
{
    struct tm tm = {0};
    if (!o.until)
        return true;
    const char *end = strptime(o.until, "%Y-%m-%d", &tm);
    *out = end && *end == '\0' ? (int64_t)timegm(&tm) : 0;
    return *out > 0 || fail(e, ERR_USAGE, "--until must be a day like 2027-06-30");
}

static bool add(const char *const *arg, struct err *e)
{
    struct policy p = {0};
    struct policy_model m = {.uses = POLICY_MODEL | (o.draft ? POLICY_DRAFT : 0u)};
    if (!arg[1])
        return fail(e, ERR_USAGE, "moat policy add needs the policy's file and a model");
    snprintf(m.name, sizeof m.name, "%s", o.name ? o.name : arg[1]);
    snprintf(m.note, sizeof m.note, "%s", o.note ? o.note : "");
    bool ok = parse_until(&m.not_after, e) && read_document(&p, arg[0], e) &&
              policy_model_read(&m, arg[1], e) && policy_put(&p, &m, e) && change(arg[0], &p, e);
    policy_clear(&p);
    return ok;
}

static bool take_away(const char *const *arg, struct err *e)
{
    struct policy p = {0};
    size_t i = 0;
    if (!arg[1])
        return fail(e, ERR_USAGE, "moat policy remove needs the policy's file and a name");
    if (!read_document(&p, arg[0], e))
        return false;
    while (i < p.n && strcmp(p.v[i].name, arg[1]) != 0)
        i++;
    bool ok = i < p.n || fail(e, ERR_NOT_FOUND, "%s does not list %s", arg[0], arg[1]);
    if (ok) {
        memmove(&p.v[i], &p.v[i + 1], (p.n - i - 1) * sizeof *p.v);
        p.n--;
        ok = change(arg[0], &p, e);
    }
    policy_clear(&p);
    return ok;
}

static bool set_expiry(const char *path, struct policy *p, struct err *e)
{
    p->terms.expires = (int64_t)time(NULL) + (int64_t)o.days * DAY_S;
    p->terms.version++;
    return write_document(p, path, e);
}

static bool sign(const char *const *arg, struct err *e)
{
    struct sign_secret k;
    struct policy p = {0};
    if (!o.secret)
        return fail(e, ERR_USAGE,
                    "moat policy sign needs --secret FILE, a key that moat sign new has made");
    bool ok = sign_secret_read(&k, o.secret, e) && read_document(&p, arg[0], e) &&
              (!o.days || set_expiry(arg[0], &p, e)) &&
              sign_file(arg[0], SIGN_POLICY, POLICY_BYTES, &k, e);
    if (ok)
        printf(_("version %llu, %zu models, signed by %s: %s%s\n"),
               (unsigned long long)p.terms.version, p.n, k.key.id, arg[0], SIGN_SUFFIX);
    policy_clear(&p);
    sign_secret_clear(&k);
    return ok;
}

/* --- using one -----------------------------------------------------------------------------------
 */

static struct sign_trust given(void)
{
    return (struct sign_trust){o.key, o.n_key, o.needed ? o.needed : o.n_key};
}

static bool verify(const char *const *arg, struct err *e)
{
    struct buf body;
    struct policy p = {0};
    struct sign_trust trust = given();
    if (trust.n == 0)
        return fail(e, ERR_USAGE, "moat policy verify needs --key: who must have signed it");
    bool ok = sign_open(arg[0], SIGN_POLICY, POLICY_BYTES, &trust, &body, e) &&
              policy_parse(&p, buf_view(&body), arg[0], e) &&
              sign_terms_check(&p.terms, 0, (int64_t)time(NULL), arg[0], e) && print_policy(&p, e);
    policy_clear(&p);
    buf_clear(&body);
    return ok;
}

/* The one that is installed, or a file's. */
static bool show(const char *const *arg, struct err *e)
{
    char dir[STORE_PATH];
    struct policy p = {0};
    bool enforced = true;
    int64_t now;
    bool ok = arg[0] ? read_document(&p, arg[0], e)
                     : admit_folder(dir, e) && policy_load(&p, dir, false, &enforced, &now, e);
    if (ok && !enforced)
        puts(_("no policy is installed: every model may run"));
    else if (ok)
        ok = print_policy(&p, e);
    policy_clear(&p);
    return ok;
}

static bool install(const char *const *arg, struct err *e)
{
    char dir[STORE_PATH];
    struct policy p = {0};
    struct sign_trust first = given();
    bool ok =
        admit_folder(dir, e) && policy_install(arg[0], dir, &first, &p, e) && print_policy(&p, e);
    if (ok)
        fprintf(stderr, _("From now on only these models run here.\n"));
    policy_clear(&p);
    return ok;
}

static bool check(const char *const *arg, struct err *e)
{
    char hex[2 * HASH_BYTES + 1];
    struct gguf *g = o.draft ? open_draft(arg[0], e) : open_model(arg[0], e);
    if (!g)
        return false;
    if (g->approval) {
        policy_hex(&g->approval->sha256, hex);
        printf(_("%s may run: sha256 %s, policy version %llu\n"), arg[0], hex,
               (unsigned long long)g->approval->policy);
    } else {
        printf(_("%s may run: no policy is installed\n"), arg[0]);
    }
    gguf_close(g);
    return true;
}

/* --- the command ---------------------------------------------------------------------------------
 */

static const struct verb {
    const char *name;
    bool (*run)(const char *const *arg, struct err *e);
    bool file; /* it needs an argument */
} verbs[] = {{"init", start, true},      {"add", add, true},    {"remove", take_away, true},
             {"sign", sign, true},       {"show", show, false}, {"verify", verify, true},
             {"install", install, true}, {"check", check, true}};

static bool run(const struct args *args, struct err *e)
{
    const char *arg[N_ARGS] = {NULL};
    for (uint32_t i = 1; i < args->n; i++)
        arg[i - 1] = args->v[i];
    const struct verb *v =
        verbs_find(&cmd_policy, verbs, sizeof verbs / sizeof *verbs, sizeof *verbs, args->v[0], e);
    if (v && v->file && !arg[0])
        return fail(e, ERR_USAGE, "moat policy %s needs the name of a file or model", v->name);
    return v && v->run(arg, e);
}

static bool take_key(void *out, struct str value, struct err *e)
{
    (void)out;
    if (o.n_key == SIGN_SIGNERS)
        return fail(e, ERR_LIMIT, "%d keys are the most", SIGN_SIGNERS);
    return sign_key_given(&o.key[o.n_key++], value.p, e);
}

static const struct opt table[] = {
    {"key", 'k', OPT_CALL, NULL, "KEY|FILE",
     N_("a public key that must have signed, or its file; may be given several times"), 0, 0,
     take_key},
    {"needed", 0, OPT_U32, &o.needed, "N",
     N_("how many of the keys must have signed (init: 1; else all given)"), 1, SIGN_SIGNERS, NULL},
    {"name", 'n', OPT_TEXT, &o.name, "NAME", N_("add: what to call the model"), 0, 0, NULL},
    {"note", 0, OPT_TEXT, &o.note, "TEXT", N_("add: why it was approved, and by whom"), 0, 0, NULL},
    {"until", 0, OPT_TEXT, &o.until, "DAY", N_("add: the day from which it may not run any more"),
     0, 0, NULL},
    {"draft", 0, OPT_FLAG, &o.draft, NULL,
     N_("add, check: it may also guess ahead for another model (--draft of moat run)"), 0, 0, NULL},
    {"secret", 's', OPT_TEXT, &o.secret, "FILE",
     N_("sign: the secret key (moat sign new makes one)"), 0, 0, NULL},
    {"days", 0, OPT_U32, &o.days, "N",
     N_("sign: let it expire after so many days; raises its version by one"), 1, MOST_DAYS, NULL},
    {"json", 0, OPT_FLAG, &o.json, NULL, N_("print one JSON object"), 0, 0, NULL},
    {0}};

static int main_policy(int argc, char **argv)
{
    struct err e = {0};
    struct args args = {.v = (const char *[N_ARGS]){NULL}};
    memset(&o, 0, sizeof o);
    if (!opts_parse(&cmd_policy, (const struct opt *const[]){table, NULL}, argc, argv, &args, 1,
                    N_ARGS, &o.helped, &e) ||
        (!o.helped && !run(&args, &e)))
        return opts_report(&e);
    return 0;
}

const struct command cmd_policy = {
    .name = "policy",
    .args = "init|add|remove|sign|show|verify|install|check [FILE] [MODEL]",
    .summary = N_("say which models may run on a machine, and see to it"),
    .detail =
        N_("A policy is a signed list of models, by the hashes of their files and packed weights. "
           "Once one is installed, moat run, serve and the measuring commands refuse every other "
           "model, and every MiB of an allowed one is compared with its hash before it is used.\n\n"
           "moat policy init site.json --key ann.pub --key bo.pub --needed 2\n"
           "moat policy add site.json smollm2:135m --note \"evaluated 2026-11\"\n"
           "moat policy sign site.json --secret ann --days 365    # and Bo the same, without "
           "--days\n"
           "moat policy install site.json --key ann.pub --key bo.pub\n"
           "moat policy check smollm2:135m"),
    .run = main_policy,
};
