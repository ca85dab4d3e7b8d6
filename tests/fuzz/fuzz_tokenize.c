/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes vocabularies and tokenizers together. The input is read as fields ended by 0xFF: a line of
 * choices (family, pre-tokenizer, flags), the tokens, the merges, then the text; a first byte '!'
 * means that a whole GGUF file follows the text instead. Whatever vocabulary is accepted: ids are
 * in range, streaming gives whole characters, equal to the whole, and a second pass (with its
 * remembered words) gives the same ids. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gguf/gguf_write.h"
#include "text/detok.h"
#include "text/pretoken.h"
#include "text/tokenize.h"

enum { FIELDS = 4, TOKENS = 600 };

static const char *const models[] = {"gpt2", "llama", "bert", "t5", "gemma4", "whitespace"};

static struct gguf *open_bytes(const void *p, size_t n)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    struct err e;
    must(fd >= 0 && write(fd, p, n) == (ssize_t)n);
    return gguf_take_fd(fd, "fuzz", &e);
}

/* Strings ended by a line feed; "\n" itself is written as '~'. */
static uint32_t cut(struct str list, char *copy, struct str out[TOKENS])
{
    uint32_t n = 0;
    struct str line;
    if (list.n)
        memcpy(copy, list.p, list.n);
    list.p = copy;
    while (n < TOKENS && str_cut(&list, '\n', &line))
        out[n++] = line;
    for (uint32_t i = 0; i < n; i++)
        for (size_t k = 0; k < out[i].n; k++)
            if (out[i].p[k] == '~')
                copy[out[i].p + k - copy] = '\n';
    return n;
}

static void write_tokens(struct gguf_writer *w, struct str list, unsigned bytes)
{
    static struct str text[TOKENS + 256];
    static char hex[256][8];
    int32_t type[TOKENS + 256];
    float score[TOKENS + 256];
    char *copy = malloc(list.n + 1);
    uint32_t n = cut(list, copy, text);
    for (uint32_t i = 0; i < n; i++) { /* the first character of a token tells its type */
        type[i] = text[i].n && text[i].p[0] >= '1' && text[i].p[0] <= '6' ? text[i].p[0] - '0' : 1;
        score[i] = -(float)(i * 7 % 13);
        if (type[i] != 1)
            text[i] = str_from(text[i], 1);
    }
    for (unsigned i = 0; i < 256 && bytes; i++, n++) {
        snprintf(hex[i], sizeof hex[i], "<0x%02X>", i);
        text[n] = (struct str){hex[i], 6};
        type[n] = 6;
        score[n] = 0;
    }
    gguf_write_strs(w, "tokenizer.ggml.tokens", text, n);
    gguf_write_array(w, "tokenizer.ggml.token_type", GGUF_I32, type, n);
    gguf_write_array(w, "tokenizer.ggml.scores", GGUF_F32, score, n);
    free(copy);
}

static struct gguf *build(const struct str field[FIELDS])
{
    struct gguf_writer w;
    struct buf b;
    struct err e;
    unsigned char c[4] = {0};
    memcpy(c, field[0].p ? field[0].p : "", field[0].n < 4 ? field[0].n : 4);
    gguf_write_init(&w, 32);
    gguf_write_str(&w, "tokenizer.ggml.model", str_of(models[c[0] % 6]));
    const struct pretoken_name *pre = pretoken_at(c[1] % 128);
    if (pre)
        gguf_write_str(&w, "tokenizer.ggml.pre", str_of(pre->name));
    gguf_write_bool(&w, "tokenizer.ggml.add_bos_token", c[2] & 1);
    gguf_write_bool(&w, "tokenizer.ggml.add_space_prefix", c[2] & 2);
    gguf_write_bool(&w, "tokenizer.ggml.remove_extra_whitespaces", c[2] & 4);
    gguf_write_str(&w, "general.name", c[2] & 8 ? STR("phi-3") : STR("x"));
    gguf_write_u32(&w, "tokenizer.ggml.unknown_token_id", c[3]);
    if (c[2] & 16)
        gguf_write_array(&w, "tokenizer.ggml.precompiled_charsmap", GGUF_U8, field[2].p,
                         field[2].n);
    write_tokens(&w, field[1], c[2] & 32);
    static struct str merges[TOKENS];
    char *copy = malloc(field[2].n + 1);
    gguf_write_strs(&w, "tokenizer.ggml.merges", merges, cut(field[2], copy, merges));
    buf_init(&b, (size_t)1 << 24);
    must(gguf_write_bytes(&w, &b, &e));
    struct gguf *g = open_bytes(b.p, b.n);
    must(g);
    free(copy);
    buf_clear(&b);
    gguf_write_clear(&w);
    return g;
}

static void check_stream(const struct vocab *v, const struct tokens *t)
{
    struct detok d;
    struct buf out;
    buf_init(&out, (size_t)1 << 28);
    detok_init(&d, v, true);
    for (size_t i = 0; i < t->n; i++) {
        size_t before = out.n;
        must(t->id[i] < v->n_tokens);
        detok_push(&d, t->id[i], &out);
        must(str_utf8_valid(str_from(buf_view(&out), before)));
    }
    detok_flush(&d, &out);
    must(!out.bad);
    buf_clear(&out);
}

static void use(const struct vocab *v, struct str text)
{
    struct err e;
    for (int special = 0; special < 2; special++) {
        struct tokens a = {0}, b = {0};
        must(tokenize(v, text, special, special, &a, &e));
        must(tokenize(v, text, special, special, &b, &e));
        must(a.n == b.n && (a.n == 0 || memcmp(a.id, b.id, a.n * sizeof *a.id) == 0));
        check_stream(v, &a);
        tokens_clear(&a);
        tokens_clear(&b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct str rest = {(const char *)p, n}, field[FIELDS] = {0};
    struct err e;
    if (n == 0)
        return 0;
    for (size_t i = 0; i < FIELDS && str_cut(&rest, '\xff', &field[i]); i++)
        ;
    bool file = p[0] == '!';
    struct str text = file ? field[0] : field[3];
    struct str bytes = str_from((struct str){(const char *)p, n}, field[0].n + 1);
    struct gguf *g = file ? open_bytes(bytes.p, bytes.n) : build(field);
    struct vocab *v = g ? vocab_new(g, &e) : NULL;
    if (v)
        use(v, text.p ? text : STR(""));
    vocab_free(v);
    gguf_close(g);
    return 0;
}
