/* SPDX-License-Identifier: Apache-2.0 */
/* Masks are what trying every token gives, over random walks, with counts near and far, with tokens
 * that a grammar mentions, and after forgetting; and near a limit they lead to the end. */
#include "text/automaton.h"
#include "text/token_mask.h"
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
            assert_true(automaton_trim(a, &state, &e));
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
            struct token_mask *m = token_mask_new(g, file.v, t, file.v->n_tokens + 40, &e);
            assert_non_null(a);
            assert_non_null(m);
            for (int k = 0; k < 3; k++)
                walk(file.v, m, a, &seed, 24);
            token_mask_free(m);
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
            struct token_mask *m = token_mask_new(g, file.v, t, file.v->n_tokens, &e);
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
            grammar_free(g);
        }
    token_tree_free(t);
    vocab_file_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_masks), cmocka_unit_test(test_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
