/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_unicode: Python's view of characters: classes, case mapping, counting. */
#ifndef MOAT_TEXT_TEMPLATE_UNICODE_H
#define MOAT_TEXT_TEMPLATE_UNICODE_H

#include "base/buf.h"

/* A set of character classes as str.isX() sees them. */
enum char_class {
    CHAR_ALPHA = 1,
    CHAR_DECIMAL = 2,
    CHAR_DIGIT = 4,
    CHAR_NUMERIC = 8,
    CHAR_SPACE = 16,
    CHAR_LOWER = 32,
    CHAR_UPPER = 64,
    CHAR_TITLE = 128,
    CHAR_PRINTABLE = 256,
    CHAR_WORD = 512 /* a letter, digit, mark or "_" of an identifier */
};
unsigned char_class(uint32_t c);
int char_decimal(uint32_t c); /* value of a decimal digit, -1 for others */

enum char_case { CASE_LOWER, CASE_UPPER, CASE_TITLE, CASE_FOLD };
/* Up to three code points that c maps to; returns their count. */
size_t char_map(uint32_t c, enum char_case to, uint32_t out[3]);

size_t utf8_count(struct str s);                /* code points in s */
size_t utf8_offset(struct str s, size_t index); /* byte offset of code point `index`, or s.n */
size_t utf8_back(struct str s, size_t at);      /* start of the character that ends at `at` */
struct str utf8_strip(struct str s, bool front, bool back); /* white space off */

#endif
