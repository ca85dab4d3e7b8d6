/* SPDX-License-Identifier: Apache-2.0 */
/* text/special_ids: which token is BOS, EOS, EOT, FIM prefix and so on, and which end an answer.
 *
 * A metadata key wins where it names a token that exists; else the family's usual id; else, for
 * roles that older converters did not write, the token with a well-known text. Such tokens count as
 * control tokens whatever type the file gives them. The texts are those llama.cpp looks for. */
#include <string.h>

#include "text/vocab_private.h"

static bool from_key(const struct vocab *v, const struct gguf *g, const char *key, uint32_t *id,
                     struct err *e)
{
    const struct gguf_kv *kv = gguf_find(g, key);
    if (kv && !gguf_is_integer(kv->type))
        return fail(e, ERR_CORRUPT, "%s is not a token id", key);
    int64_t value = kv ? gguf_int_at(kv, 0) : -1; /* -1 and the like: some files mean "none" */
    if (value >= 0 && value < (int64_t)v->n_tokens)
        *id = (uint32_t)value;
    if (*id != TOKEN_NONE && *id >= v->n_tokens)
        *id = TOKEN_NONE;
    return true;
}

static void family_ids(struct vocab *v)
{
    uint32_t *const all[] = {&v->bos,     &v->eos,     &v->eot,     &v->eom,     &v->unk,
                             &v->pad,     &v->sep,     &v->cls,     &v->mask,    &v->fim_pre,
                             &v->fim_suf, &v->fim_mid, &v->fim_pad, &v->fim_rep, &v->fim_sep};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        *all[i] = TOKEN_NONE;
    if (v->kind == VOCAB_SPM) {
        v->unk = 0;
        v->bos = 1;
        v->eos = 2;
    } else if (v->kind == VOCAB_WORDPIECE) {
        v->pad = 0;
        v->unk = 100;
        v->cls = 101;
        v->sep = 102;
        v->mask = 103;
    } else if (v->kind == VOCAB_UNIGRAM) {
        v->pad = 0;
        v->eos = 1;
        v->unk = 2;
    }
}

static bool ids_from_keys(struct vocab *v, const struct gguf *g, struct err *e)
{
    const struct {
        const char *key;
        uint32_t *id;
    } rows[] = {
        {"tokenizer.ggml.bos_token_id", &v->bos},
        {"tokenizer.ggml.eos_token_id", &v->eos},
        {"tokenizer.ggml.eot_token_id", &v->eot},
        {"tokenizer.ggml.eom_token_id", &v->eom},
        {"tokenizer.ggml.unknown_token_id", &v->unk},
        {"tokenizer.ggml.padding_token_id", &v->pad},
        {"tokenizer.ggml.seperator_token_id", &v->sep}, /* so spelt in every file */
        {"tokenizer.ggml.cls_token_id", &v->cls},
        {"tokenizer.ggml.mask_token_id", &v->mask},
        {"tokenizer.ggml.prefix_token_id", &v->fim_pre}, /* three old names of the next */
        {"tokenizer.ggml.suffix_token_id", &v->fim_suf},
        {"tokenizer.ggml.middle_token_id", &v->fim_mid},
        {"tokenizer.ggml.fim_pre_token_id", &v->fim_pre},
        {"tokenizer.ggml.fim_suf_token_id", &v->fim_suf},
        {"tokenizer.ggml.fim_mid_token_id", &v->fim_mid},
        {"tokenizer.ggml.fim_pad_token_id", &v->fim_pad},
        {"tokenizer.ggml.fim_rep_token_id", &v->fim_rep},
        {"tokenizer.ggml.fim_sep_token_id", &v->fim_sep},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!from_key(v, g, rows[i].key, rows[i].id, e))
            return false;
    if (v->kind == VOCAB_WORDPIECE && v->bos == TOKEN_NONE)
        v->bos = v->cls; /* BERT begins with CLS */
    return true;
}

/* Well-known texts of each role, most telling first. */
static const char *const eot_texts[] = {
    "<|eot_id|>",         "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>",
    "<|end_of_text|>",    "<EOT>",      "_<EOT>",  "[EOT]",         "<｜end▁of▁sentence｜>",
    "<end_of_utterance>", NULL};
static const char *const eom_texts[] = {"<|eom_id|>", NULL};
static const char *const fim_pre_texts[] = {"<|fim_prefix|>",  "<fim-prefix>", "<fim_prefix>",
                                            "<｜fim▁begin｜>", "<PRE>",        "▁<PRE>",
                                            "<|code_prefix|>", "<|prefix|>",   NULL};
static const char *const fim_suf_texts[] = {"<|fim_suffix|>",  "<fim-suffix>", "<fim_suffix>",
                                            "<｜fim▁hole｜>",  "<SUF>",        "▁<SUF>",
                                            "<|code_suffix|>", "<|suffix|>",   NULL};
static const char *const fim_mid_texts[] = {"<|fim_middle|>",  "<fim-middle>", "<fim_middle>",
                                            "<｜fim▁end｜>",   "<MID>",        "▁<MID>",
                                            "<|code_middle|>", "<|middle|>",   NULL};
static const char *const fim_pad_texts[] = {"<|fim_pad|>", "<fim-pad>", "<fim_pad>",
                                            "<PAD>",       "[PAD]",     NULL};
static const char *const fim_rep_texts[] = {"<|fim_repo|>", "<|repo_name|>", "<fim-repo>",
                                            "<REPO>",       "<reponame>",    NULL};
static const char *const fim_sep_texts[] = {"<|file_sep|>", NULL};
static const char *const end_texts[] = {"<|eot_id|>",
                                        "<|im_end|>",
                                        "<|end|>",
                                        "<|return|>",
                                        "<|call|>",
                                        "<|flush|>",
                                        "<|calls|>",
                                        "<end_of_turn>",
                                        "<|endoftext|>",
                                        "</s>",
                                        "<|eom_id|>",
                                        "<EOT>",
                                        "_<EOT>",
                                        "[EOT]",
                                        "[EOS]",
                                        "<|end_of_text|>",
                                        "<end_of_utterance>",
                                        "<eos>",
                                        "<turn|>",
                                        "<|tool_response>",
                                        "<｜end▁of▁sentence｜>",
                                        "[e~[",
                                        NULL};

static void role_by_text(struct vocab *v, const char *const *texts, uint32_t *id)
{
    for (; *id == TOKEN_NONE && *texts; texts++)
        if (vocab_find(v, str_of(*texts), id))
            v->private->type[*id] = TOKEN_CONTROL;
}

static void ends_answer(struct vocab *v, uint32_t id)
{
    if (id != TOKEN_NONE)
        v->private->flags[id] |= TOKEN_ENDS_ANSWER;
}

static bool has(const struct vocab *v, const char *text, uint32_t *id)
{
    return vocab_find(v, str_of(text), id);
}

/* Two models use a well-known text for something else. */
static void except(struct vocab *v)
{
    uint32_t id, end, other;
    /* harmony (gpt-oss) and solar-open: <|end|> ends a message, not the answer */
    bool call = has(v, "<|call|>", &other) || has(v, "<|calls|>", &other);
    if (has(v, "<|end|>", &end) && call &&
        (has(v, "<|return|>", &other) || has(v, "<|flush|>", &other)))
        v->private->flags[end] &= (uint8_t)~TOKEN_ENDS_ANSWER;
    /* gemma 4: </s> is a tag of HTML */
    if (has(v, "</s>", &id) && id != v->eos && has(v, "<|tool_response>", &other)) {
        v->private->flags[id] &= (uint8_t)~TOKEN_ENDS_ANSWER;
        v->private->type[id] = TOKEN_NORMAL;
    }
}

static void ends_by_text(struct vocab *v)
{
    uint32_t id;
    ends_answer(v, v->fim_pad);
    ends_answer(v, v->fim_rep);
    ends_answer(v, v->fim_sep);
    for (size_t i = 0; end_texts[i]; i++)
        if (has(v, end_texts[i], &id)) {
            v->private->type[id] = TOKEN_CONTROL;
            ends_answer(v, id);
        }
    ends_answer(v, v->eos);
    ends_answer(v, v->eot);
    ends_answer(v, v->eom);
    except(v);
}

bool special_ids_find(struct vocab *v, const struct gguf *g, struct err *e)
{
    family_ids(v);
    if (!ids_from_keys(v, g, e))
        return false;
    role_by_text(v, eot_texts, &v->eot);
    role_by_text(v, eom_texts, &v->eom);
    role_by_text(v, fim_pre_texts, &v->fim_pre);
    role_by_text(v, fim_suf_texts, &v->fim_suf);
    role_by_text(v, fim_mid_texts, &v->fim_mid);
    role_by_text(v, fim_pad_texts, &v->fim_pad);
    role_by_text(v, fim_rep_texts, &v->fim_rep);
    role_by_text(v, fim_sep_texts, &v->fim_sep);
    ends_by_text(v);
    return true;
}
