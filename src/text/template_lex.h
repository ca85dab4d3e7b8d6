/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_lex: template source -> tokens, with Jinja's rules for white space.
 *
 * Takes a source whose line ends are already "\n" (template_normalize). trim_blocks and
 * lstrip_blocks are on. Text between tags is one LEX_DATA, already stripped; comments and raw
 * tags give no token of their own. The lexer keeps no memory but the bracket stack; string tokens
 * still hold their escapes (template_unescape). */
#ifndef MOAT_TEXT_TEMPLATE_LEX_H
#define MOAT_TEXT_TEMPLATE_LEX_H

#include "base/buf.h"
#include "base/mem.h"

enum token_kind {
    LEX_EOF,
    LEX_DATA,
    LEX_PRINT_BEGIN,
    LEX_PRINT_END,
    LEX_TAG_BEGIN,
    LEX_TAG_END,
    LEX_NAME,
    LEX_STRING, /* text is what stands between the quotes */
    LEX_INTEGER,
    LEX_FLOAT,
    LEX_OPERATOR /* text is the operator; op is its first two bytes, see OP() */
};

#define OP(a, b) ((uint16_t)((unsigned char)(a) | ((unsigned)(unsigned char)(b) << 8)))

struct token {
    enum token_kind kind;
    uint32_t line;
    uint16_t op;
    struct str text;
};

#define LEX_BRACKETS 256u

struct lexer {
    struct str src;
    size_t at;
    uint32_t line;
    enum { IN_TEXT, IN_PRINT, IN_TAG } where;
    bool line_starting; /* the last match ended a line, or there was none yet */
    uint32_t n_brackets;
    char brackets[LEX_BRACKETS];
};

void lex_init(struct lexer *l, struct str src);
bool lex_next(struct lexer *l, struct token *t, struct err *e) MUST_USE;

/* "\r\n" and "\r" become "\n"; one line end at the end is dropped. */
bool lex_normalize(struct str src, struct buf *out, struct err *e) MUST_USE;
/* The value of a string token, in the arena. */
bool lex_unescape(struct str text, uint32_t line, struct arena *a, struct str *out,
                  struct err *e) MUST_USE;

#endif
