/* SPDX-License-Identifier: Apache-2.0 */
/* bench/mask_time: how long the mask of a token takes.
 *
 * usage: mask_time VOCABULARY.gguf SCHEMA.json ANSWERS TOKENS
 * Walks through ANSWERS random answers of TOKENS tokens at most that a JSON Schema allows: of the
 * tokens of a mask any may follow, but short ones are likelier, as in real text. Prints one JSON
 * object: microseconds for a mask and the acceptance of a token, the first answer (nothing is
 * remembered yet) apart from the others. */
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "gguf/gguf.h"
#include "text/grammar.h"
#include "text/token_mask.h"
#include "text/token_tree.h"
#include "text/vocab.h"

enum { TRIES = 6, MOST = 1 << 22 };

struct walk {
    const struct vocab *v;
    struct token_mask *mask;
    uint64_t random;
    float *us; /* [MOST] */
    uint32_t n;
};

static uint32_t below(struct walk *w, uint32_t n)
{
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((w->random >> 33) % n);
}

/* The shortest of some allowed tokens; UINT32_MAX: none is. */
static uint32_t choose(struct walk *w, const uint32_t *bits)
{
    uint32_t n = w->v->n_tokens, best = UINT32_MAX;
    size_t least = SIZE_MAX;
    for (int i = 0; i < TRIES; i++) {
        uint32_t id = below(w, n), left = n;
        while (left && !(bits[id / 32] >> (id % 32) & 1)) {
            id = id + 1 < n ? id + 1 : 0;
            left--;
        }
        if (left && vocab_text(w->v, id).n < least) {
            best = id;
            least = vocab_text(w->v, id).n;
        }
    }
    return best;
}

static bool answer(struct walk *w, uint32_t tokens, struct err *e)
{
    token_mask_restart(w->mask);
    for (uint32_t left = tokens; left > 0 && w->n < MOST; left--) {
        const uint32_t *bits;
        uint64_t t0 = os_now_ns();
        if (!token_mask_get(w->mask, left, &bits, e))
            return false;
        uint64_t t1 = os_now_ns();
        uint32_t id = choose(w, bits);
        if (id == UINT32_MAX || vocab_ends_answer(w->v, id))
            return true;
        uint64_t t2 = os_now_ns();
        if (!token_mask_accept(w->mask, id, e))
            return false;
        w->us[w->n++] = (float)(t1 - t0 + os_now_ns() - t2) * 1e-3f;
        if (token_mask_over(w->mask))
            return true;
    }
    return true;
}

static int order(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void print(const char *name, float *us, uint32_t n, const char *end)
{
    qsort(us, n, sizeof *us, order);
    printf("\"%s\":{\"n\":%u,\"median_us\":%.2f,\"p99_us\":%.2f,\"max_us\":%.2f}%s", name, n,
           n ? (double)us[n / 2] : 0, n ? (double)us[(uint64_t)n * 99 / 100] : 0,
           n ? (double)us[n - 1] : 0, end);
}

static bool run(char **argv, struct err *e)
{
    static const struct schema_options as = {0};
    struct buf text;
    buf_init(&text, LIMIT_GRAMMAR_BYTES);
    struct gguf *file = gguf_open(argv[1], e);
    struct vocab *v = file ? vocab_new(file, e) : NULL;
    struct token_tree *tree = v ? token_tree_new(v, e) : NULL;
    struct grammar *g = tree && buf_read_file(&text, argv[2], e)
                            ? grammar_from_schema(buf_view(&text), &as, e)
                            : NULL;
    struct walk w = {.v = v, .random = 1, .us = mem_new(MOST, sizeof *w.us, e)};
    struct mask_plain json = {0};
    bool made = g && w.us && mask_plain_json(&json, tree, (v->n_tokens + 31) / 32, e);
    struct mask_set *set = made ? mask_set_new(g, v, tree, &json, v->n_tokens, e) : NULL;
    w.mask = set ? token_mask_new(set, e) : NULL;
    uint32_t answers = (uint32_t)atol(argv[3]), tokens = (uint32_t)atol(argv[4]), first = 0;
    bool ok = w.mask != NULL;
    for (uint32_t i = 0; ok && i < answers; i++) {
        ok = answer(&w, tokens, e);
        first = i == 0 ? w.n : first;
    }
    if (ok) {
        printf("{\"tokens\":%u,", v->n_tokens);
        print("first", w.us, first, ",");
        print("others", w.us + first, w.n - first, "}\n");
    }
    token_mask_free(w.mask);
    mask_set_free(set);
    mask_plain_clear(&json);
    mem_free(w.us);
    grammar_free(g);
    token_tree_free(tree);
    vocab_free(v);
    gguf_close(file);
    buf_clear(&text);
    return ok;
}

int main(int argc, char **argv)
{
    struct err e = {0};
    if (argc != 5) {
        fputs("usage: mask_time VOCABULARY.gguf SCHEMA.json ANSWERS TOKENS\n", stderr);
        return 2;
    }
    if (run(argv, &e))
        return 0;
    fprintf(stderr, "mask_time: %s\n", e.msg);
    return 1;
}
