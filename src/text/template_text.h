/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_text: texts of a rendering: making them, str() and repr() of values, Python's
 * string algorithms and formatting. Strings are UTF-8; what counts characters counts code points.
 */
#ifndef MOAT_TEXT_TEMPLATE_TEXT_H
#define MOAT_TEXT_TEMPLATE_TEXT_H

#include "base/buf.h"
#include "text/template_value.h"

struct args;

/* text (template_text.c). A text under construction is a struct buf: text_done moves it to the
 * arena where `ok`, frees it in any case, and returns whether all went well. text_concat extends
 * the newest string in place, so a text built up piece by piece costs linear time. */
void text_start(struct buf *b);
bool text_done(struct render *r, struct buf *b, bool ok, struct value *out) MUST_USE;
bool text_copy(struct render *r, struct str s, struct value *out) MUST_USE;
bool text_concat(struct render *r, struct str a, struct str b, struct value *out) MUST_USE;
bool text_repeat(struct render *r, struct value s, size_t times, struct value *out) MUST_USE;
bool write_str(struct render *r, struct value v, struct buf *out) MUST_USE;  /* str() */
bool write_repr(struct render *r, struct value v, struct buf *out) MUST_USE; /* repr() */
bool to_str(struct render *r, struct value v, struct str *out) MUST_USE;
bool to_text(struct render *r, struct value v, struct value *out) MUST_USE; /* keeps Markup */
void write_integer(int64_t i, struct buf *out);
void write_float(double f, struct buf *out); /* repr(float) */
/* printf of one double: conv is e, f or g; '#' keeps the point. Never the locale's point. */
void write_double(struct buf *out, char conv, int precision, bool alternate, double f);
size_t write_escaped(struct str s, struct buf *out); /* HTML; returns the steps it is worth */
void write_fill(struct buf *out, struct str fill, int64_t n);
void write_hex(struct buf *out, const char *prefix, uint32_t c, int digits);
bool write_json(struct render *r, struct value v, const struct args *a, struct buf *out) MUST_USE;

/* strings (template_string.c) */
enum text_case { TEXT_LOWER, TEXT_UPPER, TEXT_TITLE, TEXT_CAPITAL, TEXT_SWAP, TEXT_FOLD };
bool text_case(struct render *r, struct value s, enum text_case how, struct value *out) MUST_USE;
/* chars: V_STR, or missing or None for white space. */
bool text_strip(struct render *r, struct value s, struct value chars, bool front, bool back,
                struct value *out) MUST_USE;
/* count < 0: all of them */
bool text_replace(struct render *r, struct value s, struct str from, struct str to, int64_t count,
                  struct value *out) MUST_USE;
struct str text_line(struct str *rest, struct str *end); /* next line; *end: its line end */
bool text_pad(struct render *r, struct value s, int64_t width, struct str fill, int align,
              struct value *out) MUST_USE; /* align '<' '>' '^' */
bool parse_int(struct str s, int64_t base, int64_t *out, bool *too_large) MUST_USE;
bool parse_float(struct str s, double *out) MUST_USE;

/* formatting (template_format.c) */
bool format_percent(struct render *r, struct value format, struct value args,
                    struct value *out) MUST_USE;
bool format_braces(struct render *r, struct value format, const struct args *a,
                   struct value *out) MUST_USE;
bool format_value(struct render *r, struct value v, struct str spec, struct buf *out) MUST_USE;

#endif
