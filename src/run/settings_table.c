/* SPDX-License-Identifier: Apache-2.0 */
/* run/settings_table: the table itself, and the defaults. Ranges are wide: they keep out mistakes
 * and what cannot be computed with, not unusual taste. */
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "run/settings.h"
#include "run/settings_private.h"

#define ROW(key, kind, min, max, arg, help)                                                        \
    {                                                                                              \
        #key, kind, offsetof(struct settings, key), min, max, arg, help, false, NULL               \
    }
#define AT_LOAD(key, field, kind, min, max, arg, help, choices)                                    \
    {                                                                                              \
        #key, kind, offsetof(struct settings, field), min, max, arg, help, true, choices           \
    }
#define ROPE_F32(key, field, min, max, help)                                                       \
    AT_LOAD(key, rope.field, SETTING_F32, min, max, "X", help, NULL)
#define U32(key, min, max, help) ROW(key, SETTING_U32, min, max, "N", help)
#define F32(key, min, max, help) ROW(key, SETTING_F32, min, max, "X", help)

static const char *const speculations[] = {"off", "lookup", NULL};
static const char *const kv_types[] = {"f16", "f32", "bf16", "q8", NULL}; /* enum kv_type + 1 */
static const char *const rope_scalings[] = {"none", "linear", "yarn", NULL};

const struct setting settings_table[] = {
    AT_LOAD(context_window, context_window, SETTING_U32, 0, LIMIT_CONTEXT, "N",
            N_("tokens of context (default: what the model was trained for, 8192 at most)"), NULL),
    AT_LOAD(kv_type, kv_type, SETTING_CHOICE, 0, 0, "TYPE",
            N_("how keys and values of the context are kept: f16, q8 (half the memory), bf16 or "
               "f32 (default f16)"),
            kv_types),
    AT_LOAD(rope_scaling, rope.scaling, SETTING_CHOICE, 0, 0, "TYPE",
            N_("how positions beyond the trained context are made to fit: none, linear or yarn "
               "(default: as the model says)"),
            rope_scalings),
    ROPE_F32(rope_scale, scale, 0, 1024,
             N_("make the context X times as long (default 0: as the model says)")),
    ROPE_F32(rope_freq_base, freq_base, 0, 1e12,
             N_("base of the rotation frequencies (default 0: as the model says)")),
    AT_LOAD(yarn_orig_ctx, rope.yarn_orig_ctx, SETTING_U32, 0, LIMIT_CONTEXT, "N",
            N_("YaRN: the context before it was extended (default 0: as the model says)"), NULL),
    ROPE_F32(yarn_ext_factor, yarn_ext_factor, -1, 1,
             N_("YaRN: share of the fast frequencies that is kept; 0 scales them all (default -1: "
                "as the model says)")),
    ROPE_F32(yarn_attn_factor, yarn_attn_factor, 0, 100,
             N_("YaRN: multiplies the rotated vectors (default 0: as the model says)")),
    ROPE_F32(yarn_beta_slow, yarn_beta_slow, 0, 1e6,
             N_("YaRN: turns up to which a frequency is scaled (default 0: as the model says)")),
    ROPE_F32(yarn_beta_fast, yarn_beta_fast, 0, 1e6,
             N_("YaRN: turns from which a frequency is kept (default 0: as the model says)")),
    {"context_shift", SETTING_FLAG, offsetof(struct settings, context_shift), 0, 0, NULL,
     N_("when the context is full, drop its oldest tokens and go on (default: stop)"), false, NULL},
    U32(keep, 0, LIMIT_CONTEXT,
        N_("tokens at the start that --context-shift keeps (default 0: the one that begins every "
           "text)")),
    U32(max_tokens, 0, LIMIT_CONTEXT,
        N_("tokens of an answer at most (default 0: until the model ends it)")),
    ROW(stop_sequences, SETTING_STRINGS, 0, 0, "TEXT",
        N_("end the answer before this text; may be given several times")),
    F32(temperature, 0, 100,
        N_("0 always takes the likeliest token, higher is wilder (default "
           "0.8)")),
    U32(top_k, 0, LIMIT_VOCAB, N_("keep the N likeliest tokens (default 40; 0: all)")),
    F32(top_p, 0, 1,
        N_("keep the likeliest tokens up to this sum of probability (default 0.95; 1: all)")),
    F32(min_p, 0, 1,
        N_("keep tokens with this share of the likeliest one's probability (default 0.05; 0: "
           "all)")),
    F32(typical_p, 0, 1,
        N_("keep the tokens of most typical surprise up to this sum of probability (default 1: "
           "all)")),
    F32(repeat_penalty, 0.01, 100,
        N_("divide the logits of tokens said before by this (default 1: off)")),
    F32(presence_penalty, -100, 100, N_("take this from the logit of a token said before")),
    F32(frequency_penalty, -100, 100, N_("take this from it for each time it was said")),
    U32(repeat_last_n, -1, LIMIT_CONTEXT,
        N_("tokens the three penalties look back (default 64; -1: the whole context)")),
    F32(dry_multiplier, 0, 100,
        N_("strength of DRY, which keeps long repetitions from going on (default 0: off)")),
    F32(dry_base, 1, 100, N_("growth of DRY's penalty with each repeated token (default 1.75)")),
    U32(dry_allowed_length, 0, LIMIT_CONTEXT,
        N_("longest repetition that DRY lets pass (default 2)")),
    U32(dry_penalty_last_n, -1, LIMIT_CONTEXT,
        N_("tokens DRY looks back (default -1: the whole context)")),
    ROW(dry_sequence_breakers, SETTING_STRINGS, 0, 0, "TEXT",
        N_("a repetition does not reach over this text; may be given several times")),
    F32(xtc_probability, 0, 1,
        N_("chance that XTC leaves out the likeliest tokens (default 0: off)")),
    F32(xtc_threshold, 0, 1,
        N_("probability from which XTC leaves out all but the last (default 0.1)")),
    U32(mirostat, 0, 2,
        N_("2: keep the surprise of the answer steady (Mirostat 2), instead of the truncating "
           "samplers")),
    F32(mirostat_tau, 0, 100, N_("the surprise Mirostat aims at, in bits (default 5)")),
    F32(mirostat_eta, 0, 100, N_("how fast Mirostat follows (default 0.1)")),
    ROW(seed, SETTING_U64, 0, 9007199254740992.0, "N",
        N_("seed of the random numbers: the same seed gives the same text")),
    ROW(logit_bias, SETTING_BIAS, -1000, 1000, "ID=BIAS",
        N_("add BIAS to the logit of token ID, or \"false\" to ban it; may be given several "
           "times")),
    ROW(samplers, SETTING_ORDER, 0, 0, "NAMES",
        N_("the samplers in their order (default "
           "penalties;dry;top_k;typical_p;top_p;min_p;xtc;temperature)")),
    {"speculation", SETTING_CHOICE, offsetof(struct settings, speculation), 0, 0, "HOW",
     N_("guess tokens that stood behind the same words before and compute them together: lookup "
        "(default; the answer is the same) or off"),
     false, speculations},
};
const uint32_t settings_count = sizeof settings_table / sizeof *settings_table;

const struct setting_stage setting_stages[] = {
    {"penalties", SAMPLE_PENALTIES},
    {"dry", SAMPLE_DRY},
    {"top_k", SAMPLE_TOP_K},
    {"typical_p", SAMPLE_TYPICAL},
    {"top_p", SAMPLE_TOP_P},
    {"min_p", SAMPLE_MIN_P},
    {"xtc", SAMPLE_XTC},
    {"temperature", SAMPLE_TEMPERATURE},
};
const uint32_t setting_stage_count = sizeof setting_stages / sizeof *setting_stages;

static char newline[] = "\n", colon[] = ":", quote[] = "\"", star[] = "*";
char *setting_default_breakers[] = {newline, colon, quote, star};

void settings_init(struct settings *s)
{
    *s = (struct settings){
        .rope.yarn_ext_factor = -1,
        .temperature = 0.8f,
        .top_k = 40,
        .top_p = 0.95f,
        .min_p = 0.05f,
        .typical_p = 1,
        .repeat_penalty = 1,
        .repeat_last_n = 64,
        .dry_base = 1.75f,
        .dry_allowed_length = 2,
        .dry_penalty_last_n = UINT32_MAX,
        .dry_sequence_breakers = {setting_default_breakers, 4, false},
        .xtc_threshold = 0.1f,
        .mirostat_tau = 5,
        .mirostat_eta = 0.1f,
        .speculation = SPECULATION_LOOKUP,
    };
    for (uint32_t i = 0; i < setting_stage_count; i++)
        s->samplers[i] = setting_stages[i].stage;
}
