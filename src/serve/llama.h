/* SPDX-License-Identifier: Apache-2.0 */
/* serve/llama: what the routes of llama.cpp's server share. */
#ifndef MOAT_SERVE_LLAMA_H
#define MOAT_SERVE_LLAMA_H

#include "serve/ask.h"

/* The timings of an answer. */
json_t *llama_timings(const struct ask_answer *w);

#endif
