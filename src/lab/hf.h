/* SPDX-License-Identifier: Apache-2.0 */
/* lab/hf: a model as Hugging Face tools save it: a folder with config.json, safetensors files and
 * the files of its tokenizer.
 *
 * hf_open reads all of it but the weights, which are mapped. Everything in it comes from outside:
 * the accessors check type and range and name file and key in what they refuse. */
#ifndef MOAT_LAB_HF_H
#define MOAT_LAB_HF_H

#include "base/json.h"
#include "gguf/safetensors.h"

struct hf {
    const char *folder;       /* borrowed */
    json_t *config;           /* config.json */
    const json_t *text;       /* its "text_config" where it has one, else itself: borrowed */
    json_t *tokenizer;        /* tokenizer.json, or NULL */
    json_t *tokenizer_config; /* tokenizer_config.json (all numbers real), or NULL */
    json_t *generation;       /* generation_config.json, or NULL */
    struct safetensors *weights;
};

bool hf_open(struct hf *m, const char *folder, struct err *e) MUST_USE;
void hf_close(struct hf *m);
/* Frees what only the tokenizer needs: it is the largest part of some models' memory. */
void hf_forget_tokenizer(struct hf *m);

/* A further file of the folder: *there is false where it is absent. */
bool hf_read_text(const struct hf *m, const char *file, uint64_t max, struct buf *out, bool *there,
                  struct err *e) MUST_USE;
bool hf_read_json(const struct hf *m, const char *file, json_t **out, struct err *e) MUST_USE;

/* Values of config.json (m->text). Absent or null leaves *out alone; another type or a value out of
 * range is ERR_CORRUPT. */
bool hf_u32(const json_t *o, const char *key, uint32_t lo, uint32_t hi, uint32_t *out,
            struct err *e) MUST_USE;
bool hf_f32(const json_t *o, const char *key, float *out, struct err *e) MUST_USE;
bool hf_bool(const json_t *o, const char *key, bool *out, struct err *e) MUST_USE;
const char *hf_text(const json_t *o, const char *key); /* NULL where there is none */
/* Whether the key is there and not null; ERR_CORRUPT when not. */
bool hf_required(const json_t *o, const char *key, struct err *e) MUST_USE;

#endif
