/* SPDX-License-Identifier: Apache-2.0 */
/* text/bpe: byte-pair encoding by ranked merges (GPT-2 and its heirs).
 *
 * A piece starts as bytes (or, where tokens are stored as text, characters) and the pair of the
 * lowest rank merges until none is left. Symbols are token ids; a text that only merges mention
 * gets an id from n_tokens on, and if it survives to the end it is written as single bytes.
 *
 * Most pieces are tokens. Whether merging really leads from a token's bytes to that token is found
 * out the first time it is met and remembered in `whole`, so later it costs one lookup. Sources:
 * Sennrich et al. 2016; Radford et al. 2019. */

#include "base/limits.h"
#include "base/mem.h"
#include "text/bytemap.h"
#include "text/merge.h"
#include "text/unicode.h"
#include "text/vocab_private.h"

struct pair_slot {
    uint32_t left, right;
    uint32_t rank_next; /* rank + 1; 0: no pair here */
    uint32_t id;        /* what the pair becomes */
};

struct bpe {
    struct pretoken *pre;
    unsigned flags; /* enum pretoken_flags */
    struct pair_slot *pairs;
    uint64_t mask, seed[2]; /* slots - 1; keys of the hash */
    uint64_t *filter;       /* a bit is set for each pair */
    uint64_t filter_mask;   /* its bits - 1 */
    uint32_t byte[256];     /* the symbol of a byte, or TOKEN_NONE */
    struct map extra;       /* texts that are no tokens: symbols from n_tokens on */
    struct arena texts;     /* of extra */
    uint32_t n_symbols;
};

/* --- symbols -------------------------------------------------------------------------------------
 */

static bool find_symbol(const struct vocab *v, struct str bytes, uint32_t *id)
{
    return token_index_get(&v->private->by_text, bytes, id) ||
           (v->private->bpe->extra.n && map_get(&v->private->bpe->extra, bytes, id));
}

static bool add_symbol(struct vocab *v, struct str bytes, uint32_t *id, struct err *e)
{
    struct bpe *b = v->private->bpe;
    if (find_symbol(v, bytes, id))
        return true;
    char *copy = arena_copy(&b->texts, bytes, e);
    *id = b->n_symbols++;
    return copy && map_put(&b->extra, (struct str){copy, bytes.n}, *id, e);
}

static void find_bytes(struct vocab *v)
{
    struct bpe *b = v->private->bpe;
    for (unsigned c = 0; c < 256; c++) {
        char text = (char)c;
        if (b->flags & PRE_RAW)
            b->byte[c] = vocab_byte_token(v, (unsigned char)c);
        else if (!find_symbol(v, (struct str){&text, 1}, &b->byte[c]))
            b->byte[c] = TOKEN_NONE;
    }
}

/* --- pairs ---------------------------------------------------------------------------------------
 */

static inline uint64_t pair_hash(const struct bpe *b, uint32_t left, uint32_t right)
{
    return token_fold(((uint64_t)left << 32 | right) ^ b->seed[0], b->seed[1]);
}

static inline struct pair_slot *pair_slot(const struct bpe *b, uint64_t hash, uint32_t left,
                                          uint32_t right)
{
    uint64_t at = hash & b->mask;
    while (b->pairs[at].rank_next && (b->pairs[at].left != left || b->pairs[at].right != right))
        at = (at + 1) & b->mask;
    return &b->pairs[at];
}

/* Most pairs asked for do not exist. One bit of a small table tells of nearly all of those, so they
 * do not drag a line of the large one into the cache. */
static inline uint64_t *filter_word(const struct bpe *b, uint64_t hash, uint64_t *bit)
{
    uint64_t at = hash >> 32 & b->filter_mask;
    *bit = (uint64_t)1 << (at & 63);
    return &b->filter[at >> 6];
}

static bool reserve_pairs(struct bpe *b, uint64_t n, struct err *e)
{
    uint64_t cap = 64;
    while (cap < n + n / 2)
        cap *= 2;
    b->pairs = mem_new(cap, sizeof *b->pairs, e);
    b->mask = cap - 1;
    b->filter = mem_new(cap / 8, sizeof *b->filter, e); /* eight bits a slot */
    b->filter_mask = 8 * cap - 1;
    b->seed[0] = map_hash(STR("left"));
    b->seed[1] = map_hash(STR("right")) | 1;
    return b->pairs && b->filter;
}

static void add_pair(struct bpe *b, struct pair_slot x)
{
    uint64_t hash = pair_hash(b, x.left, x.right), bit;
    struct pair_slot *slot = pair_slot(b, hash, x.left, x.right);
    if (slot->rank_next)
        return; /* listed twice: the first counts */
    *slot = x;
    *filter_word(b, hash, &bit) |= bit;
}

/* Splits "left right" at the gap and writes both as bytes, one behind the other; false: it can
 * never match. */
static bool split_merge(const struct vocab *v, struct str s, size_t gap, char *bytes, size_t *left,
                        size_t *n)
{
    struct str a = str_sub(s, 0, gap), b = str_from(s, gap + 1);
    size_t nb;
    *left = a.n;
    if (!v->private->byte_level) {
        memcpy(bytes, a.p, a.n);
        memcpy(bytes + a.n, b.p, b.n);
        *n = a.n + b.n;
        return b.n > 0;
    }
    if (!bytemap_decode(a, bytes, left) || !bytemap_decode(b, bytes + *left, &nb))
        return false;
    *n = *left + nb;
    return nb > 0;
}

/* Is the text of token id that of the merge without its gap? */
static bool is_result(const struct vocab *v, uint32_t id, struct str merge, size_t gap)
{
    struct str t = vocab_text(v, id);
    return t.n + 1 == merge.n && memcmp(t.p, merge.p, gap) == 0 &&
           memcmp(t.p + gap, merge.p + gap + 1, t.n - gap) == 0;
}

static bool add_merge(struct vocab *v, struct str text, uint32_t rank, char *bytes, uint32_t *last,
                      struct err *e)
{
    const char *blank = text.n > 1 ? memchr(text.p + 1, ' ', text.n - 1) : NULL;
    size_t gap = blank ? (size_t)(blank - text.p) : 0, left, n;
    uint32_t a, b;
    if (!blank || !split_merge(v, text, gap, bytes, &left, &n))
        return true;
    if (!add_symbol(v, (struct str){bytes, left}, &a, e) ||
        !add_symbol(v, (struct str){bytes + left, n - left}, &b, e))
        return false;
    /* Converters list merges in the order of the tokens they make: try the next one first. */
    if (*last < v->n_tokens - 1 && is_result(v, *last + 1, text, gap))
        ++*last;
    else if (!add_symbol(v, (struct str){bytes, n}, last, e))
        return false;
    add_pair(v->private->bpe, (struct pair_slot){a, b, rank + 1, *last});
    return true;
}

static bool read_merges(struct vocab *v, const struct gguf *g, const struct pretoken_name *pre,
                        struct err *e)
{
    const struct gguf_kv *kv = gguf_find(g, "tokenizer.ggml.merges");
    bool optional = strcmp(pre->name, "kimi-k2") == 0; /* such files carry none */
    uint64_t n = kv ? kv->n : 0;
    size_t longest = 0;
    if (kv ? !kv->strings && n : !optional)
        return fail(e, ERR_CORRUPT, "tokenizer.ggml.merges is not a list of texts");
    if (n > 4ull * LIMIT_VOCAB)
        return fail(e, ERR_LIMIT, "%llu merges are more than the %llu allowed",
                    (unsigned long long)n, 4ull * LIMIT_VOCAB);
    for (uint64_t i = 0; i < n; i++)
        longest = kv->strings[i].n > longest ? kv->strings[i].n : longest;
    if (longest > 2 * LIMIT_TOKEN_BYTES)
        return fail(e, ERR_LIMIT, "a merge of %zu bytes is longer than the %u allowed", longest,
                    2 * LIMIT_TOKEN_BYTES);
    char *bytes = mem_new(longest, 1, e);
    bool ok = bytes && reserve_pairs(v->private->bpe, n, e);
    uint32_t last = v->n_tokens;
    for (uint64_t i = 0; ok && i < n; i++)
        ok = add_merge(v, kv->strings[i], (uint32_t)i, bytes, &last, e);
    mem_free(bytes);
    return ok;
}

bool bpe_init(struct vocab *v, const struct gguf *g, const struct pretoken_name *pre, struct err *e)
{
    struct bpe *b = v->private->bpe = mem_new(1, sizeof *b, e);
    if (!b)
        return false;
    b->flags = pre->flags;
    b->n_symbols = v->n_tokens;
    b->texts.max = (size_t)1 << 30;
    b->pre = pretoken_new(pre, e);
    if (!b->pre || !read_merges(v, g, pre, e))
        return false;
    find_bytes(v);
    return true;
}

void bpe_free(struct bpe *b)
{
    if (!b)
        return;
    pretoken_free(b->pre);
    map_clear(&b->extra);
    arena_clear(&b->texts);
    mem_free(b->pairs);
    mem_free(b->filter);
    mem_free(b);
}

/* --- encoding ------------------------------------------------------------------------------------
 */

static bool ranked_pair(const void *arg, const char *text, const struct symbol *a,
                        const struct symbol *b, uint32_t *rank, uint32_t *id)
{
    (void)text;
    if (a->id == TOKEN_NONE || b->id == TOKEN_NONE)
        return false;
    uint64_t hash = pair_hash(arg, a->id, b->id), bit;
    if (!(*filter_word(arg, hash, &bit) & bit))
        return false;
    const struct pair_slot *slot = pair_slot(arg, hash, a->id, b->id);
    *rank = slot->rank_next;
    *id = slot->id;
    return slot->rank_next != 0;
}

/* One symbol for each byte or character. */
static size_t first_symbols(const struct vocab *v, struct str piece, struct symbol *s)
{
    const struct bpe *b = v->private->bpe;
    size_t n = 0, len;
    for (size_t at = 0; at < piece.n; at += len, n++) {
        len = 1;
        if (!(b->flags & PRE_RAW)) {
            s[n] = (struct symbol){(uint32_t)at, 1, b->byte[(unsigned char)piece.p[at]]};
            continue;
        }
        struct str c = str_sub(piece, at, vocab_character(piece, at));
        len = c.n;
        s[n] = (struct symbol){(uint32_t)at, (uint32_t)len, TOKEN_NONE};
        if (!find_symbol(v, c, &s[n].id))
            s[n].id = TOKEN_NONE;
    }
    return n;
}

/* A symbol that is no token becomes the tokens of its bytes, as far as there are any. */
static bool push_symbol(const struct vocab *v, struct str piece, const struct symbol *s,
                        struct tokens *out, struct err *e)
{
    if (s->id < v->n_tokens)
        return tokens_push(out, s->id, e);
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t id = v->private->bpe->byte[(unsigned char)piece.p[s->at + i]];
        if (id < v->n_tokens && !tokens_push(out, id, e))
            return false;
    }
    return true;
}

/* whole: the token whose bytes the piece is, to be remembered; or TOKEN_NONE. */
static bool encode_by_merges(const struct vocab *v, struct str piece, uint32_t whole,
                             struct tokens *out, struct err *e)
{
    const struct bpe *b = v->private->bpe;
    struct symbol few[MERGE_SHORT], *s = few;
    if (piece.n > MERGE_SHORT && !(s = mem_new(piece.n, sizeof *s, e)))
        return false;
    size_t n = first_symbols(v, piece, s);
    bool ok = merge_row(b, piece.p, ranked_pair, s, &n, e);
    if (ok && whole != TOKEN_NONE)
        vocab_set_whole(v, whole, n == 1 && s[0].id == whole);
    for (size_t i = 0; ok && i < n; i++)
        ok = push_symbol(v, piece, &s[i], out, e);
    if (s != few)
        mem_free(s);
    return ok;
}

static bool only_line_feeds(struct str s)
{
    size_t i = 0;
    while (i < s.n && s.p[i] == '\n')
        i++;
    return i == s.n;
}

static bool encode_piece(const struct vocab *v, struct str piece, struct tokens *out, struct err *e)
{
    const struct bpe *b = v->private->bpe;
    uint32_t id;
    if (piece.n > LIMIT_PIECE_BYTES)
        return fail(e, ERR_LIMIT,
                    "a run of %zu bytes without a break is longer than the %u allowed", piece.n,
                    LIMIT_PIECE_BYTES);
    if (piece.n > v->private->max_text || !token_index_get(&v->private->by_text, piece, &id))
        return encode_by_merges(v, piece, TOKEN_NONE, out, e);
    enum whole whole = vocab_whole(v, id);
    bool by_rule =
        (b->flags & PRE_WHOLE_WORDS) || (b->flags & PRE_WHOLE_LINES && only_line_feeds(piece));
    if (whole == WHOLE_YES || (by_rule && !vocab_is_special(v, id)))
        return tokens_push(out, id, e);
    return encode_by_merges(v, piece, whole == WHOLE_UNKNOWN ? id : TOKEN_NONE, out, e);
}

static bool encode_pieces(const struct vocab *v, struct str text, struct tokens *out, struct err *e)
{
    struct pretoken_walk w;
    struct str piece;
    bool ok = pretoken_walk_init(&w, v->private->bpe->pre, text, e);
    while (ok && pretoken_next(&w, &piece, e)) {
        size_t at = 0;
        if (!v->private->drop_spaces || !unicode_is_space(str_utf8_next(piece, &at)))
            ok = encode_piece(v, piece, out, e);
    }
    ok = ok && !w.failed;
    pretoken_walk_clear(&w);
    return ok;
}

/* What tokens that are stored as text expect: blanks marked, perhaps letters lowered. */
static void normalise(const struct vocab *v, struct str text, struct buf *out)
{
    for (size_t at = 0; at < text.n;) {
        size_t from = at;
        uint32_t c = str_utf8_next(text, &at);
        uint32_t low = v->private->lowercase && c != 0xfffd ? unicode_lower(c) : c;
        if (c == ' ' && v->private->blanks)
            buf_add(out, BLANK_MARK, 3);
        else if (low != c)
            buf_utf8(out, low);
        else
            buf_add(out, text.p + from, at - from);
    }
}

bool bpe_encode(const struct vocab *v, struct str text, struct tokens *out, struct err *e)
{
    if (!v->private->blanks && !v->private->lowercase)
        return encode_pieces(v, text, out, e);
    struct buf b;
    buf_init(&b, 3 * (size_t)LIMIT_TEXT_BYTES);
    normalise(v, text, &b);
    bool ok = buf_ok(&b, "text", e) && encode_pieces(v, buf_view(&b), out, e);
    buf_clear(&b);
    return ok;
}
