/* SPDX-License-Identifier: Apache-2.0 */
/* run/settings: what a user may set about a generation, in one table.
 *
 * The table is the single source for command-line options (`--max-tokens` = key with dashes), the
 * keys of a model's config file, ranges of request fields, and help. Unknown keys and values out of
 * range are errors that name the key, the range and the nearest known key.
 *
 * Values, in JSON and on the command line:
 *   numbers         as they are; -1 for the two windows (repeat_last_n, dry_penalty_last_n) is the
 *                   whole context
 *   stop_sequences, dry_sequence_breakers   a list of texts, or one text; on the command line one
 *                   text as it stands, or a JSON list
 *   context_shift   true or false; on the command line the option alone is true
 *   kv_type         f16, f32, bf16 or q8
 *   rope_scaling    none, linear or yarn
 *   speculation     off or lookup
 *   samplers        a list of stage names; on the command line names with ";" or "," between
 *   logit_bias      {"token id": bias}, false for "never"; on the command line ID=BIAS. Token ids
 *                   only: a text may be several tokens (moat tokenize shows the ids). */
#ifndef MOAT_RUN_SETTINGS_H
#define MOAT_RUN_SETTINGS_H

#include <jansson.h>

#include "base/buf.h"
#include "engine/rope_options.h"
#include "engine/sample.h"

enum setting_kind {
    SETTING_U32,
    SETTING_U64,
    SETTING_F32,
    SETTING_FLAG,
    SETTING_CHOICE,
    SETTING_STRINGS,
    SETTING_ORDER,
    SETTING_BIAS
};

struct setting {
    const char *key; /* "max_tokens" */
    enum setting_kind kind;
    size_t offset;              /* in struct settings */
    double min, max;            /* inclusive; of the bias in SETTING_BIAS */
    const char *arg;            /* placeholder in help: "N", "P", "TEXT" */
    const char *help;           /* gettext id */
    bool at_load;               /* read when the model is opened, fixed from then on */
    const char *const *choices; /* SETTING_CHOICE: the names of 1, 2, ..., ended by NULL */
};

enum { SPECULATION_OFF = 1, SPECULATION_LOOKUP };

struct settings_strings {
    char **v; /* owned, but for the default breakers */
    uint32_t n;
    bool set; /* given by the user, even if empty: settings_set adds instead of replacing */
};

struct settings {
    uint32_t context_window;  /* 0: min(trained, 8192) */
    uint32_t kv_type;         /* 0: f16; else an enum kv_type and 1 */
    struct rope_options rope; /* for a context beyond the trained one */
    bool context_shift;       /* when the context is full: drop its oldest tokens and go on */
    uint32_t keep;            /* but for the first of them */
    uint32_t max_tokens;      /* 0: until the model stops or the context is full */
    struct settings_strings stop_sequences;
    float temperature, top_p, min_p, typical_p;
    uint32_t top_k;
    float repeat_penalty, presence_penalty, frequency_penalty;
    uint32_t repeat_last_n;
    float dry_multiplier, dry_base;
    uint32_t dry_allowed_length, dry_penalty_last_n;
    struct settings_strings dry_sequence_breakers;
    float xtc_probability, xtc_threshold;
    uint32_t mirostat;
    float mirostat_tau, mirostat_eta;
    uint64_t seed;
    bool seed_set;                  /* otherwise a random seed is drawn and shown by --verbose */
    struct sample_bias *logit_bias; /* owned */
    uint32_t n_logit_bias;
    enum sample_stage samplers[SAMPLE_STAGE_COUNT];
    uint32_t speculation;          /* SPECULATION_OFF, SPECULATION_LOOKUP */
    const struct grammar *grammar; /* what answers must be; borrowed, NULL: anything */
    bool special;                  /* answers hold the texts of special tokens: text/toolcall */
};

extern const struct setting settings_table[];
extern const uint32_t settings_count;

void settings_init(struct settings *s); /* the defaults */
void settings_clear(struct settings *s);
/* A copy of its own; the grammar stays borrowed. `to` is cleared by the caller, also on failure. */
bool settings_copy(struct settings *to, const struct settings *from, struct err *e) MUST_USE;

/* Sets one value from command-line text; on failure nothing changes. For lists of texts: repeated
 * calls append; the first replaces the default. */
bool settings_set(struct settings *s, const struct setting *def, struct str value,
                  struct err *e) MUST_USE;
/* Sets one value from JSON, which replaces a list. */
bool settings_set_json(struct settings *s, const struct setting *def, const json_t *value,
                       struct err *e) MUST_USE;
const struct setting *settings_find(struct str key);      /* dashes and underscores are the same */
const char *settings_stage_name(enum sample_stage stage); /* as in `samplers` */

/* Every key of the object; `where` names the source in messages. On failure the keys before the bad
 * one are set. */
bool settings_from_json(struct settings *s, const json_t *object, const char *where,
                        struct err *e) MUST_USE;
bool settings_load(struct settings *s, const char *path, struct err *e) MUST_USE;

/* What the sampler needs of the settings; dry_breakers are left to the caller, who knows the
 * vocabulary. Borrows from s. */
void settings_sample_params(const struct settings *s, struct sample_params *p);

#endif
