/* SPDX-License-Identifier: Apache-2.0 */
/* moat sign: keys that sign catalogues, bundles, policies and releases; and the last of these. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/bundle.h"
#include "cli/commands.h"
#include "cli/isolate.h"
#include "guard/release.h"

static struct {
    const char *name, *secret;
    struct bundle_keys keys;
    bool json, helped;
} o;

static const struct opt table[] = {
    {"name", 'n', OPT_TEXT, &o.name, "TEXT", N_("whose key it is, in words"), 0, 0, NULL},
    {"secret", 's', OPT_TEXT, &o.secret, "FILE",
     N_("release: the secret key (moat sign new makes one)"), 0, 0, NULL},
    BUNDLE_KEY_OPTIONS(&o.keys),
    {"json", 0, OPT_FLAG, &o.json, NULL, N_("print one JSON object"), 0, 0, NULL},
    {0}};

static bool print_key(const struct sign_key *k, struct err *e)
{
    char text[SIGN_TEXT];
    struct buf out;
    sign_key_text(k, text);
    if (!o.json) {
        printf("%s\n", text);
        return true;
    }
    buf_init(&out, LIMIT_KEYS_BYTES);
    json_t *j = json_pack("{s:s, s:s, s:s}", "id", k->id, "key", text, "name", k->name);
    bool ok = j ? json_write(j, 0, &out, e) : fail(e, ERR_LIMIT, "not enough memory");
    if (ok)
        puts(buf_c(&out));
    json_decref(j);
    buf_clear(&out);
    return ok;
}

static bool make(const char *path, struct err *e)
{
    struct sign_secret k;
    bool ok = sign_secret_make(&k, str_of(o.name), e) && sign_secret_write(&k, path, e) &&
              print_key(&k.key, e);
    if (ok)
        fprintf(stderr,
                _("Key %s. Keep %s where nobody else can read it, and give %s.pub to those "
                  "who are to trust it.\n"),
                k.key.id, path, path);
    sign_secret_clear(&k);
    return ok;
}

/* The public half of either. */
static bool show(const char *path, struct err *e)
{
    struct sign_key k;
    struct sign_secret s;
    if (sign_key_given(&k, path, e))
        return print_key(&k, e);
    if (e->code != ERR_USAGE || !sign_secret_read(&s, path, e))
        return false;
    bool ok = print_key(&s.key, e);
    sign_secret_clear(&s);
    return ok;
}

/* --- the files of a release ---------------------------------------------------------------------
 */

static bool release(const char *path, struct err *e)
{
    struct sign_secret k;
    if (!o.secret)
        return fail(e, ERR_USAGE,
                    "moat sign release needs --secret FILE, a key that moat sign new has made");
    bool ok = sign_secret_read(&k, o.secret, e) && release_sign(path, &k, e);
    if (ok)
        printf(_("signed by %s: %s%s\n"), k.key.id, path, SIGN_SUFFIX);
    sign_secret_clear(&k);
    return ok;
}

static bool trusted(struct sign_key key[SIGN_SIGNERS], struct sign_trust *t, struct err *e)
{
    *t = (struct sign_trust){key, o.keys.n, o.keys.needed ? o.keys.needed : 1};
    if (t->n == 0)
        return fail(e, ERR_USAGE,
                    "--key KEY is missing: a release is worth as much as the key that signed it; "
                    "take it from another place than the release");
    if (t->needed > t->n)
        return fail(e, ERR_USAGE, "--needed %u, but only %u keys", t->needed, t->n);
    for (uint32_t i = 0; i < t->n; i++)
        if (!sign_key_given(&key[i], o.keys.text[i], e))
            return false;
    return true;
}

static bool check(const char *path, struct err *e)
{
    struct sign_key key[SIGN_SIGNERS];
    struct sign_trust trust;
    struct release *r = mem_new(1, sizeof *r, e);
    bool ok = r && trusted(key, &trust, e) && isolate_command(false, NULL, e) &&
              release_check(path, &trust, r, e);
    for (uint32_t i = 0; ok && i < r->n; i++)
        printf(_("%s is as it was signed\n"), r->v[i].name);
    mem_free(r);
    return ok;
}

static bool run(const struct args *args, struct err *e)
{
    static const struct {
        const char *name;
        bool (*fn)(const char *path, struct err *e);
    } verbs[] = {{"new", make}, {"show", show}, {"release", release}, {"check", check}};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(args->v[0], verbs[i].name) == 0)
            return args->n == 2
                       ? verbs[i].fn(args->v[1], e)
                       : fail(e, ERR_USAGE, "moat sign %s needs the name of a file", args->v[0]);
    return fail(e, ERR_USAGE, "moat sign does not know \"%s\"; it has new, show, release and check",
                args->v[0]);
}

static int main_sign(int argc, char **argv)
{
    struct err e = {0};
    struct args args = {.v = (const char *[2]){NULL, NULL}};
    memset(&o, 0, sizeof o);
    if (!opts_parse(&cmd_sign, (const struct opt *const[]){table, NULL}, argc, argv, &args, 1, 2,
                    &o.helped, &e) ||
        (!o.helped && !run(&args, &e)))
        return opts_report(&e);
    return 0;
}

const struct command cmd_sign = {
    .name = "sign",
    .args = "new FILE|show FILE|release LIST|check LIST",
    .summary = N_("make and show keys that sign; sign and check the files of a release"),
    .detail =
        N_("new makes a pair of keys: FILE, which is secret, and FILE.pub, which is given to "
           "others; it prints the latter. show prints the public key of either file. Keys are "
           "Ed25519; moat catalog sign, moat bundle create and moat policy sign use them. release "
           "signs a list of files as sha256sum writes it (LIST.sig), check says whether the list "
           "is signed by --key and the files beside it are those."),
    .run = main_sign,
};
