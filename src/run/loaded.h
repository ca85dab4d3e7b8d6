/* SPDX-License-Identifier: Apache-2.0 */
/* run/loaded: a model opened for answering: its file, vocabulary, chat template and weights, and
 * the cache and scratch of as many sequences as are asked for, inside a budget of memory. */
#ifndef MOAT_RUN_LOADED_H
#define MOAT_RUN_LOADED_H

#include "engine/forward.h"
#include "engine/lora.h"
#include "engine/packed.h"
#include "gguf/gguf.h"
#include "run/memplan.h"
#include "run/settings.h"
#include "run/speculate.h"
#include "text/chat.h"
#include "text/mask_cache.h"
#include "text/pair.h"
#include "text/tokenize.h"

/* A small model that guesses how the large one goes on (run/speculate). */
struct load_draft {
    struct gguf *g; /* NULL: there is none */
    const struct packed_params *pack;
};

/* Where several models share the memory: asked once, before anything is loaded, with the bytes that
 * the model needs (one context) and those it can make use of; gives those it may take. */
struct load_grant {
    bool (*ask)(void *arg, uint64_t least, uint64_t most, uint64_t *budget, struct err *e);
    void *arg;
};

struct load_options {
    uint64_t memory; /* budget in bytes; 0: what the machine or cgroup has free, less a reserve */
    struct load_grant grant;  /* asked for the budget in place of `memory`; ask NULL: nobody is */
    uint32_t threads;         /* 0: the CPUs this process may use */
    enum kv_type kv;          /* where the settings do not say */
    enum precision precision; /* of sums */
    const struct packed_params *pack; /* NULL: weights stay as the file has them */
    bool grammar;                     /* answers will be bound by one: plan its memory */
    uint32_t n_parallel;              /* answers in the making at once; 0: 1 */
    uint32_t n_kept;                  /* finished sequences kept beside them, at most */
    bool embed;                       /* a model that is said to embed is opened for that */
    const json_t *opening;            /* chat_set_opening; NULL: none */
    struct load_draft draft;
    struct lora_files adapters;
    uint32_t draft_for; /* tokens of context: this is the draft model beside them; 0: it is not */
};

struct loaded {
    struct gguf *g;
    struct vocab *vocab;
    struct chat *chat; /* NULL: the model has no template */
    struct model *model;
    struct packed packed;
    struct forward *f;        /* f->p.kv.n_seq sequences: n_parallel, and those kept */
    struct pass_costs costs;  /* of decoding */
    struct mask_cache *masks; /* of the grammars that bind answers; made for the first */
    uint32_t n_parallel;
    bool embeds;          /* for vectors, not for answers */
    struct pair pair;     /* of one that ranks */
    struct loaded *draft; /* NULL: there is none; it has a sequence for each of n_parallel */
    uint64_t draft_bytes; /* of memory that it takes */
    struct lora_files adapters;
};

/* Takes g, draft.g and the adapters' over, also on failure. Of the settings only context_window and
 * rope are read. The draft model has the same context, or what it was trained for, and must have
 * the same texts as tokens: else ERR_UNSUPPORTED. *plan is filled as soon as it is known: when it
 * does not fit, the error is ERR_LIMIT and plan->total > plan->budget. Where the budget is short
 * there are fewer sequences kept, and less room for contexts than n_parallel full ones; there is
 * room for one. */
bool loaded_open(struct loaded *l, struct gguf *g, const struct settings *s,
                 const struct load_options *o, struct memplan *plan, struct err *e) MUST_USE;
void loaded_close(struct loaded *l);

/* Whether these scales of the adapters are those of a sequence for which `then` was in
 * force. */
bool loaded_same_scales(const struct loaded *l, const float *now, const float *then);

/* Made at the first call: one thread at a time; later ones may come from any. */
struct mask_cache *loaded_masks(struct loaded *l, struct err *e) MUST_USE;

/* For the i-th answer in the making. */
struct speculation *loaded_speculation(struct loaded *l, uint32_t i, struct err *e) MUST_USE;

uint32_t loaded_context(const struct loaded *l); /* tokens of context in use */
/* Those that an answer with these settings may use: no more than their context_window, if any. */
uint32_t loaded_window(const struct loaded *l, const struct settings *s);

/* The ids of a prompt that is answered: special tokens in it are parsed; BOS goes in front as the
 * model wants it, unless the text starts with it, as templates often do. */
bool loaded_tokenize(const struct loaded *l, struct str prompt, struct tokens *out,
                     struct err *e) MUST_USE;
/* Every id is the vocabulary's. */
bool loaded_check_ids(const struct loaded *l, const struct tokens *t, struct err *e) MUST_USE;
/* ERR_LIMIT with both counts when it does not fit the context with one token for an answer. */
bool loaded_check_prompt(const struct loaded *l, const struct settings *s, const struct tokens *t,
                         struct err *e) MUST_USE;

#endif
