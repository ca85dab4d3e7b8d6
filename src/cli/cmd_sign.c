/* SPDX-License-Identifier: Apache-2.0 */
/* moat sign: keys that sign catalogues, bundles and policies. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "guard/sign.h"

static struct {
    const char *name;
    bool json, helped;
} o;

static const struct opt table[] = {
    {"name", 'n', OPT_TEXT, &o.name, "TEXT", N_("whose key it is, in words"), 0, 0, NULL},
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

static bool run(const struct args *args, struct err *e)
{
    const char *verb = args->v[0];
    if (strcmp(verb, "new") != 0 && strcmp(verb, "show") != 0)
        return fail(e, ERR_USAGE, "moat sign does not know \"%s\"; it has new and show", verb);
    if (args->n < 2)
        return fail(e, ERR_USAGE, "moat sign %s needs the name of a file", verb);
    return strcmp(verb, "new") == 0 ? make(args->v[1], e) : show(args->v[1], e);
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
    .args = "new FILE|show FILE",
    .summary = N_("make and show the keys that sign catalogues, bundles and policies"),
    .detail =
        N_("new makes a pair of keys: FILE, which is secret, and FILE.pub, which is given to "
           "others; it prints the latter. show prints the public key of either file. Keys are "
           "Ed25519; moat catalog sign signs with them."),
    .run = main_sign,
};
