/* SPDX-License-Identifier: Apache-2.0 */
/* tests of text/vocab and the special tokens: what is refused and with which words, which token
 * plays which role, and what a token stands for. */
#include "text/vocab_file.h"

#include "base/limits.h"
#include "gguf/tiny.h"

/* A file under construction: token texts, types and whatever else. */
struct draft {
    struct gguf_writer w;
    struct str text[64];
    int32_t type[64];
    float score[64];
    uint32_t n;
};

static void add(struct draft *d, const char *text, enum token_type type)
{
    d->text[d->n] = str_of(text);
    d->score[d->n] = -(float)d->n;
    d->type[d->n++] = (int32_t)type;
}

static void start(struct draft *d, const char *model, const char *pre)
{
    memset(d, 0, sizeof *d);
    gguf_write_init(&d->w, 32);
    gguf_write_str(&d->w, "tokenizer.ggml.model", str_of(model));
    if (pre)
        gguf_write_str(&d->w, "tokenizer.ggml.pre", str_of(pre));
}

static void no_merges(struct draft *d)
{
    gguf_write_strs(&d->w, "tokenizer.ggml.merges", NULL, 0);
}

static struct vocab *finish(struct draft *d, struct gguf **g, struct err *e)
{
    struct buf b;
    buf_init(&b, 1 << 24);
    if (d->n) {
        gguf_write_strs(&d->w, "tokenizer.ggml.tokens", d->text, d->n);
        gguf_write_array(&d->w, "tokenizer.ggml.token_type", GGUF_I32, d->type, d->n);
        gguf_write_array(&d->w, "tokenizer.ggml.scores", GGUF_F32, d->score, d->n);
    }
    assert_true(gguf_write_bytes(&d->w, &b, e));
    *g = tiny_open(b.p, b.n, e);
    assert_non_null(*g);
    gguf_write_clear(&d->w);
    buf_clear(&b);
    return vocab_new(*g, e);
}

static void refused(struct draft *d, enum err_code code, const char *words)
{
    struct err e = {0};
    struct gguf *g;
    struct vocab *v = finish(d, &g, &e);
    if (v || e.code != code || !strstr(e.msg, words))
        fail_msg("got [%s] %s, not \"%s\"", err_name(e.code), e.msg, words);
    gguf_close(g);
}

static struct vocab *accepted(struct draft *d, struct gguf **g)
{
    struct err e = {0};
    struct vocab *v = finish(d, g, &e);
    if (!v)
        fail_msg("%s", e.msg);
    return v;
}

static void done(struct vocab *v, struct gguf *g)
{
    vocab_free(v);
    gguf_close(g);
}

/* --- refusals --------------------------------------------------------------------------------- */

static void files_without_tokenizer(void **state)
{
    (void)state;
    static const char *const models[] = {"test", "none", "no_vocab"};
    struct draft d;
    for (size_t i = 0; i < 3; i++) {
        start(&d, models[i], NULL);
        add(&d, "a", TOKEN_NORMAL);
        refused(&d, ERR_UNSUPPORTED, "has no tokenizer");
    }
    memset(&d, 0, sizeof d);
    gguf_write_init(&d.w, 32);
    gguf_write_u32(&d.w, "x", 1);
    refused(&d, ERR_UNSUPPORTED, "has no tokenizer");
}

static void unknown_names(void **state)
{
    (void)state;
    static const char *const models[] = {"rwkv", "plamo2", "hybriddna", "gpt3"};
    struct draft d;
    for (size_t i = 0; i < 4; i++) {
        start(&d, models[i], NULL);
        add(&d, "a", TOKEN_NORMAL);
        refused(&d, ERR_UNSUPPORTED, models[i]);
    }
    start(&d, "gpt2", "gpt-99");
    add(&d, "a", TOKEN_NORMAL);
    refused(&d, ERR_UNSUPPORTED, "\"gpt-99\"");
}

static void damaged_arrays(void **state)
{
    (void)state;
    struct draft d;
    start(&d, "gpt2", "gpt-2");
    refused(&d, ERR_CORRUPT, "tokenizer.ggml.tokens");
    start(&d, "gpt2", "gpt-2");
    add(&d, "a", TOKEN_NORMAL);
    refused(&d, ERR_CORRUPT, "tokenizer.ggml.merges");
    start(&d, "gpt2", "gpt-2");
    gguf_write_u32(&d.w, "tokenizer.ggml.merges", 1);
    add(&d, "a", TOKEN_NORMAL);
    refused(&d, ERR_CORRUPT, "tokenizer.ggml.merges");
    start(&d, "llama", NULL);
    gguf_write_str(&d.w, "tokenizer.ggml.bos_token_id", STR("one"));
    add(&d, "a", TOKEN_NORMAL);
    refused(&d, ERR_CORRUPT, "tokenizer.ggml.bos_token_id");
    start(&d, "llama", NULL);
    gguf_write_u32(&d.w, "tokenizer.ggml.add_bos_token", 1);
    add(&d, "a", TOKEN_NORMAL);
    refused(&d, ERR_CORRUPT, "tokenizer.ggml.add_bos_token");
    for (uint64_t n = 1; n <= 5; n++) { /* too short for its own length, or for what that says */
        start(&d, "t5", NULL);
        gguf_write_array(&d.w, "tokenizer.ggml.precompiled_charsmap", GGUF_U8, "\xff\xff\xff\xff\0",
                         n);
        add(&d, "a", TOKEN_NORMAL);
        refused(&d, ERR_CORRUPT, "precompiled_charsmap");
    }
}

static void short_arrays(void **state)
{
    (void)state;
    struct draft d;
    int32_t type = 1;
    struct str two[2] = {STR("a"), STR("b")};
    start(&d, "llama", NULL);
    gguf_write_strs(&d.w, "tokenizer.ggml.tokens", two, 2);
    gguf_write_array(&d.w, "tokenizer.ggml.token_type", GGUF_I32, &type, 1);
    refused(&d, ERR_CORRUPT, "tokenizer.ggml.token_type");
    start(&d, "llama", NULL);
    gguf_write_strs(&d.w, "tokenizer.ggml.tokens", two, 2);
    gguf_write_strs(&d.w, "tokenizer.ggml.scores", two, 2);
    refused(&d, ERR_CORRUPT, "tokenizer.ggml.scores");
}

static void long_tokens(void **state)
{
    (void)state;
    static char text[LIMIT_TOKEN_BYTES + 2];
    struct draft d;
    memset(text, 'a', sizeof text - 1);
    start(&d, "llama", NULL);
    add(&d, text, TOKEN_NORMAL);
    refused(&d, ERR_LIMIT, "token 0");
    text[1000] = '\0';
    start(&d, "llama", NULL);
    add(&d, text, TOKEN_CONTROL);
    refused(&d, ERR_LIMIT, "special token 0");
    start(&d, "bert", NULL);
    add(&d, text, TOKEN_NORMAL);
    refused(&d, ERR_LIMIT, "token 0");
}

/* --- roles ------------------------------------------------------------------------------------ */

static void family_defaults(void **state)
{
    (void)state;
    struct draft d;
    struct gguf *g;
    start(&d, "llama", NULL);
    for (int i = 0; i < 3; i++)
        add(&d, (const char *[]){"<unk>", "<s>", "</s>"}[i], TOKEN_CONTROL);
    struct vocab *v = accepted(&d, &g);
    assert_int_equal(v->unk, 0);
    assert_int_equal(v->bos, 1);
    assert_int_equal(v->eos, 2);
    assert_int_equal(v->pad, TOKEN_NONE);
    assert_true(v->add_bos && !v->add_eos && v->add_space_prefix);
    assert_true(vocab_ends_answer(v, 2) && !vocab_ends_answer(v, 1));
    assert_false(vocab_ends_answer(v, TOKEN_NONE));
    assert_int_equal(vocab_text(v, TOKEN_NONE).n, 0);
    done(v, g);

    start(&d, "llama", NULL); /* smaller than the family's ids */
    add(&d, "a", TOKEN_NORMAL);
    v = accepted(&d, &g);
    assert_int_equal(v->unk, 0);
    assert_int_equal(v->bos, TOKEN_NONE);
    assert_int_equal(v->eos, TOKEN_NONE);
    struct tokens t = {0};
    struct err e = {0};
    assert_true(tokenize(v, STR("a"), true, true, &t, &e)); /* no BOS to add */
    tokens_clear(&t);
    done(v, g);
}

static void keys_win(void **state)
{
    (void)state;
    struct draft d;
    struct gguf *g;
    start(&d, "llama", NULL);
    gguf_write_u32(&d.w, "tokenizer.ggml.bos_token_id", 3);
    gguf_write_u32(&d.w, "tokenizer.ggml.eos_token_id", 99); /* no such token: ignored */
    gguf_write_u32(&d.w, "tokenizer.ggml.eot_token_id", 4);
    gguf_write_bool(&d.w, "tokenizer.ggml.add_bos_token", false);
    gguf_write_bool(&d.w, "tokenizer.ggml.add_space_prefix", false);
    for (int i = 0; i < 6; i++)
        add(&d, (const char *[]){"<unk>", "<s>", "</s>", "<b>", "<e>", "<|im_end|>"}[i],
            TOKEN_CONTROL);
    struct vocab *v = accepted(&d, &g);
    assert_int_equal(v->bos, 3);
    assert_int_equal(v->eos, 2);
    assert_int_equal(v->eot, 4);
    assert_false(v->add_bos || v->add_space_prefix);
    assert_true(vocab_ends_answer(v, 4) && vocab_ends_answer(v, 5));
    done(v, g);
}

static void roles_by_text(void **state)
{
    (void)state;
    static const char *const texts[] = {"<|im_end|>",   "<|eot_id|>",     "<|eom_id|>",
                                        "<fim_prefix>", "<|fim_suffix|>", "<fim_middle>",
                                        "<fim_pad>",    "<reponame>",     "<|file_sep|>"};
    struct draft d;
    struct gguf *g;
    start(&d, "gpt2", "gpt-2");
    no_merges(&d);
    for (size_t i = 0; i < 9; i++)
        add(&d, texts[i], TOKEN_NORMAL);
    struct vocab *v = accepted(&d, &g);
    assert_int_equal(v->eot, 1); /* first in the list of texts, not of tokens */
    assert_int_equal(v->eom, 2);
    assert_int_equal(v->fim_pre, 3);
    assert_int_equal(v->fim_suf, 4);
    assert_int_equal(v->fim_mid, 5);
    assert_int_equal(v->fim_pad, 6);
    assert_int_equal(v->fim_rep, 7);
    assert_int_equal(v->fim_sep, 8);
    for (uint32_t i = 0; i < 9; i++) {
        assert_int_equal(vocab_type(v, i), TOKEN_CONTROL);
        assert_int_equal(vocab_ends_answer(v, i), i < 3 || i > 5);
    }
    done(v, g);
}

static void harmony_messages_do_not_end_the_answer(void **state)
{
    (void)state;
    struct draft d;
    struct gguf *g;
    start(&d, "gpt2", "gpt-4o");
    no_merges(&d);
    for (int i = 0; i < 3; i++)
        add(&d, (const char *[]){"<|end|>", "<|return|>", "<|call|>"}[i], TOKEN_CONTROL);
    struct vocab *v = accepted(&d, &g);
    assert_false(vocab_ends_answer(v, 0));
    assert_true(vocab_ends_answer(v, 1) && vocab_ends_answer(v, 2));
    done(v, g);
}

static void missing_pre_is_noticed(void **state)
{
    (void)state;
    struct draft d;
    struct gguf *g;
    start(&d, "gpt2", NULL);
    no_merges(&d);
    add(&d, "a", TOKEN_NORMAL);
    struct vocab *v = accepted(&d, &g);
    assert_non_null(v->notice);
    done(v, g);
    start(&d, "gpt2", "default");
    no_merges(&d);
    add(&d, "a", TOKEN_NORMAL);
    v = accepted(&d, &g);
    assert_null(v->notice);
    done(v, g);
}

/* --- pieces ----------------------------------------------------------------------------------- */

static void piece(const struct vocab *v, uint32_t id, const char *plain, const char *special)
{
    struct buf b;
    buf_init(&b, 100);
    vocab_piece(v, id, false, &b);
    assert_string_equal(buf_c(&b), plain);
    buf_reset(&b);
    vocab_piece(v, id, true, &b);
    assert_string_equal(buf_c(&b), special);
    buf_clear(&b);
}

static void pieces_of_bytes(void **state)
{
    (void)state;
    struct draft d;
    struct gguf *g;
    start(&d, "gpt2", "gpt-2");
    no_merges(&d);
    add(&d, "\u0120the", TOKEN_NORMAL);
    add(&d, "\u00e4\u00bd", TOKEN_NORMAL); /* bytes e4 bd */
    add(&d, "<|x|>", TOKEN_CONTROL);
    add(&d, "\u00e4", TOKEN_USER); /* the letter, not byte e4 */
    add(&d, "[PAD4]", TOKEN_UNUSED);
    add(&d, "你", TOKEN_NORMAL); /* not in the alphabet: as it stands */
    add(&d, "", TOKEN_NORMAL);
    struct vocab *v = accepted(&d, &g);
    piece(v, 0, " the", " the");
    piece(v, 1, "\xe4\xbd", "\xe4\xbd");
    piece(v, 2, "", "<|x|>");
    piece(v, 3, "\u00e4", "\u00e4");
    piece(v, 4, "", "");
    piece(v, 5, "你", "你");
    piece(v, 6, "", "");
    piece(v, 7, "", "");
    uint32_t id;
    for (uint32_t i = 0; i < 6; i++) {
        assert_true(vocab_find(v, vocab_text(v, i), &id));
        assert_int_equal(id, i);
    }
    assert_false(vocab_find(v, STR(""), &id));
    assert_false(vocab_find(v, STR(" the"), &id));
    done(v, g);
}

static void pieces_of_sentencepiece(void **state)
{
    (void)state;
    struct draft d;
    struct gguf *g;
    start(&d, "llama", NULL);
    add(&d, "\u2581a\u2581\u2581b", TOKEN_NORMAL);
    add(&d, "<0x0A>", TOKEN_BYTE);
    add(&d, "<0xE4>", TOKEN_BYTE);
    add(&d, "<0xG0>", TOKEN_BYTE);
    add(&d, "<0x0A>", TOKEN_NORMAL); /* only a byte token is a byte; equal texts are possible */
    struct vocab *v = accepted(&d, &g);
    piece(v, 0, " a  b", " a  b");
    piece(v, 1, "\n", "\n");
    piece(v, 2, "\xe4", "\xe4");
    piece(v, 3, "<0xG0>", "<0xG0>");
    piece(v, 4, "<0x0A>", "<0x0A>");
    assert_float_equal(vocab_score(v, 3), -3, 0);
    assert_float_equal(vocab_score(v, 99), 0, 0);
    done(v, g);
}

/* phi-3's special tokens take the white space behind them along. */
static void special_tokens_that_strip(void **state)
{
    (void)state;
    struct draft d;
    struct gguf *g;
    start(&d, "llama", NULL);
    gguf_write_str(&d.w, "general.name", STR("My Phi-3 mini"));
    gguf_write_bool(&d.w, "tokenizer.ggml.add_space_prefix", false);
    add(&d, "<unk>", TOKEN_UNKNOWN);
    add(&d, "<s>", TOKEN_CONTROL);
    add(&d, "<|end|>", TOKEN_CONTROL);
    add(&d, "a", TOKEN_NORMAL);
    add(&d, "\u2581", TOKEN_NORMAL);
    struct vocab *v = accepted(&d, &g);
    struct tokens t = {0};
    struct err e = {0};
    static const uint32_t want[] = {2, 3, 1, 4, 3};
    assert_true(tokenize(v, STR("<|end|> \n a<s> a"), false, true, &t, &e));
    assert_int_equal(t.n, 5);
    assert_memory_equal(t.id, want, sizeof want);
    tokens_clear(&t);
    done(v, g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_without_tokenizer),
        cmocka_unit_test(unknown_names),
        cmocka_unit_test(damaged_arrays),
        cmocka_unit_test(short_arrays),
        cmocka_unit_test(long_tokens),
        cmocka_unit_test(family_defaults),
        cmocka_unit_test(keys_win),
        cmocka_unit_test(roles_by_text),
        cmocka_unit_test(harmony_messages_do_not_end_the_answer),
        cmocka_unit_test(missing_pre_is_noticed),
        cmocka_unit_test(pieces_of_bytes),
        cmocka_unit_test(pieces_of_sentencepiece),
        cmocka_unit_test(special_tokens_that_strip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
