/* SPDX-License-Identifier: Apache-2.0 */
/* moat logits: the logits of every position of a token sequence, as raw floats. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "cli/commands.h"
#include "cli/isolate.h"
#include "cli/lab_opts.h"
#include "cli/lora_opts.h"
#include "cli/open_model.h"
#include "cli/packs.h"
#include "cli/setting_opts.h"
#include "lab/lab.h"

#define KV_UNSET ((enum kv_type) - 1)

struct options {
    const char *model, *tokens, *out;
    struct lab_params lab;
    struct setting_opts positions;
    struct settings settings;
    struct lora_opts lora;
    bool helped;
};

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const struct opt table[] = {
        {"tokens", 0, OPT_TEXT, &o->tokens, "FILE", N_("ids separated by blanks; nothing is added"),
         0, 0, NULL},
        {"out", 'o', OPT_TEXT, &o->out, "FILE",
         N_("write [n][rows of the output matrix] little-endian F32 here"), 0, 0, NULL},
        {"context", 0, OPT_U32, &o->lab.n_ctx, "N",
         N_("tokens of context (default: the trained length)"), 1, LIMIT_CONTEXT, NULL},
        {"batch", 0, OPT_U32, &o->lab.n_batch, "N", N_("tokens of one pass (default 512)"), 1,
         LAB_BATCH, NULL},
        {"kv", 0, OPT_CALL, &o->lab.kv, "TYPE",
         N_("keep keys and values as f16 (default), bf16, q8 or f32 (default with --exact)"), 0, 0,
         parse_kv_type},
        LORA_OPTION(&o->lora),
        PRECISION_OPTIONS(&o->lab.precision),
        THREADS_OPTION(&o->lab.threads),
        {0},
    };
    const char *positional[1 + 1];
    struct args args = {.v = positional};
    *o = (struct options){.lab = {.n_seq = 1, .n_logits = 16, .kv = KV_UNSET}};
    settings_init(&o->settings);
    setting_opts_init_rope(&o->positions);
    o->lab.rope = &o->settings.rope;
    if (!opts_parse(&cmd_logits, (const struct opt *const[]){table, o->positions.table, NULL}, argc,
                    argv, &args, 1, 1, &o->helped, e))
        return false;
    if (o->helped)
        return true;
    if (o->lab.kv == KV_UNSET) /* rounded keys can make a router choose other experts */
        o->lab.kv = o->lab.precision == PRECISION_EXACT ? KV_F32 : KV_F16;
    o->model = args.v[0];
    if (!o->tokens || !o->out)
        return fail(e, ERR_USAGE, "moat logits needs --tokens FILE and --out FILE");
    return setting_opts_apply(&o->positions, NULL, &o->settings, e);
}

/* Ids separated by white space; *token is owned by the caller. */
static bool read_ids(const char *path, uint32_t **token, uint32_t *n, struct err *e)
{
    struct buf text;
    size_t cap = 0;
    buf_init(&text, LIMIT_TEXT_BYTES);
    bool ok = buf_read_file(&text, path, e);
    for (struct str rest = str_trim(buf_view(&text)), id; ok && rest.n;
         rest = str_trim(str_from(rest, id.n))) {
        id = rest;
        id.n = 0;
        while (id.n < rest.n && (unsigned char)rest.p[id.n] > ' ')
            id.n++;
        uint64_t v;
        if (!str_to_u64(id, &v) || v > UINT32_MAX)
            ok = fail(e, ERR_USAGE, "%s: \"%.*s\" is not a token id", path, STR_ARG(id));
        else if ((ok = mem_grow(token, *n, &cap, sizeof **token, e)))
            (*token)[(*n)++] = (uint32_t)v;
    }
    if (ok && *n == 0)
        ok = fail(e, ERR_USAGE, "%s holds no token ids", path);
    buf_clear(&text);
    return ok;
}

struct sink {
    struct os_atomic_file file;
    uint32_t n_vocab;
};

static bool write_row(void *arg, uint32_t i, const float *logits, struct err *e)
{
    struct sink *s = arg;
    (void)i;
    return os_atomic_write(&s->file, logits, s->n_vocab * sizeof *logits, e);
}

static bool run(struct options *o, struct err *e)
{
    uint32_t *token = NULL, n = 0;
    struct lab lab = {0};
    struct sink sink = {.file.fd = -1};
    bool ok = isolate_command(true, o->out, e) && read_ids(o->tokens, &token, &n, e);
    ok = ok && lora_opts_open(&o->lora, &o->lab.adapters, e);
    struct gguf *g = ok ? open_model(o->model, e) : NULL;
    ok = g && packs_open_lab(&lab, g, &o->lab, e) && isolate_loaded(e) &&
         os_atomic_open(&sink.file, o->out, e);
    if (ok) {
        sink.n_vocab = lab.m->h.n_vocab;
        ok = lab_run(&lab, token, n, 0, write_row, &sink, e) && os_atomic_commit(&sink.file, e);
    }
    os_atomic_close(&sink.file);
    lab_close(&lab);
    mem_free(token);
    return ok;
}

static int main_logits(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    if (!parse(&o, argc, argv, &e) || (!o.helped && !run(&o, &e)))
        return opts_report(&e);
    return 0;
}

const struct command cmd_logits = {
    .name = "logits",
    .args = "MODEL",
    .summary = N_("write the logits of every position of a token sequence"),
    .run = main_logits,
};
