/* SPDX-License-Identifier: Apache-2.0 */
/* lab/quantize_mix: see quantize_mix.h. A mix is one row of `mixes`. */
#include "lab/quantize_mix.h"

#include <ctype.h>

#include "base/limits.h"
#include "base/near.h"

enum part { /* of a layer, or outside: what a rule is about */
            PART_VALUES,
            PART_QKV, /* queries, keys and values in one */
            PART_ATTENTION_OUT,
            PART_DOWN,
            PART_EMBEDDING,
            PART_OUTPUT,
            PART_OTHER
};

enum where { /* in which layers it holds */
             ALL,
             SHARED,    /* where at least four heads share keys and values */
             FIRST_TWO, /* layers */
             FIRST_FOUR,
             FIRST_16TH,
             FIRST_8TH,
             OUTER /* the first and the last eighth, and every third between */
};

struct rule {
    enum part part;
    enum where where;
    enum dtype type;
};

enum { RULES = 9 };
struct mix {
    const char *name;
    uint32_t file_type;
    enum dtype base, output;
    struct rule rules[RULES]; /* the first that holds; ended by type F32, which is no rule's */
};

#define V     PART_VALUES
#define QKV   PART_QKV
#define OUT   PART_ATTENTION_OUT
#define DOWN  PART_DOWN
#define EMBED PART_EMBEDDING
#define Q(t)  DTYPE_##t

static const struct mix mixes[] = {
    {"F32", 0, Q(F32), Q(F32), {{0}}},
    {"F16", 1, Q(F16), Q(F16), {{0}}},
    {"BF16", 32, Q(BF16), Q(BF16), {{0}}},
    {"Q8_0", 7, Q(Q8_0), Q(Q8_0), {{0}}},
    {"Q4_0", 2, Q(Q4_0), Q(Q6_K), {{0}}},
    {"Q4_1", 3, Q(Q4_1), Q(Q6_K), {{0}}},
    {"Q5_0", 8, Q(Q5_0), Q(Q6_K), {{0}}},
    {"Q5_1", 9, Q(Q5_1), Q(Q6_K), {{0}}},
    {"Q2_K",
     10,
     Q(Q2_K),
     Q(Q6_K),
     {{V, SHARED, Q(Q4_K)},
      {V, ALL, Q(Q3_K)},
      {QKV, ALL, Q(Q3_K)},
      {OUT, ALL, Q(Q3_K)},
      {DOWN, ALL, Q(Q3_K)}}},
    {"Q2_K_S", 21, Q(Q2_K), Q(Q6_K), {{V, SHARED, Q(Q4_K)}, {DOWN, FIRST_8TH, Q(Q4_K)}}},
    {"Q3_K_S", 11, Q(Q3_K), Q(Q6_K), {{0}}},
    {"Q3_K_M",
     12,
     Q(Q3_K),
     Q(Q6_K),
     {{V, FIRST_TWO, Q(Q5_K)},
      {V, ALL, Q(Q4_K)},
      {QKV, ALL, Q(Q4_K)},
      {OUT, ALL, Q(Q4_K)},
      {DOWN, FIRST_16TH, Q(Q5_K)},
      {DOWN, OUTER, Q(Q4_K)}}},
    {"Q3_K_L",
     13,
     Q(Q3_K),
     Q(Q6_K),
     {{V, ALL, Q(Q5_K)}, {QKV, ALL, Q(Q4_K)}, {OUT, ALL, Q(Q5_K)}, {DOWN, ALL, Q(Q5_K)}}},
    {"Q4_K_S", 14, Q(Q4_K), Q(Q6_K), {{V, FIRST_FOUR, Q(Q5_K)}, {DOWN, FIRST_8TH, Q(Q5_K)}}},
    {"Q4_K_M",
     15,
     Q(Q4_K),
     Q(Q6_K),
     {{V, OUTER, Q(Q6_K)}, {QKV, ALL, Q(Q5_K)}, {DOWN, OUTER, Q(Q6_K)}}},
    {"Q5_K_S", 16, Q(Q5_K), Q(Q6_K), {{0}}},
    {"Q5_K_M",
     17,
     Q(Q5_K),
     Q(Q6_K),
     {{V, OUTER, Q(Q6_K)}, {QKV, ALL, Q(Q6_K)}, {DOWN, OUTER, Q(Q6_K)}}},
    {"Q6_K", 18, Q(Q6_K), Q(Q6_K), {{0}}},
    {"IQ4_NL", 25, Q(IQ4_NL), Q(Q6_K), {{V, SHARED, Q(Q5_K)}, {DOWN, FIRST_8TH, Q(Q5_K)}}},
    {"IQ4_XS", 30, Q(IQ4_XS), Q(Q6_K), {{V, SHARED, Q(Q5_K)}, {DOWN, FIRST_8TH, Q(Q5_K)}}},
    {"IQ3_M",
     27,
     Q(IQ3_S),
     Q(Q6_K),
     {{V, ALL, Q(Q4_K)}, {QKV, ALL, Q(Q4_K)}, {OUT, ALL, Q(Q4_K)}, {DOWN, FIRST_16TH, Q(Q4_K)}}},
    {"IQ3_S", 26, Q(IQ3_S), Q(Q6_K), {{V, SHARED, Q(Q4_K)}}},
    {"IQ3_XXS",
     23,
     Q(IQ3_XXS),
     Q(Q5_K),
     {{V, SHARED, Q(Q4_K)},
      {V, ALL, Q(IQ3_S)},
      {OUT, ALL, Q(IQ3_S)},
      {DOWN, FIRST_8TH, Q(Q4_K)},
      {EMBED, ALL, Q(IQ3_S)}}},
    {"IQ2_M",
     29,
     Q(IQ2_S),
     Q(Q5_K),
     {{V, ALL, Q(Q4_K)},
      {OUT, ALL, Q(IQ3_S)},
      {DOWN, FIRST_8TH, Q(IQ3_S)},
      {EMBED, ALL, Q(IQ3_S)}}},
    {"IQ2_S",
     28,
     Q(IQ2_XS),
     Q(Q5_K),
     {{V, ALL, Q(Q4_K)},
      {OUT, ALL, Q(IQ3_S)},
      {DOWN, FIRST_8TH, Q(IQ3_S)},
      {EMBED, ALL, Q(IQ3_S)}}},
    {"IQ2_XS",
     20,
     Q(IQ2_XS),
     Q(Q5_K),
     {{V, ALL, Q(Q4_K)}, {DOWN, FIRST_8TH, Q(Q2_K)}, {EMBED, ALL, Q(Q2_K)}}},
    {"IQ2_XXS",
     19,
     Q(IQ2_XXS),
     Q(Q5_K),
     {{V, ALL, Q(Q4_K)}, {DOWN, FIRST_8TH, Q(Q2_K)}, {EMBED, ALL, Q(Q2_K)}}},
    {"IQ1_M",
     31,
     Q(IQ1_M),
     Q(Q5_K),
     {{V, ALL, Q(Q4_K)},
      {OUT, ALL, Q(IQ2_XXS)},
      {DOWN, FIRST_8TH, Q(Q2_K)},
      {EMBED, ALL, Q(Q2_K)}}},
    {"IQ1_S",
     24,
     Q(IQ1_S),
     Q(Q5_K),
     {{V, ALL, Q(Q4_K)},
      {OUT, ALL, Q(IQ2_XXS)},
      {DOWN, FIRST_8TH, Q(Q2_K)},
      {EMBED, ALL, Q(Q2_K)}}},
    {"TQ1_0", 36, Q(TQ1_0), Q(Q6_K), {{EMBED, ALL, Q(Q4_K)}}},
    {"TQ2_0", 37, Q(TQ2_0), Q(Q6_K), {{EMBED, ALL, Q(Q4_K)}}},
    {"MXFP4", 38, Q(MXFP4), Q(Q8_0), {{EMBED, ALL, Q(Q8_0)}}},
};
enum { N_MIXES = sizeof mixes / sizeof *mixes };

const struct mix *mix_find(struct str name, struct err *e)
{
    struct near n;
    char upper[16];
    size_t length = name.n < sizeof upper ? name.n : 0;
    for (size_t i = 0; i < length; i++)
        upper[i] = (char)toupper((unsigned char)name.p[i]);
    struct str wanted = {upper, length};
    if (str_is(wanted, "Q3_K") || str_is(wanted, "Q4_K") || str_is(wanted, "Q5_K"))
        for (const char *end = "_M"; *end; end++)
            upper[wanted.n++] = *end; /* the middle one is meant */
    near_init(&n, wanted);
    for (size_t i = 0; i < N_MIXES; i++) {
        if (str_is(wanted, mixes[i].name))
            return &mixes[i];
        near_offer(&n, mixes[i].name);
    }
    const char *best = near_best(&n);
    struct buf all;
    buf_init(&all, 1024);
    mix_names(&all);
    if (best)
        fail(e, ERR_USAGE, "\"%.*s\" is no type of weights; did you mean %s?", STR_ARG(name), best);
    else
        fail(e, ERR_USAGE, "\"%.*s\" is no type of weights; there are: %s", STR_ARG(name),
             buf_c(&all));
    buf_clear(&all);
    return NULL;
}

const char *mix_name(const struct mix *m)
{
    return m->name;
}

uint32_t mix_file_type(const struct mix *m)
{
    return m->file_type;
}

bool mix_wants_importance(const struct mix *m)
{
    return m->base == DTYPE_IQ1_S || m->base == DTYPE_IQ1_M || m->base == DTYPE_IQ2_XXS ||
           m->base == DTYPE_IQ2_XS;
}

void mix_names(struct buf *out)
{
    for (size_t i = 0; i < N_MIXES; i++)
        buf_fmt(out, "%s%s", i ? ", " : "", mixes[i].name);
}

/* --- tensors ---------------------------------------------------------------------------------- */

bool mix_applies(const struct gguf_tensor *t)
{
    static const struct str kept[] = {STR("_norm.weight"),
                                      STR("ffn_gate_inp.weight"),
                                      STR("ffn_gate_inp_shexp.weight"),
                                      STR("position_embd.weight"),
                                      STR("token_types.weight"),
                                      STR("ssm_conv1d.weight"),
                                      STR("shortconv.conv.weight"),
                                      STR("cls.weight"),
                                      STR("cls.output.weight"),
                                      STR("altup_proj.weight"),
                                      STR("per_layer_model_proj.weight")};
    if (t->n_dim < 2 || !str_ends(t->name, STR(".weight")) || t->ne[0] % 32 != 0)
        return false;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (str_ends(t->name, kept[i]))
            return false;
    return true;
}

/* "blk.12." */
static bool layer_of(struct str name, uint32_t *layer)
{
    struct str number;
    uint64_t n;
    if (!str_starts(name, STR("blk.")))
        return false;
    name = str_from(name, 4);
    if (!str_cut(&name, '.', &number) || !str_to_u64(number, &n) || n >= LIMIT_LAYERS)
        return false;
    *layer = (uint32_t)n;
    return true;
}

static enum part part_of(const struct mix_model *of, struct str name)
{
    static const struct {
        struct str end;
        enum part part;
    } ends[] = {{STR("attn_v.weight"), V},
                {STR("attn_qkv.weight"), QKV},
                {STR("attn_output.weight"), OUT},
                {STR("ffn_down.weight"), DOWN},
                {STR("ffn_down_exps.weight"), DOWN}};
    if (str_is(name, "output.weight"))
        return PART_OUTPUT;
    if (str_is(name, "token_embd.weight"))
        return of->tied ? PART_OUTPUT : EMBED;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (str_ends(name, ends[i].end))
            return ends[i].part;
    return PART_OTHER;
}

static bool holds(enum where where, const struct mix_model *of, uint32_t layer)
{
    uint32_t n = of->n_layer, eighth = n / 8;
    switch (where) {
    case ALL:
        return true;
    case SHARED:
        return of->heads_per_kv >= 4;
    case FIRST_TWO:
        return layer < 2;
    case FIRST_FOUR:
        return layer < 4;
    case FIRST_16TH:
        return layer < n / 16;
    case FIRST_8TH:
        return layer < eighth;
    case OUTER:
        return layer < eighth || layer >= 7 * n / 8 || (layer - eighth) % 3 == 2;
    }
    return false;
}

/* Rows of whole blocks: a format of 256 weights has one of 32 that is at least as exact. */
enum dtype mix_fitting(enum dtype t, uint64_t row)
{
    if (row % dtype_block(t) == 0)
        return t;
    switch (t) {
    case DTYPE_Q6_K:
        return DTYPE_Q8_0;
    case DTYPE_Q5_K:
        return DTYPE_Q5_1;
    case DTYPE_Q4_K:
        return DTYPE_Q5_0;
    case DTYPE_TQ1_0:
    case DTYPE_TQ2_0:
        return DTYPE_Q4_0;
    default:
        return row % 32 == 0 ? DTYPE_IQ4_NL : DTYPE_F16;
    }
}

enum dtype mix_type(const struct mix *m, const struct mix_model *of, const struct gguf_tensor *t)
{
    uint32_t layer = 0;
    enum part part = part_of(of, t->name);
    bool in_layer = layer_of(t->name, &layer);
    enum dtype type = part == PART_OUTPUT ? m->output : m->base;
    for (const struct rule *r = m->rules; r->type != DTYPE_F32; r++)
        if (r->part == part && (in_layer ? holds(r->where, of, layer) : r->where == ALL)) {
            type = r->type;
            break;
        }
    return mix_fitting(type, t->ne[0]);
}
