/* SPDX-License-Identifier: Apache-2.0 */
/* ops/host_file: the small files in which a Linux machine says what it is, below a root.
 *
 * root is "", or a folder that holds /proc, /sys and /etc of another machine. A file that is absent
 * or cannot be read reads as an empty one: what it would have said is not known. */
#ifndef MOAT_OPS_HOST_FILE_H
#define MOAT_OPS_HOST_FILE_H

#include "base/buf.h"

enum { HOST_NAME = 96, HOST_NAMES = 256, HOST_TEXT = 1 << 20 };

/* The first line of ROOT/PATH, trimmed, in line. */
const char *host_line(char *line, size_t cap, const char *root, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* The whole file, at most HOST_TEXT bytes; text is initialised here and cleared by the caller. */
void host_text(struct buf *text, const char *root, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool host_exists(const char *root, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A decimal number, or one in hexadecimal after 0x; UINT64_MAX where there is none. */
uint64_t host_number(const char *root, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* "key: value" or "key\t: value", the first line of that key: the value, trimmed, or "". */
struct str host_field(struct str text, const char *key);
/* Such a value in kB, in bytes; 0 where it is none. */
uint64_t host_field_kb(struct str text, const char *key);
/* Copies a string and makes it safe to print. */
void host_copy(char *out, size_t cap, struct str s);
/* Whether a word stands in a text of words separated by blanks. */
bool host_has_word(struct str text, const char *word);

/* The words of a line, separated by blanks and tabs; at most max, how many there are. */
uint32_t host_words(struct str line, struct str *word, uint32_t max);

/* Names in a folder, sorted, those of dot files left out. */
struct host_names {
    char name[HOST_NAMES][HOST_NAME];
    uint32_t n; /* at most HOST_NAMES; what is beyond is left out */
};
void host_names(struct host_names *names, const char *root, const char *dir);

#endif
