/* SPDX-License-Identifier: Apache-2.0 */
/* tests/run/long_text: texts of any length, and the job that has one continued. */
#ifndef MOAT_TESTS_RUN_LONG_TEXT_H
#define MOAT_TESTS_RUN_LONG_TEXT_H

#include <jansson.h>

#include "base/buf.h"

/* Different words, so that nothing but what is meant to be shared is. */
static inline void long_text(struct buf *out, uint32_t words, uint32_t seed)
{
    static const char *const word[] = {"river", "stone",  "under", "quiet", "seven", "amber",
                                       "north", "carry",  "glass", "early", "metal", "window",
                                       "paper", "hollow", "green", "march"};
    buf_init(out, 1 << 20);
    for (uint32_t i = 0; i < words; i++) {
        seed = seed * 1664525u + 1013904223u;
        buf_fmt(out, "%s%s", i ? " " : "", word[seed >> 28]);
    }
}

static inline json_t *ask(const char *prompt, int max_tokens)
{
    return json_pack("{ss ss s{si}}", "task", "text", "prompt", prompt, "settings", "max_tokens",
                     max_tokens);
}

#endif
