/* SPDX-License-Identifier: Apache-2.0 */
/* lab/convert_private: what the files of lab/convert share. */
#ifndef MOAT_LAB_CONVERT_PRIVATE_H
#define MOAT_LAB_CONVERT_PRIVATE_H

#include "base/mem.h"
#include "gguf/gguf_write.h"
#include "lab/convert.h"
#include "lab/hf.h"

/* What happens to the values of a tensor on their way. */
enum convert_step {
    STEP_NONE,
    STEP_NORM,   /* a norm's weights: plus one where the family keeps them less one */
    STEP_Q,      /* rows of a head move from halves to pairs, where the family turns pairs */
    STEP_K,      /* the same of keys */
    STEP_VALUES, /* stays F32 whatever was asked for */
    STEP_SKIP,   /* known, and needed by nothing */
};

struct tensor_rule {
    const char *from, *to; /* without "layers.N." and "blk.N.", and without ".weight" or ".bias" */
    enum convert_step step;
};

struct conversion;
struct convert_family {
    const char *model_type, *arch;
    const struct tensor_rule *layer, *model; /* ended by from == NULL */
    bool (*keys)(struct conversion *c, struct err *e);
    bool turns_pairs;   /* the GGUF architecture rotates neighbours, the original halves */
    bool norm_less_one; /* norms multiply by 1 + weight */
};

/* One tensor of the output. */
struct planned {
    const struct safetensor *from; /* NULL: made here, in values */
    const float *values;
    char name[64];
    int layer; /* -1: of the whole model */
    enum dtype type;
    enum convert_step step;
};

struct conversion {
    const struct convert_options *o;
    struct convert_result *r;
    const struct convert_family *family;
    struct hf hf;
    struct gguf_writer w;
    struct arena arena;
    struct planned *plan;
    uint64_t n_plan;
    size_t cap_plan;
    uint32_t n_vocab, n_head, n_head_kv; /* of the model; n_vocab: rows of the embedding */
    uint64_t done, total;                /* bytes of the input, for the progress */
    float *values;                       /* [CONVERT_VALUES] on their way */
    void *encoded;                       /* the same, as they will be stored */
};
enum { CONVERT_VALUES = 64 * 1024 };

/* A notice for the user, kept in c->r. */
void convert_notice(struct conversion *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* convert_family.c: of config.json's model_type. */
const struct convert_family *convert_family_find(const struct hf *m, struct err *e) MUST_USE;

/* convert_keys.c: the sizes; convert_rope.c: how positions turn. Both write metadata. */
bool convert_keys_decoder(struct conversion *c, struct err *e) MUST_USE;
bool convert_keys_gemma3(struct conversion *c, struct err *e) MUST_USE;
bool convert_keys_bert(struct conversion *c, struct err *e) MUST_USE;
bool convert_rope(struct conversion *c, uint32_t n_rot, uint32_t n_ctx, struct err *e) MUST_USE;
void convert_put_u32(struct conversion *c, const char *key, uint32_t v); /* ARCH "." key */
void convert_put_f32(struct conversion *c, const char *key, float v);

/* convert_plan.c: what each tensor becomes; convert_data.c: its bytes, for gguf_write_made. */
bool convert_plan(struct conversion *c, struct err *e) MUST_USE;
bool convert_plan_values(struct conversion *c, const char *name, const float *v, uint64_t n,
                         struct err *e) MUST_USE;
bool convert_make(void *conversion, uint64_t tensor, struct gguf_sink *out, struct err *e) MUST_USE;

/* convert_vocab.c: the tokenizer's metadata. */
bool convert_vocab(struct conversion *c, struct err *e) MUST_USE;

#endif
