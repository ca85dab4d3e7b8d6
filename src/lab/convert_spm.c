/* SPDX-License-Identifier: Apache-2.0 */
/* lab/convert_spm: tokenizer.model, a SentencePiece model, as a vocabulary.
 *
 * Its message has pieces (1: text 1, score 2, kind 3), the trainer's settings (2: 3 says how it
 * splits, 1 unigram or 2 BPE) and the normalizer's (3: character map 2, a blank first 3, blanks
 * merged 4). The kinds of pieces have the numbers that GGUF gives them. Source:
 * sentencepiece_model.proto. */
#include <string.h>

#include "lab/convert_vocab.h"
#include "lab/protobuf.h"

struct settings {
    uint64_t model_type;
    struct str charsmap;
    bool blank_first, merge_blanks;
};

enum { MODEL_UNIGRAM = 1, MODEL_BPE = 2 };

static bool read_piece(struct vocab_draft *d, struct str message, uint64_t id, struct err *e)
{
    struct protobuf_field f;
    struct str text = {0};
    float score = 0;
    uint64_t type = TOKEN_NORMAL;
    while (protobuf_next(&message, &f, e)) {
        if (f.number == 1)
            text = f.bytes;
        else if (f.number == 2)
            score = protobuf_float(&f);
        else if (f.number == 3)
            type = f.value;
    }
    if (e->code != ERR_NONE)
        return false;
    if (type < TOKEN_NORMAL || type > TOKEN_BYTE)
        return fail(e, ERR_CORRUPT, "tokenizer.model: piece %llu is of no known kind",
                    (unsigned long long)id);
    if (type == TOKEN_UNKNOWN && id < d->n)
        d->unk = (uint32_t)id;
    if (!text.p)
        text = STR("");
    return vocab_draft_put(d, id, text, (enum token_type)type, score, e);
}

static bool read_trainer(struct str message, struct settings *s, struct err *e)
{
    struct protobuf_field f;
    while (protobuf_next(&message, &f, e))
        if (f.number == 3)
            s->model_type = f.value;
    return e->code == ERR_NONE;
}

static bool read_normalizer(struct str message, struct settings *s, struct err *e)
{
    struct protobuf_field f;
    while (protobuf_next(&message, &f, e)) {
        if (f.number == 2)
            s->charsmap = f.bytes;
        else if (f.number == 3)
            s->blank_first = f.value;
        else if (f.number == 4)
            s->merge_blanks = f.value;
    }
    return e->code == ERR_NONE;
}

static bool read_model(struct vocab_draft *d, struct str file, struct settings *s, struct err *e)
{
    struct protobuf_field f;
    uint64_t id = 0;
    bool ok = true;
    while (ok && protobuf_next(&file, &f, e)) {
        if (f.number == 1)
            ok = read_piece(d, f.bytes, id++, e);
        else if (f.number == 2)
            ok = read_trainer(f.bytes, s, e);
        else if (f.number == 3)
            ok = read_normalizer(f.bytes, s, e);
    }
    if (!ok || e->code != ERR_NONE)
        return err_at(e, "tokenizer.model");
    return id > 0 || fail(e, ERR_CORRUPT, "tokenizer.model has no pieces");
}

bool vocab_read_sentencepiece(struct vocab_draft *d, struct str file, struct err *e)
{
    struct settings s = {.model_type = MODEL_UNIGRAM, .blank_first = true, .merge_blanks = true};
    struct gguf_writer *w = &d->c->w;
    if (!read_model(d, file, &s, e))
        return false;
    if (s.model_type != MODEL_UNIGRAM && s.model_type != MODEL_BPE)
        return fail(e, ERR_UNSUPPORTED,
                    "tokenizer.model splits by words or characters; only BPE and unigram models "
                    "can be converted");
    d->model = s.model_type == MODEL_BPE ? "llama" : "t5";
    d->scored = d->spaced = true;
    gguf_write_bool(w, "tokenizer.ggml.add_space_prefix", s.blank_first);
    if (s.model_type == MODEL_BPE)
        return true;
    gguf_write_bool(w, "tokenizer.ggml.remove_extra_whitespaces", s.merge_blanks);
    if (s.charsmap.n)
        gguf_write_array(w, "tokenizer.ggml.precompiled_charsmap", GGUF_U8, s.charsmap.p,
                         s.charsmap.n);
    return true;
}
