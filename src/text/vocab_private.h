/* SPDX-License-Identifier: Apache-2.0 */
/* text/vocab_private: what the files of this room share about a vocabulary. Nobody else includes
 * it. */
#ifndef MOAT_TEXT_VOCAB_PRIVATE_H
#define MOAT_TEXT_VOCAB_PRIVATE_H

#include "base/map.h"
#include "text/pretoken.h"
#include "text/token_index.h"
#include "text/tokenize.h"
#include "text/trie.h"

#define BLANK_MARK "\xe2\x96\x81" /* U+2581, a space inside SentencePiece tokens */

enum whole { WHOLE_UNKNOWN, WHOLE_YES, WHOLE_NO };
#define VOCAB_MATCH_BYTES 512u /* longest token of the families that search a trie */

enum token_flags { TOKEN_ENDS_ANSWER = 1, TOKEN_LSTRIP = 2, TOKEN_RSTRIP = 4 };

struct vocab_private {
    const struct str *text; /* [n_tokens] as stored; borrowed */
    uint8_t *type;          /* [n_tokens] enum token_type */
    uint8_t *flags;         /* [n_tokens] enum token_flags */
    float *score;           /* [n_tokens]; NULL: all 0 */
    char *pieces;           /* the bytes of all tokens */
    uint32_t *piece_at;     /* [n_tokens + 1] where in pieces each begins */
    uint32_t max_text;      /* bytes of the longest text */

    /* Byte-level BPE: decoded bytes -> id; otherwise stored text -> id. */
    struct token_index by_text;
    struct map odd; /* byte-level: stored texts that are not in the byte alphabet */
    bool byte_level, blanks, lowercase, strip_accents, drop_spaces;

    /* Does merging lead from a token's bytes to that token? Found out when first asked, by any
     * thread, with the same answer: read and written atomically. */
    uint8_t *whole; /* [n_tokens] enum whole */

    struct special *special;
    struct bpe *bpe;
    struct spm *spm;
    struct wordpiece *wordpiece;
    struct unigram *unigram;
};

/* The piece bytes of id, whatever its type. */
struct str vocab_bytes(const struct vocab *v, uint32_t id);
enum whole vocab_whole(const struct vocab *v, uint32_t id);
void vocab_set_whole(const struct vocab *v, uint32_t id, bool whole);
/* Bytes of the character at `at`; a byte that belongs to none counts as one. */
size_t vocab_character(struct str s, size_t at);
/* "<0x0A>" and the like; TOKEN_NONE where there is none. */
uint32_t vocab_byte_token(const struct vocab *v, unsigned char c);
/* A trie of the tokens that text may become. */
bool vocab_trie(const struct vocab *v, struct trie *t, struct err *e) MUST_USE;
/* Control and unknown tokens: never made of plain text. */
bool vocab_is_special(const struct vocab *v, uint32_t id);

/* special_ids.c: BOS, EOS, EOT, FIM ... by key, by family, by well-known text. */
bool special_ids_find(struct vocab *v, const struct gguf *g, struct err *e) MUST_USE;

/* special.c: where special tokens stand in a text. */
bool special_init(struct vocab *v, const struct gguf *g, struct err *e) MUST_USE;
void special_free(struct special *s);
struct special_hit {
    size_t at, n; /* bytes in the text */
    uint32_t id;
};
/* The first special token in text from `from` on (the longest one there): user-defined ones, and
 * with parse_special control tokens too. */
bool special_find(const struct vocab *v, struct str text, size_t from, bool parse_special,
                  struct special_hit *hit);

/* The families. x_init may rely on everything above but special; x_encode appends ids. */
bool bpe_init(struct vocab *v, const struct gguf *g, const struct pretoken_name *pre,
              struct err *e) MUST_USE;
void bpe_free(struct bpe *b);
bool bpe_encode(const struct vocab *v, struct str text, struct tokens *out, struct err *e) MUST_USE;

bool spm_init(struct vocab *v, struct err *e) MUST_USE;
void spm_free(struct spm *s);
bool spm_encode(const struct vocab *v, struct str text, struct tokens *out, struct err *e) MUST_USE;

bool wordpiece_init(struct vocab *v, struct err *e) MUST_USE;
void wordpiece_free(struct wordpiece *w);
bool wordpiece_encode(const struct vocab *v, struct str text, struct tokens *out,
                      struct err *e) MUST_USE;

bool unigram_init(struct vocab *v, const struct gguf *g, struct err *e) MUST_USE;
void unigram_free(struct unigram *u);
bool unigram_encode(const struct vocab *v, struct str text, struct tokens *out,
                    struct err *e) MUST_USE;

#endif
