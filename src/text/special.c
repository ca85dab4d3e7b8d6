/* SPDX-License-Identifier: Apache-2.0 */
/* text/special: where special tokens stand in a text.
 *
 * User-defined tokens are cut out of every text; control (and unknown) tokens only where the caller
 * trusts the text. At each place the longest token wins, from the left on. Refuses special tokens
 * longer than SPECIAL_BYTES, so a search is linear in the text with a small factor. */
#include <ctype.h>

#include "base/mem.h"
#include "text/vocab_private.h"

#define SPECIAL_BYTES 512u /* a special token's text; real ones stay below 100 */

struct special {
    struct list {
        struct trie trie;
        bool starts[256]; /* bytes that one of them begins with */
    } user, all;          /* user-defined; those and control and unknown */
};

static bool is_listed(const struct vocab *v, uint32_t id, bool user_only)
{
    enum token_type t = v->private->type[id];
    return t == TOKEN_USER || (!user_only && (t == TOKEN_CONTROL || t == TOKEN_UNKNOWN));
}

static bool build(const struct vocab *v, struct list *l, bool user_only, struct err *e)
{
    size_t n = 0;
    for (uint32_t i = 0; i < v->n_tokens; i++)
        n += is_listed(v, i, user_only) && v->private->text[i].n;
    struct trie_key *keys = mem_new(n, sizeof *keys, e);
    bool ok = keys;
    n = 0;
    for (uint32_t i = 0; ok && i < v->n_tokens; i++) {
        struct str s = v->private->text[i];
        if (!is_listed(v, i, user_only) || s.n == 0)
            continue;
        if (s.n > SPECIAL_BYTES)
            ok = fail(e, ERR_LIMIT, "special token %u is %zu bytes long; at most %u are allowed", i,
                      s.n, SPECIAL_BYTES);
        else
            keys[n++] = (struct trie_key){s, i};
        l->starts[(unsigned char)s.p[0]] = true;
    }
    ok = ok && trie_build(&l->trie, keys, n, e);
    mem_free(keys);
    return ok;
}

static bool contains(struct str s, const char *lower_word)
{
    size_t n = str_of(lower_word).n;
    for (size_t at = 0; at + n <= s.n; at++) {
        size_t i = 0;
        while (i < n && tolower((unsigned char)s.p[at + i]) == lower_word[i])
            i++;
        if (i == n)
            return true;
    }
    return false;
}

static void set_flag(struct vocab *v, const char *text, enum token_flags flag, bool on)
{
    uint32_t id;
    if (vocab_find(v, str_of(text), &id))
        v->private->flags[id] =
            (uint8_t)(on ? v->private->flags[id] | flag : v->private->flags[id] & ~flag);
}

/* Some special tokens swallow the white space beside them. GGUF has no key for that; it goes by the
 * model's name, as in llama.cpp. */
static bool strip_by_name(struct vocab *v, const struct gguf *g, struct err *e)
{
    struct str name = {0}, arch = {0}, pre = {0};
    if (!gguf_get_str(g, "general.name", &name, e) ||
        !gguf_get_str(g, "general.architecture", &arch, e) ||
        !gguf_get_str(g, "tokenizer.ggml.pre", &pre, e))
        return false;
    if (contains(pre, "jina-v2-de") || contains(pre, "jina-v2-es") ||
        contains(pre, "jina-v2-code") || contains(arch, "nomic-bert-moe") ||
        contains(arch, "jina-bert-v3")) {
        set_flag(v, "<mask>", TOKEN_LSTRIP, true);
    } else if (contains(name, "phi-3") || contains(name, "phi3")) {
        for (uint32_t i = 0; i < v->n_tokens; i++)
            if (is_listed(v, i, false))
                v->private->flags[i] |= TOKEN_RSTRIP;
        set_flag(v, "</s>", TOKEN_RSTRIP, true);
        set_flag(v, "<unk>", TOKEN_RSTRIP, false);
        set_flag(v, "<s>", TOKEN_RSTRIP, false);
        set_flag(v, "<|endoftext|>", TOKEN_RSTRIP, false);
    } else if (contains(name, "modern-bert")) {
        set_flag(v, "[MASK]", TOKEN_LSTRIP, true);
    }
    return true;
}

bool special_init(struct vocab *v, const struct gguf *g, struct err *e)
{
    struct special *s = mem_new(1, sizeof *s, e);
    v->private->special = s;
    return s && strip_by_name(v, g, e) && build(v, &s->user, true, e) &&
           build(v, &s->all, false, e);
}

void special_free(struct special *s)
{
    if (s) {
        trie_clear(&s->user.trie);
        trie_clear(&s->all.trie);
    }
    mem_free(s);
}

bool special_find(const struct vocab *v, struct str text, size_t from, bool parse_special,
                  struct special_hit *hit)
{
    const struct special *s = v->private->special;
    const struct list *l = parse_special ? &s->all : &s->user;
    for (size_t at = from; l->trie.n && at < text.n; at++) {
        if (!l->starts[(unsigned char)text.p[at]])
            continue;
        size_t n = trie_longest(&l->trie, str_from(text, at), &hit->id);
        if (n) {
            hit->at = at;
            hit->n = n;
            return true;
        }
    }
    return false;
}
