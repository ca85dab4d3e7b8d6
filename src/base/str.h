/* SPDX-License-Identifier: Apache-2.0 */
/* base/str: borrowed byte strings.
 *
 * `struct str` points at bytes somebody else owns; it is not NUL-terminated and may hold any byte.
 * Print one with "%.*s" and STR_ARG(s). Parsers of numbers are strict: the whole string, no sign
 * where none is allowed, no wrap-around. */
#ifndef MOAT_BASE_STR_H
#define MOAT_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_ARG(s)   (int)((s).n > 512 ? 512 : (s).n), (s).p /* for "%.*s" in messages */

struct str str_of(const char *c_string); /* "" for NULL */
bool str_eq(struct str a, struct str b);
bool str_is(struct str a, const char *c_string);
int str_cmp(struct str a, struct str b); /* bytewise, like memcmp then length */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_from(struct str s,
                    size_t at); /* s without its first `at` bytes (all of them at most) */
struct str str_sub(struct str s, size_t at, size_t n);
struct str str_trim(struct str s);                  /* ASCII white space off both ends */
size_t str_find(struct str hay, struct str needle); /* index, or SIZE_MAX */
bool str_cut(struct str *rest, char sep,
             struct str *head); /* next field up to sep; false at the end */

bool str_to_u64(struct str s, uint64_t *out); /* decimal digits only */
bool str_to_f64(struct str s, double *out);   /* finite decimal number, C locale */

/* UTF-8. `str_utf8_next` decodes one code point at *at and moves on; an invalid byte gives U+FFFD
 * and moves one byte. `str_utf8_put` writes 1-4 bytes and returns their count; what is no code
 * point (a surrogate, beyond U+10FFFF) becomes U+FFFD. */
uint32_t str_utf8_next(struct str s, size_t *at);
size_t str_utf8_put(uint32_t code_point, char out[4]);
bool str_utf8_valid(struct str s);
/* Bytes of s that form whole characters: a truncated last character is left out (invalid bytes,
 * which no further byte can mend, count as whole). */
size_t str_utf8_whole(struct str s);
size_t str_utf8_floor(const char *p, size_t at); /* at, moved back to a character border */

/* Replaces C0/C1 control characters, DEL, bidi marks and invalid UTF-8 by '?' in place
 * (NUL-terminated). */
void str_make_printable(char *c_string);

#endif
