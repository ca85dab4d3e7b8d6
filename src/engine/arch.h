/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch: one architecture = its table of tensors and its formula, in arch/<name>.c.
 *
 * To add one: a file, and a line in ARCH_TABLE. */
#ifndef MOAT_ENGINE_ARCH_H
#define MOAT_ENGINE_ARCH_H

#include "engine/tensor_runs.h"

struct task; /* one thread's view of a running forward pass, engine/forward.h */

/* How q and k are normalised where they are. */
enum qk_norm {
    QK_NORM_HEAD,    /* each head, by the same weights [d_head] */
    QK_NORM_OWN,     /* each head, by weights of its own [heads][d_head] */
    QK_NORM_ROTATED, /* as QK_NORM_HEAD, but after the rotation */
    QK_NORM_WHOLE,   /* all heads at once [heads * d_head] */
};

struct arch {
    const char *name; /* general.architecture */
    bool rope_neox;
    bool encoder;        /* embeds texts: no output matrix, no cause and effect between tokens */
    bool recurrent;      /* some layers are, engine/recurrent.h */
    bool layer_norm;     /* norms are layer norms; else RMS norms */
    bool attention_free; /* no layer has keys and values: head counts mean nothing */
    enum qk_norm qk_norm;
    /* Reads what only this architecture has, after the common keys; may be NULL. */
    bool (*read_hparams)(struct hparams *h, const struct gguf *g, struct err *e);
    const struct tensor_spec *layer_tensors, *model_tensors; /* ended by name == NULL */
    /* Sets window and rope of a layer where they differ from the common case; may be NULL. */
    void (*init_layer)(const struct model *m, struct layer *l);
    /* What the table cannot say of a layer's tensors; may be NULL. */
    bool (*check_layer)(const struct layer *l, struct err *e);
    float (*embed_scale)(const struct hparams *h); /* NULL: 1 */
    void (*layer)(struct task *t, const struct layer *l);
};

/* clang-format off */
#define ARCH_TABLE(X)                                                                              \
    X(llama) X(mistral3) X(granite) X(internlm2) X(smollm3) X(olmo2) X(exaone4) X(glm4)            \
    X(qwen2) X(qwen2moe) X(qwen3) X(qwen3moe) X(gemma) X(gemma2) X(gemma3) X(gpt_oss)              \
    X(deepseek2) X(phi2) X(phi3) X(cohere2) X(falcon) X(starcoder2) X(gpt2)                        \
    X(granitemoe) X(lfm2) X(lfm2moe) X(qwen3next) X(qwen35) X(qwen35moe) X(bert)                   \
    X(nomic_bert) X(stablelm) X(olmoe) X(glm4moe) X(seed_oss) X(command_r) X(baichuan) X(minicpm)  \
    X(nemotron) X(ernie4_5) X(ernie4_5_moe) X(starcoder) X(hunyuan_dense) X(dots1) X(deepseek)     \
    X(mamba2) X(falcon_h1)
/* clang-format on */

#define X(name) extern const struct arch arch_##name;
ARCH_TABLE(X)
#undef X

/* init_layer of those whose windowed layers rotate by m->rope_local, the others by m->rope. */
void arch_init_windowed(const struct model *m, struct layer *l);
/* embed_scale of the Gemmas: sqrt(d_model). */
float arch_embed_scale(const struct hparams *h);

const struct arch *arch_find(struct str name); /* NULL: not supported */
void arch_names(char *out, size_t cap);        /* "llama, qwen2, ..." for messages */

#endif
