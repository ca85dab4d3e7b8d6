/* SPDX-License-Identifier: Apache-2.0 */
/* run/completion: see completion.h. */
#include "run/completion.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/os.h"

#define ROOM 1024u /* bytes of text that a token adds, but for very long ones */

const char *finish_name(enum finish f)
{
    static const char *const names[] = {"end",     "stop",      "length",
                                        "context", "cancelled", "deadline"};
    return names[f];
}

static bool start_sampler(struct completion *c, const struct settings *s,
                          const struct tokens *prompt, struct err *e)
{
    uint64_t seed = s->seed;
    if (!s->seed_set && !os_random(&seed, sizeof seed, e))
        return false;
    c->seed = s->seed_set ? seed : seed >> 11; /* a drawn seed fits JSON's exact integers */
    if (s->dry_multiplier > 0 && !breakers_find(&c->breakers, c->l->vocab, s, e))
        return false;
    struct sample_params p;
    settings_sample_params(s, &p);
    p.seed = c->seed;
    p.dry_breakers = c->breakers.id;
    p.n_dry_breakers = (uint32_t)c->breakers.n;
    c->sampler = sample_new(&p, c->l->model->h.n_vocab, loaded_context(c->l), e);
    if (!c->sampler)
        return false;
    for (size_t i = 0; i < prompt->n; i++)
        sample_accept(c->sampler, prompt->id[i]);
    return true;
}

static bool start_mask(struct completion *c, struct loaded *l, const struct settings *s,
                       struct str owner, struct err *e)
{
    if (!s->grammar)
        return true;
    struct mask_cache *masks = loaded_masks(l, e);
    c->mask = masks ? mask_cache_begin(masks, s->grammar, owner, e) : NULL;
    return c->mask != NULL;
}

/* Room for what a token adds, so that decoding takes none. */
static void make_room(struct buf *b)
{
    const char nothing[ROOM] = {0};
    buf_add(b, nothing, sizeof nothing);
    buf_reset(b);
}

bool completion_start(struct completion *c, struct loaded *l, const struct settings *s,
                      const struct tokens *prompt, struct str owner, struct err *e)
{
    *c = (struct completion){.l = l,
                             .n_ctx = loaded_window(l, s),
                             .max_tokens = s->max_tokens,
                             .endless = s->context_shift};
    buf_init(&c->text, LIMIT_TEXT_BYTES);
    buf_init(&c->shown, LIMIT_TEXT_BYTES);
    make_room(&c->text);
    make_room(&c->shown);
    detok_init(&c->detok, l->vocab, s->special);
    detok_continue(&c->detok);
    return stop_init(&c->stop, s->stop_sequences.v, s->stop_sequences.n, e) &&
           start_sampler(c, s, prompt, e) && start_mask(c, l, s, owner, e);
}

void completion_clear(struct completion *c)
{
    stop_clear(&c->stop);
    sample_free(c->sampler);
    token_mask_free(c->mask);
    breakers_clear(&c->breakers);
    buf_clear(&c->text);
    buf_clear(&c->shown);
    *c = (struct completion){0};
}

uint32_t completion_left(const struct completion *c, uint32_t n_tokens)
{
    uint32_t room = c->n_ctx - n_tokens + 1; /* the last is not computed */
    if (c->endless)
        room = UINT32_MAX;
    uint32_t most = c->max_tokens ? c->max_tokens - c->n_generated : UINT32_MAX;
    return room < most ? room : most;
}

/* The tokens that may follow; NULL: all. */
static bool allowed(struct completion *c, uint32_t n_tokens, const uint32_t **mask, struct err *e)
{
    *mask = NULL;
    if (!c->mask)
        return true;
    uint64_t t0 = os_now_ns();
    bool ok = token_mask_get(c->mask, completion_left(c, n_tokens), mask, e);
    c->mask_s += (double)(os_now_ns() - t0) * 1e-9;
    return ok;
}

static bool advance_mask(struct completion *c, uint32_t id, struct err *e)
{
    if (!c->mask || vocab_ends_answer(c->l->vocab, id))
        return true;
    uint64_t t0 = os_now_ns();
    bool fits = token_mask_accept(c->mask, id, e);
    c->mask_s += (double)(os_now_ns() - t0) * 1e-9;
    return fits;
}

bool completion_choose(struct completion *c, const float *logits, uint32_t n_tokens, uint32_t *id,
                       struct err *e)
{
    const struct vocab *v = c->l->vocab;
    const uint32_t *mask;
    if (!allowed(c, n_tokens, &mask, e))
        return false;
    *id = sample(c->sampler, logits, mask);
    if (*id == UINT32_MAX && mask)
        return fail(e, ERR_UNSUPPORTED,
                    "no token of the vocabulary fits the grammar here, or logit_bias bans those "
                    "that do");
    if (*id == UINT32_MAX)
        return fail(e, ERR_CORRUPT,
                    "no token can follow: the model's logits are not numbers, or logit_bias "
                    "bans them all");
    sample_accept(c->sampler, *id);
    if (*id >= v->n_tokens)
        return fail(e, ERR_CORRUPT,
                    "the model chose token %u, for which its vocabulary has no text", *id);
    return advance_mask(c, *id, e);
}

/* One token's text through the stop sequences. False: one of them ended the answer. */
static bool add_text(struct completion *c, uint32_t id)
{
    buf_reset(&c->text);
    detok_push(&c->detok, id, &c->text);
    const char *stopped = stop_push(&c->stop, buf_view(&c->text), &c->shown);
    if (!stopped)
        return true;
    snprintf(c->stopped, sizeof c->stopped, "%s", stopped);
    c->stopped[str_utf8_whole(str_of(c->stopped))] = '\0';
    return false;
}

static bool is_over(struct completion *c, uint32_t n_tokens, uint32_t id)
{
    c->finish = FINISH_END;
    if (vocab_ends_answer(c->l->vocab, id))
        return true;
    if (!add_text(c, id)) {
        c->finish = FINISH_STOP;
        return true;
    }
    if (c->mask && token_mask_over(c->mask))
        return true;
    c->finish = FINISH_LENGTH;
    if (c->max_tokens && c->n_generated >= c->max_tokens)
        return true;
    c->finish = FINISH_CONTEXT;
    return !c->endless && n_tokens >= c->n_ctx;
}

void completion_take(struct completion *c, uint32_t n_tokens, uint32_t id, bool *over)
{
    c->n_generated++;
    *over = is_over(c, n_tokens, id);
}

void completion_end(struct completion *c)
{
    if (c->finish == FINISH_STOP || c->finish == FINISH_CANCELLED)
        return;
    buf_reset(&c->text);
    detok_flush(&c->detok, &c->text);
    if (!stop_push(&c->stop, buf_view(&c->text), &c->shown))
        stop_flush(&c->stop, &c->shown);
}
