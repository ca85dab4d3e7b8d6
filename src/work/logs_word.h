/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_word: what can be said of a word of a log line by itself.
 *
 * The words are ASCII-minded: bytes of other scripts count as letters. Everything here looks at
 * each byte once or a fixed number of times. */
#ifndef MOAT_WORK_LOGS_WORD_H
#define MOAT_WORK_LOGS_WORD_H

#include <stdbool.h>
#include <stdint.h>

enum {
    LOGS_DIGIT = 1,
    LOGS_ALPHA = 2,
    LOGS_WORD = 4,       /* begins a word, and joins it to what follows */
    LOGS_IN_WORD = 8,    /* may stand inside one */
    LOGS_BLANK = 16,     /* blank, tab and the like */
    LOGS_PATH_CHAR = 32, /* of a path or URL */
    LOGS_VALUE = 64,     /* of the value of a key */
    LOGS_MAY_PATH = 128, /* may begin a path */
    LOGS_HEX_DIGIT = 256,
    LOGS_MARK = 512, /* may stand inside a word, but is no letter, digit or underscore */
};
extern const uint16_t logs_class[256];
static inline bool logs_is(char c, uint16_t classes)
{
    return logs_class[(uint8_t)c] & classes;
}

/* How many bytes of the word are fixed; fewer than n: a variable follows them. All of it for a
 * plain word and for names such as "eth0" and "ssh2"; a prefix for "core.2275". */
uint32_t logs_word_keep(const char *w, uint32_t n);
/* Whether the value of a key is certainly a variable: it has digits, or is true, false or null. */
bool logs_word_varies(const char *w, uint32_t n);
/* "init2" before "(": digits in the names of functions are no numbers. */
bool logs_word_is_function(const char *w, uint32_t n);
/* Whether the `left` bytes before a colon and a digit (n in all) are one value with these: an
 * address, a time, a host and its port. */
bool logs_word_holds_colon(const char *w, uint32_t left, uint32_t n);

/* "true", "NULL" and the like. */
bool logs_word_is_truth(const char *w, uint32_t n);

/* Bytes of a value of several words that begins here: a date ("Sat Sep 03 10:20:30 PDT 2005"), a
 * size ("5.8 KB"), an IPv6 address; 0: none. */
uint32_t logs_compound(const char *s, uint32_t n);
/* "<1 sec": its bytes, or 0. */
uint32_t logs_less_than(const char *s, uint32_t n);
/* " KB", " GiB", " B": its bytes, or 0. */
uint32_t logs_size_unit(const char *s, uint32_t n);

#endif
