/* SPDX-License-Identifier: Apache-2.0 */
/* moat bundle create. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/bundle.h"
#include "cli/interrupt.h"
#include "cli/term.h"

enum { MOST_NAMED = 512 };

struct list {
    const char *v[MOST_NAMED];
    uint32_t n;
};

static struct {
    const char *secret;
    struct list models, files[BUNDLE_KINDS];
    uint64_t part_bytes, version;
    bool program, json, helped;
} o;

static bool take(void *list, struct str value, struct err *e)
{
    struct list *l = list;
    if (l->n == MOST_NAMED)
        return fail(e, ERR_LIMIT, "more than %d of one kind do not fit one bundle", MOST_NAMED);
    l->v[l->n++] = value.p; /* the end of an argument: NUL-terminated */
    return true;
}

static const struct opt table[] = {
    {"sign", 's', OPT_TEXT, &o.secret, "FILE", N_("the secret key that signs it (moat sign new)"),
     0, 0, NULL},
    {"model", 'm', OPT_CALL, &o.models, "MODEL", N_("a model of the store; may be given again"), 0,
     0, take},
    {"catalog", 0, OPT_CALL, &o.files[BUNDLE_CATALOG], "FILE",
     N_("a catalogue, with the .sig beside it; may be given again"), 0, 0, take},
    {"policy", 0, OPT_CALL, &o.files[BUNDLE_POLICY], "FILE", N_("a policy; may be given again"), 0,
     0, take},
    {"doc", 0, OPT_CALL, &o.files[BUNDLE_DOC], "FILE", N_("a document; may be given again"), 0, 0,
     take},
    {"licence", 0, OPT_CALL, &o.files[BUNDLE_LICENCE], "FILE",
     N_("the text of a licence, or FILE=NAME to call it so; may be given again"), 0, 0, take},
    {"no-program", 0, OPT_NO_FLAG, &o.program, NULL, N_("leave this program out"), 0, 0, NULL},
    {"split", 0, OPT_SIZE, &o.part_bytes, "SIZE",
     N_("cut it into parts of this size: OUT.001, OUT.002 and so on"), 0, 0, NULL},
    {"bundle-version", 0, OPT_U64, &o.version, "N",
     N_("a number that rises with each bundle of a site (default 1)"), 0, 0, NULL},
    {"json", 0, OPT_FLAG, &o.json, NULL, N_("print one JSON object"), 0, 0, NULL},
    {0}};

/* The SHA-256 of one file, which whoever begins with nothing but a shell compares. */
static bool hash_file(const char *path, struct digest *d, struct err *e)
{
    const struct store_progress none = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return os_fail_open(path, e);
    bool ok = blob_hash(fd, path, &none, d, e);
    close(fd);
    return ok;
}

static bool report_files(const struct bundle_made *made, const char *out, json_t *files,
                         struct err *e)
{
    for (uint32_t i = 0; i < made->n_parts; i++) {
        char path[STORE_PATH];
        struct digest d;
        if (o.part_bytes)
            snprintf(path, sizeof path, "%s.%03u", out, i + 1);
        else
            snprintf(path, sizeof path, "%s", out);
        if (!hash_file(path, &d, e))
            return false;
        if (files)
            json_array_append_new(files, json_pack("{s:s, s:s}", "path", path, "sha256", d.hex));
        else
            printf("%s  %s\n", d.hex, path); /* as sha256sum -c reads it */
    }
    return true;
}

static bool report(const struct bundle_made *made, const char *out, const struct sign_key *key,
                   struct err *e)
{
    char size[16];
    struct buf text;
    json_t *files = o.json ? json_array() : NULL;
    bool ok = report_files(made, out, files, e);
    if (ok && !o.json) {
        fprintf(stderr, _("%s, %u files, signed by %s.\n"), term_size(made->bytes, size),
                made->n_files, key->name[0] ? key->name : key->id);
    } else if (ok) {
        json_t *j = json_pack("{s:I, s:i, s:s, s:O}", "bytes", (json_int_t)made->bytes, "files",
                              (int)made->n_files, "key", key->id, "parts", files);
        buf_init(&text, 1 << 20);
        ok = json_write(j, 0, &text, e);
        if (ok)
            puts(buf_c(&text));
        buf_clear(&text);
        json_decref(j);
    }
    json_decref(files);
    return ok;
}

static struct bundle_wish wish_of(const char *out, const struct sign_secret *secret, char *messages,
                                  size_t cap)
{
    const char *dir = bindtextdomain("moat", NULL);
    snprintf(messages, cap, "%s/zh_CN/LC_MESSAGES/moat.mo", dir ? dir : "");
    struct bundle_wish w = {.out = out,
                            .secret = secret,
                            .models = o.models.v,
                            .n_models = o.models.n,
                            .program = o.program,
                            .messages = access(messages, R_OK) == 0 ? messages : NULL,
                            .part_bytes = o.part_bytes,
                            .version = o.version};
    for (int k = 0; k < BUNDLE_KINDS; k++) {
        w.files[k] = o.files[k].v;
        w.n_files[k] = o.files[k].n;
    }
    return w;
}

static bool run(const char *out, struct err *e)
{
    char messages[STORE_PATH];
    struct sign_secret secret;
    struct bundle_made made;
    struct progress bar;
    if (!o.secret)
        return fail(e, ERR_USAGE,
                    "--sign FILE is missing: the secret key that signs the bundle; "
                    "moat sign new makes one");
    if (o.part_bytes % BUNDLE_ALIGN)
        return fail(e, ERR_USAGE, "--split must be a multiple of %u bytes, such as 4G or 650M",
                    BUNDLE_ALIGN);
    if (!sign_secret_read(&secret, o.secret, e))
        return false;
    struct bundle_wish w = wish_of(out, &secret, messages, sizeof messages);
    interrupt_begin();
    w.progress = bundle_bar(&bar, _("writing"));
    bool ok = bundle_make(&w, &made, e);
    progress_end(&bar);
    interrupt_end();
    ok = ok && report(&made, out, &secret.key, e);
    sign_secret_clear(&secret);
    return ok;
}

static int main_create(int argc, char **argv)
{
    struct err e = {0};
    struct args args = {.v = (const char *[1]){NULL}};
    o.program = true;
    o.version = 1;
    if (!opts_parse(&bundle_create, (const struct opt *const[]){table, NULL}, argc, argv, &args, 1,
                    1, &o.helped, &e) ||
        (!o.helped && !run(args.v[0], &e)))
        return opts_report(&e);
    return 0;
}

const struct command bundle_create = {
    .name = "bundle create",
    .args = "OUT",
    .summary = N_("make a signed bundle"),
    .detail = N_("Writes the file OUT and prints its SHA-256, which those who install it without "
                 "moat compare first."),
    .run = main_create,
};
