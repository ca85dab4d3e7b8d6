/* SPDX-License-Identifier: Apache-2.0 */
/* lab/convert_family: which families of models can be converted, and what their tensors are called
 * on both sides. A family is one row of `families` and the lists that it names. */
#include <string.h>

#include "base/buf.h"
#include "lab/convert_private.h"

#define ATTENTION                                                                                  \
    {"self_attn.q_proj", "attn_q", STEP_Q}, {"self_attn.k_proj", "attn_k", STEP_K},                \
        {"self_attn.v_proj", "attn_v", STEP_NONE}, {"self_attn.o_proj", "attn_output", STEP_NONE}, \
    {                                                                                              \
        "self_attn.rotary_emb", "", STEP_SKIP                                                      \
    }
#define QK_NORM                                                                                    \
    {"self_attn.q_norm", "attn_q_norm", STEP_NORM},                                                \
    {                                                                                              \
        "self_attn.k_norm", "attn_k_norm", STEP_NORM                                               \
    }
#define GATED                                                                                      \
    {"mlp.gate_proj", "ffn_gate", STEP_NONE}, {"mlp.up_proj", "ffn_up", STEP_NONE},                \
    {                                                                                              \
        "mlp.down_proj", "ffn_down", STEP_NONE                                                     \
    }

static const struct tensor_rule llama_layer[] = {
    {"input_layernorm", "attn_norm", STEP_NORM},         ATTENTION, QK_NORM, /* of qwen3 */
    {"post_attention_layernorm", "ffn_norm", STEP_NORM}, GATED,     {0},
};

static const struct tensor_rule gemma3_layer[] = {
    {"input_layernorm", "attn_norm", STEP_NORM},
    ATTENTION,
    QK_NORM,
    {"post_attention_layernorm", "post_attention_norm", STEP_NORM},
    {"pre_feedforward_layernorm", "ffn_norm", STEP_NORM},
    GATED,
    {"post_feedforward_layernorm", "post_ffw_norm", STEP_NORM},
    {0},
};

static const struct tensor_rule phi3_layer[] = {
    {"input_layernorm", "attn_norm", STEP_NORM},
    {"self_attn.qkv_proj", "attn_qkv", STEP_NONE},
    {"self_attn.o_proj", "attn_output", STEP_NONE},
    {"self_attn.rotary_emb", "", STEP_SKIP},
    {"post_attention_layernorm", "ffn_norm", STEP_NORM},
    {"mlp.gate_up_proj", "ffn_up", STEP_NONE},
    {"mlp.down_proj", "ffn_down", STEP_NONE},
    {0},
};

static const struct tensor_rule decoder_model[] = {
    {"embed_tokens", "token_embd", STEP_NONE},
    {"norm", "output_norm", STEP_NORM},
    {"lm_head", "output", STEP_NONE},
    {"rotary_emb", "", STEP_SKIP},
    {0},
};

static const struct tensor_rule bert_layer[] = {
    {"attention.self.query", "attn_q", STEP_NONE},
    {"attention.self.key", "attn_k", STEP_NONE},
    {"attention.self.value", "attn_v", STEP_NONE},
    {"attention.output.dense", "attn_output", STEP_NONE},
    {"attention.output.LayerNorm", "attn_output_norm", STEP_NORM},
    {"intermediate.dense", "ffn_up", STEP_NONE},
    {"output.dense", "ffn_down", STEP_NONE},
    {"output.LayerNorm", "layer_output_norm", STEP_NORM},
    {0},
};

/* What BERT was trained with and nobody runs is left out: its pooler, but for a classifier's. */
static const struct tensor_rule bert_model[] = {
    {"embeddings.word_embeddings", "token_embd", STEP_NONE},
    {"embeddings.token_type_embeddings", "token_types", STEP_VALUES},
    {"embeddings.position_embeddings", "position_embd", STEP_VALUES},
    {"embeddings.LayerNorm", "token_embd_norm", STEP_NORM},
    {"embeddings", "", STEP_SKIP}, /* embeddings.position_ids */
    {"pooler.dense", "cls", STEP_VALUES},
    {"classifier", "cls.output", STEP_VALUES},
    {"cls.predictions", "", STEP_SKIP},
    {"cls.predictions.decoder", "", STEP_SKIP},
    {"cls.predictions.transform.dense", "", STEP_SKIP},
    {"cls.predictions.transform.LayerNorm", "", STEP_SKIP},
    {"cls.seq_relationship", "", STEP_SKIP},
    {0},
};

static const struct convert_family families[] = {
    {"llama", "llama", llama_layer, decoder_model, convert_keys_decoder, true, false},
    {"mistral", "llama", llama_layer, decoder_model, convert_keys_decoder, true, false},
    {"qwen2", "qwen2", llama_layer, decoder_model, convert_keys_decoder, false, false},
    {"qwen3", "qwen3", llama_layer, decoder_model, convert_keys_decoder, false, false},
    {"gemma3", "gemma3", gemma3_layer, decoder_model, convert_keys_gemma3, false, true},
    {"gemma3_text", "gemma3", gemma3_layer, decoder_model, convert_keys_gemma3, false, true},
    {"phi3", "phi3", phi3_layer, decoder_model, convert_keys_decoder, false, false},
    {"bert", "bert", bert_layer, bert_model, convert_keys_bert, false, false},
};
enum { N_FAMILIES = sizeof families / sizeof *families };

const struct convert_family *convert_family_find(const struct hf *m, struct err *e)
{
    const char *type = hf_text(m->config, "model_type");
    struct buf known;
    for (size_t i = 0; type && i < N_FAMILIES; i++)
        if (strcmp(type, families[i].model_type) == 0)
            return &families[i];
    buf_init(&known, 1024);
    for (size_t i = 0; i < N_FAMILIES; i++)
        buf_fmt(&known, "%s%s", i ? ", " : "", families[i].model_type);
    fail(e, ERR_UNSUPPORTED, "model_type \"%s\" cannot be converted; those that can are: %s",
         type ? type : "", buf_c(&known));
    buf_clear(&known);
    return NULL;
}
