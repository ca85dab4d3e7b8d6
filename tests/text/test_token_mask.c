/* SPDX-License-Identifier: Apache-2.0 */
/* Masks are what trying every token gives, over random walks, with counts near and far, with tokens
 * that a grammar mentions, and after forgetting; and near a limit they lead to the end. */
#include <pthread.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/limits.h"
#include "text/automaton.h"
#include "text/mask_cache.h"
#include "text/vocab_file.h"

static const char *const grammars[] = {
    "root ::= [^\\n]* \"\\n\" root | \"end\"",
    "root ::= (\"a\" [b-y]{2,5} | [0-9]{1,3}){3,40} \"z\"",
    "root ::= .{0,300}",
    "root ::= .{20,2000} \"!\"",
    "root ::= v\nv ::= \"[\" (v (\", \" v)*)? \"]\" | \"\\\"\" [^\"\\\\]* \"\\\"\" | [0-9]+",
    "root ::= s\ns ::= \"x\" s \"a\" | \"x\" s \"b\" | \"x\" | \" \"*",
    "root ::= <[3]> (!<[4]>)* <[4]> \"the \"+",
    "root ::= [ a-zA-Z]+ [\\u4e00-\\u9fff]* ([.?!] \" \"?)?",
    "root ::= ([a-z] | <[5]> \"and then a tail that must be written\"){3,60} \".\"",
};

static const char *const schemas[] = {
    "{}",
    "{\"type\": \"string\", \"maxLength\": 200}",
    "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\", \"pattern\": "
    "\"^t.*e$\"}, "
    "\"the\": {\"type\": \"integer\", \"maximum\": 5000}}, \"required\": [\"the\"]}",
    "{\"enum\": [\"the\", \"then\", \"there\", \"\\u4e16\", 12, [null]]}",
};

static struct grammar *grammar_of(size_t i)
{
    static const struct schema_options as = {0};
    size_t n = sizeof grammars / sizeof *grammars;
    struct err e = {0};
    struct grammar *g = i < n ? grammar_from_gbnf(str_of(grammars[i]), NULL, NULL, &e)
                              : grammar_from_schema(str_of(schemas[i - n]), &as, &e);
    if (!g)
        fail_msg("grammar %zu: %s", i, e.msg);
    return g;
}

enum { N_GRAMMAR = sizeof grammars / sizeof *grammars + sizeof schemas / sizeof *schemas };

static bool bit(const uint32_t *bits, uint32_t id)
{
    return bits[id / 32] >> id % 32 & 1;
}

/* Does the token lead on? Asked of an automaton of its own. */
static bool allowed(struct automaton *a, uint32_t state, const struct vocab *v, uint32_t id,
                    uint32_t *to)
{
    struct err e = {0};
    if (vocab_ends_answer(v, id)) {
        *to = AUTOMATON_DEAD;
        return automaton_accepts(a, state);
    }
    assert_true(automaton_token(a, state, id, vocab_view(v, id, false), to, &e));
    return *to != AUTOMATON_DEAD;
}

static void walk(const struct vocab *v, struct token_mask *m, struct automaton *a, uint64_t *seed,
                 unsigned steps)
{
    uint32_t state = automaton_start(a), to;
    struct err e = {0};
    token_mask_restart(m);
    for (unsigned i = 0; i < steps; i++) {
        const uint32_t *bits;
        uint32_t chosen = UINT32_MAX, after = 0, seen = 0;
        assert_true(token_mask_get(m, UINT32_MAX, &bits, &e));
        for (uint32_t id = 0; id < v->n_tokens; id++) {
            bool may = allowed(a, state, v, id, &to);
            if (may != bit(bits, id))
                fail_msg("step %u: token %u: %d, but the mask says %d", i, id, may, !may);
            if (may && to != AUTOMATON_DEAD && next_random(seed) % ++seen == 0) {
                chosen = id;
                after = to;
            }
        }
        assert_false(bit(bits, v->n_tokens)); /* beyond the vocabulary */
        assert_int_equal(token_mask_complete(m), automaton_accepts(a, state));
        assert_true(!token_mask_over(m) || chosen == UINT32_MAX);
        if (chosen == UINT32_MAX)
            return;
        assert_true(token_mask_accept(m, chosen, &e));
        state = after;
        if (i % 8 == 7)
            assert_true(automaton_trim(a, &state, 1, &e));
    }
}

static void test_masks(void **unused)
{
    static const char *const names[] = {"bpe", "spm", "unigram", "wordpiece"};
    (void)unused;
    uint64_t seed = 1;
    for (size_t f = 0; f < 4; f++) {
        struct vocab_file file = vocab_file_open(names[f]);
        struct err e = {0};
        struct token_tree *t = token_tree_new(file.v, &e);
        assert_non_null(t);
        for (size_t i = 0; i < N_GRAMMAR; i++) {
            struct grammar *g = grammar_of(i);
            struct automaton *a = automaton_new(g, &e);
            struct mask_set *set = mask_set_new(g, file.v, t, NULL, file.v->n_tokens + 40, &e);
            assert_non_null(set);
            struct token_mask *m = token_mask_new(set, &e);
            assert_non_null(a);
            assert_non_null(m);
            for (int k = 0; k < 3; k++)
                walk(file.v, m, a, &seed, 24);
            token_mask_free(m);
            mask_set_free(set);
            automaton_free(a);
            grammar_free(g);
        }
        token_tree_free(t);
        vocab_file_close(&file);
    }
}

/* Bytes that the vocabulary cannot spell make a limit impossible to keep; these grammars are ASCII.
 */
static void test_limit(void **unused)
{
    (void)unused;
    struct vocab_file file = vocab_file_open("spm");
    struct err e = {0};
    struct token_tree *t = token_tree_new(file.v, &e);
    uint64_t seed = 2;
    for (uint32_t limit = 60; limit < 90; limit++)
        for (size_t i = 0; i < 3; i++) {
            static const size_t which[] = {1, 4, 8};
            struct grammar *g = grammar_of(which[i]);
            struct mask_set *set = mask_set_new(g, file.v, t, NULL, file.v->n_tokens, &e);
            struct token_mask *m = token_mask_new(set, &e);
            uint32_t used = 0;
            for (; used < limit && !token_mask_over(m); used++) {
                const uint32_t *bits;
                uint32_t chosen = UINT32_MAX, seen = 0;
                assert_true(token_mask_get(m, limit - used, &bits, &e));
                for (uint32_t id = 0; id < file.v->n_tokens; id++)
                    if (bit(bits, id) && !vocab_ends_answer(file.v, id) &&
                        next_random(&seed) % ++seen == 0)
                        chosen = id;
                if (chosen == UINT32_MAX)
                    break;
                assert_true(token_mask_accept(m, chosen, &e));
            }
            assert_true(token_mask_complete(m));
            token_mask_free(m);
            mask_set_free(set);
            grammar_free(g);
        }
    token_tree_free(t);
    vocab_file_close(&file);
}

/* --- one set, several answers ------------------------------------------------------------------
 */

/* One step of an answer: its mask is right, and one of its tokens is taken. */
static void step_beside(const struct vocab *v, struct token_mask *m, struct automaton *a,
                        uint32_t *state, uint64_t *seed)
{
    const uint32_t *bits;
    struct err e = {0};
    uint32_t chosen = UINT32_MAX, after = 0, seen = 0, to;
    assert_true(token_mask_get(m, UINT32_MAX, &bits, &e));
    for (uint32_t id = 0; id < v->n_tokens; id++) {
        bool may = allowed(a, *state, v, id, &to);
        assert_int_equal(may, bit(bits, id));
        if (may && to != AUTOMATON_DEAD && next_random(seed) % ++seen == 0) {
            chosen = id;
            after = to;
        }
    }
    if (chosen == UINT32_MAX) { /* it is over */
        token_mask_restart(m);
        *state = automaton_start(a);
        return;
    }
    assert_true(token_mask_accept(m, chosen, &e));
    *state = after;
}

/* Steps of three answers in turn. */
static void test_beside(void **unused)
{
    (void)unused;
    struct vocab_file file = vocab_file_open("bpe");
    struct err e = {0};
    struct token_tree *t = token_tree_new(file.v, &e);
    uint64_t seed = 3;
    for (size_t i = 0; i < N_GRAMMAR; i++) {
        struct grammar *g = grammar_of(i);
        struct automaton *a = automaton_new(g, &e);
        struct mask_set *set = mask_set_new(g, file.v, t, NULL, file.v->n_tokens + 40, &e);
        grammar_free(g); /* the set holds it, and outlives the automaton below */
        struct token_mask *m[3];
        uint32_t state[3];
        assert_true(mask_set_idle(set));
        for (int k = 0; k < 3; k++) {
            assert_non_null(m[k] = token_mask_new(set, &e));
            state[k] = automaton_start(a);
        }
        for (int n = 0; n < 45; n++)
            step_beside(file.v, m[n % 3], a, &state[n % 3], &seed);
        assert_false(mask_set_idle(set));
        for (int k = 0; k < 3; k++)
            token_mask_free(m[(k + 1) % 3]);
        assert_true(mask_set_idle(set));
        automaton_free(a);
        mask_set_free(set);
    }
    token_tree_free(t);
    vocab_file_close(&file);
}

/* What was written must be written again backwards: every text is a state of its own. */
static struct grammar *mirror(void)
{
    struct err e = {0};
    struct buf b;
    buf_init(&b, 4096);
    buf_cstr(&b, "root ::= \"!\"");
    for (char c = ' '; c <= 'z'; c++)
        if (c != '!' && c != '"' && c != '\\')
            buf_fmt(&b, " | \"%c\" root \"%c\"", c, c);
    struct grammar *g = grammar_from_gbnf(buf_view(&b), NULL, NULL, &e);
    assert_non_null(g);
    buf_clear(&b);
    return g;
}

/* As step_beside, but looks at one token only, and passes those over that end the text. */
static void step_any(const struct vocab *v, struct token_mask *m, struct automaton *a,
                     uint32_t *state, uint64_t *seed)
{
    const uint32_t *bits;
    struct err e = {0};
    assert_true(token_mask_get(m, UINT32_MAX, &bits, &e));
    uint32_t id = (uint32_t)(next_random(seed) % v->n_tokens), left = v->n_tokens;
    while (left && (!bit(bits, id) || str_find(vocab_view(v, id, false), STR("!")) != SIZE_MAX)) {
        id = (id + 1) % v->n_tokens;
        left--;
    }
    if (!left || !vocab_view(v, id, false).n) {
        token_mask_restart(m);
        *state = automaton_start(a);
        return;
    }
    assert_true(allowed(a, *state, v, id, state));
    assert_true(token_mask_accept(m, id, &e));
}

/* Many states: all that is remembered is forgotten more than once, beside answers that stand. */
static void test_forgetting(void **unused)
{
    (void)unused;
    struct vocab_file file = vocab_file_open("bpe");
    struct err e = {0};
    struct token_tree *t = token_tree_new(file.v, &e);
    struct grammar *g = mirror();
    struct automaton *a = automaton_new(g, &e);
    struct mask_set *set = mask_set_new(g, file.v, t, NULL, file.v->n_tokens, &e);
    struct token_mask *m[2] = {token_mask_new(set, &e), token_mask_new(set, &e)};
    uint32_t state[2] = {automaton_start(a), automaton_start(a)};
    uint64_t seed = 5, most = 0;
    unsigned forgotten = 0;
    for (int n = 0; n < 40000 && forgotten < 3; n++) {
        uint64_t bytes = mask_set_bytes(set);
        if (n % 1024 < 2)
            step_beside(file.v, m[n % 2], a, &state[n % 2], &seed);
        else
            step_any(file.v, m[n % 2], a, &state[n % 2], &seed);
        forgotten += mask_set_bytes(set) < bytes;
        most = bytes > most ? bytes : most;
    }
    assert_int_equal(forgotten, 3);
    assert_true(most <= mask_set_most_bytes(file.v->n_tokens));
    for (int n = 0; n < 20; n++)
        step_beside(file.v, m[n % 2], a, &state[n % 2], &seed);
    token_mask_free(m[0]);
    token_mask_free(m[1]);
    mask_set_free(set);
    automaton_free(a);
    grammar_free(g);
    token_tree_free(t);
    vocab_file_close(&file);
}

/* --- several threads ---------------------------------------------------------------------------
 */

struct worker {
    struct mask_cache *c;
    const struct vocab *v;
    size_t first;
    pthread_t thread;
    bool ok;
};

static void *answer_beside(void *arg)
{
    struct worker *w = arg;
    uint64_t seed = w->first + 11;
    struct err e = {0};
    w->ok = true;
    for (size_t n = 0; w->ok && n < 2 * N_GRAMMAR; n++) {
        struct grammar *g = grammar_of((w->first + n) % N_GRAMMAR);
        struct automaton *a = automaton_new(g, &e);
        struct token_mask *m = mask_cache_begin(w->c, g, STR(""), &e);
        w->ok = a && m;
        uint32_t state = a ? automaton_start(a) : 0;
        for (int k = 0; w->ok && k < 12; k++)
            step_beside(w->v, m, a, &state, &seed);
        token_mask_free(m);
        automaton_free(a);
        grammar_free(g);
    }
    return NULL;
}

static void test_threads(void **unused)
{
    (void)unused;
    struct vocab_file file = vocab_file_open("bpe");
    struct err e = {0};
    struct worker w[3];
    struct mask_cache *c = mask_cache_new(file.v, file.v->n_tokens + 40, &e);
    assert_non_null(c);
    for (size_t i = 0; i < 3; i++) {
        w[i] = (struct worker){.c = c, .v = file.v, .first = i};
        assert_int_equal(pthread_create(&w[i].thread, NULL, answer_beside, &w[i]), 0);
    }
    for (size_t i = 0; i < 3; i++) {
        pthread_join(w[i].thread, NULL);
        assert_true(w[i].ok);
    }
    mask_cache_free(c);
    vocab_file_close(&file);
}

/* --- the cache ---------------------------------------------------------------------------------
 */

static uint64_t bytes_after_walk_of(struct mask_cache *c, const struct vocab *v, const char *source,
                                    struct str owner)
{
    struct err e = {0};
    const uint32_t *bits;
    struct grammar *g = grammar_from_gbnf(str_of(source), NULL, NULL, &e);
    assert_non_null(g);
    struct token_mask *m = mask_cache_begin(c, g, owner, &e);
    assert_non_null(m);
    grammar_free(g); /* before the mask: the cache holds it */
    assert_true(token_mask_get(m, UINT32_MAX, &bits, &e));
    for (uint32_t id = 0; id < v->n_tokens; id++)
        assert_true(!bit(bits, id) || vocab_view(v, id, false).p[0] == 'x');
    uint64_t bytes = mask_cache_bytes(c);
    token_mask_free(m);
    return bytes;
}

static uint64_t bytes_after_walk(struct mask_cache *c, const struct vocab *v, const char *source)
{
    return bytes_after_walk_of(c, v, source, STR(""));
}

/* The same text compiled again finds its masks; another does not; what is idle is bounded. */
static void test_cache(void **unused)
{
    (void)unused;
    struct vocab_file file = vocab_file_open("bpe");
    struct err e = {0};
    struct mask_cache *c = mask_cache_new(file.v, file.v->n_tokens, &e);
    assert_non_null(c);
    uint64_t one = bytes_after_walk(c, file.v, "root ::= \"x\" [a-z]{1,200}");
    assert_int_equal(bytes_after_walk(c, file.v, "root ::= \"x\" [a-z]{1,200}"), one);
    const char *same = "root ::= \"x\" [a-z]{1,200}";
    uint64_t two = bytes_after_walk_of(c, file.v, same, STR("key:AAAAAAAA"));
    assert_true(two > one); /* it does not show that another has asked the same */
    assert_int_equal(bytes_after_walk_of(c, file.v, same, STR("key:AAAAAAAA")), two);
    assert_true(bytes_after_walk(c, file.v, "root ::= \"x\" [a-z]{1,201}") > two);
    for (unsigned i = 0; i < 3000; i++) {
        char source[64];
        snprintf(source, sizeof source, "root ::= \"x\" [a-z]{1,%u}", i % 1000 + 2);
        assert_true(bytes_after_walk(c, file.v, source) <= LIMIT_MASKS_IDLE + 2 * one);
    }
    mask_cache_free(c);
    vocab_file_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_masks),   cmocka_unit_test(test_limit),
        cmocka_unit_test(test_beside),  cmocka_unit_test(test_forgetting),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_cache)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
