/* SPDX-License-Identifier: Apache-2.0 */
/* moat export: a model of the store as a GGUF file that any program can read. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/isolate.h"
#include "cli/progress.h"
#include "cli/term.h"
#include "store/manifest.h"

static struct {
    const char *config;
    bool force, json, helped;
} o;

static bool may_write(const char *path, struct err *e)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return true;
    if (!S_ISREG(st.st_mode))
        return fail(e, ERR_USAGE, "%s is there and is no regular file", path);
    return o.force || fail(e, ERR_USAGE, "%s is there already; --force replaces it", path);
}

/* The settings as moat import --config takes them; an empty object where there are none. */
static bool write_settings(const struct manifest *m, struct err *e)
{
    struct os_atomic_file f = {.fd = -1};
    struct buf text;
    json_t *none = json_object();
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    bool ok = json_write(m->settings ? m->settings : none, JSON_INDENT(2), &text, e);
    buf_byte(&text, '\n');
    ok = ok && buf_ok(&text, o.config, e) && os_atomic_open(&f, o.config, e) &&
         os_atomic_write(&f, text.p, text.n, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    buf_clear(&text);
    json_decref(none);
    return ok;
}

static bool print(const struct manifest *m, const char *path, bool shared, struct err *e)
{
    char size[16], digest[DIGEST_HEX + 8];
    if (!o.json) {
        printf(shared ? _("%s is %s now (%s, sharing the store's blocks)\n")
                      : _("%s is %s now (%s, copied)\n"),
               m->name.text, path, term_size(m->size, size));
        return true;
    }
    struct buf out;
    snprintf(digest, sizeof digest, "sha256:%s", m->digest.hex);
    buf_init(&out, LIMIT_JSON_BYTES);
    json_t *j = json_pack("{s:s, s:s, s:s, s:I, s:b}", "name", m->name.text, "file", path, "digest",
                          digest, "size", (json_int_t)m->size, "shared", shared);
    bool ok = j ? json_write(j, 0, &out, e) : fail(e, ERR_USAGE, "%s is not valid UTF-8", path);
    if (ok)
        puts(buf_c(&out));
    json_decref(j);
    buf_clear(&out);
    return ok;
}

static bool export_to(const struct store *s, const struct manifest *m, const char *path,
                      struct err *e)
{
    struct progress bar;
    const struct store_progress progress = {interrupt_progress, &bar};
    bool shared = false;
    interrupt_begin();
    progress_start(&bar, m->name.text, m->size);
    bool ok = blob_export(s, &m->digest, m->size, path, &progress, &shared, e);
    progress_end(&bar);
    interrupt_end();
    return ok && (!o.config || write_settings(m, e)) && print(m, path, shared, e);
}

static bool run(const char *text, const char *path, struct err *e)
{
    struct store s;
    struct name name;
    struct manifest m;
    if (!name_parse(&name, str_of(text), e) || !may_write(path, e) ||
        (o.config && !may_write(o.config, e)) ||
        !isolate_writer(false, (const char *[]){path, o.config}, 2, e) ||
        !store_open(&s, false, e) || !manifest_read(&s, &name, &m, e))
        return false;
    bool ok = export_to(&s, &m, path, e);
    manifest_clear(&m);
    return ok;
}

static int main_export(int argc, char **argv)
{
    struct err e = {0};
    const struct opt table[] = {
        {"config", 0, OPT_TEXT, &o.config, "FILE",
         N_("also write the settings it was given, for moat import --config"), 0, 0, NULL},
        {"force", 'f', OPT_FLAG, &o.force, NULL, N_("replace files that are there"), 0, 0, NULL},
        {"json", 0, OPT_FLAG, &o.json, NULL, N_("print one JSON object"), 0, 0, NULL},
        {0},
    };
    struct args args = {.v = (const char *[2]){NULL, NULL}};
    memset(&o, 0, sizeof o);
    if (!opts_parse(&cmd_export, (const struct opt *const[]){table, NULL}, argc, argv, &args, 2, 2,
                    &o.helped, &e) ||
        (!o.helped && !run(args.v[0], args.v[1], &e)))
        return opts_report(&e);
    return 0;
}

const struct command cmd_export = {
    .name = "export",
    .args = "NAME[:TAG] FILE.gguf",
    .summary = N_("write a model of the store to a file"),
    .detail = N_("The file is the one that was imported or pulled, byte for byte, checked while it "
                 "is written; it appears whole or not at all. It shares the store's blocks where "
                 "the file system can."),
    .run = main_export,
};
