/* SPDX-License-Identifier: Apache-2.0 */
/* work/docs_chunk: see docs_chunk.h. */
#include "work/docs_chunk.h"

#include <stdio.h>
#include <string.h>

#define GOOD   450u  /* bytes from which an empty line ends a passage */
#define FULL   1000u /* from which any line does */
#define LEVELS 6u

struct cutter {
    docs_chunk_fn *take;
    void *arg;
    const char *name;
    enum docs_kind kind;
    char heading[LEVELS][96];
    struct docs_chunk chunk; /* text: as far as it goes */
    bool fenced;             /* in a block of code, where # is no heading */
};

static bool has_word(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x80 || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
            return true;
    }
    return false;
}

static void make_title(struct cutter *c)
{
    size_t n = (size_t)snprintf(c->chunk.title, DOCS_TITLE, "%s", c->name);
    for (uint32_t i = 0; i < LEVELS && n < DOCS_TITLE; i++)
        if (c->heading[i][0])
            n += (size_t)snprintf(c->chunk.title + n, DOCS_TITLE - n, " > %s", c->heading[i]);
    size_t end = strlen(c->chunk.title);
    c->chunk.title[end == DOCS_TITLE - 1 ? str_utf8_floor(c->chunk.title, end) : end] = '\0';
}

static bool give(struct cutter *c, struct err *e)
{
    bool ok = !has_word(c->chunk.text) || c->take(c->arg, &c->chunk, e);
    c->chunk.first = c->chunk.last + 1;
    c->chunk.text = str_from(c->chunk.text, c->chunk.text.n);
    return ok;
}

/* 1 to LEVELS; 0: it is none. */
static uint32_t heading_level(struct cutter *c, struct str line)
{
    uint32_t n = 0;
    if (c->kind == DOCS_PLAIN)
        return 0;
    if (c->kind == DOCS_MARKDOWN && str_starts(line, STR("```")))
        c->fenced = !c->fenced;
    while (n < line.n && line.p[n] == '#')
        n++;
    return !c->fenced && n >= 1 && n <= LEVELS && n < line.n && line.p[n] == ' ' ? n : 0;
}

static void enter_heading(struct cutter *c, uint32_t level, struct str line)
{
    struct str words = str_trim(str_from(line, level));
    if (words.n >= sizeof c->heading[0])
        words.n = str_utf8_floor(words.p, sizeof c->heading[0] - 1);
    for (uint32_t i = level - 1; i < LEVELS; i++)
        c->heading[i][0] = '\0';
    memcpy(c->heading[level - 1], words.p, words.n);
    c->heading[level - 1][words.n] = '\0';
}

/* line: with its end, behind what the chunk has. */
static bool push(struct cutter *c, struct str line, struct err *e)
{
    struct str bare = str_trim(line);
    uint32_t level = heading_level(c, line);
    bool full = c->chunk.text.n && c->chunk.text.n + line.n > FULL;
    if ((level || full) && !give(c, e))
        return false;
    if (level)
        enter_heading(c, level, bare);
    if (c->chunk.text.n == 0) {
        c->chunk.text = (struct str){line.p, 0};
        make_title(c);
    }
    c->chunk.text.n += line.n;
    c->chunk.last++;
    return bare.n || c->chunk.text.n < GOOD || give(c, e);
}

bool docs_chunks(struct str text, enum docs_kind kind, const char *name, docs_chunk_fn *take,
                 void *arg, struct err *e)
{
    struct cutter c = {.take = take, .arg = arg, .name = name, .kind = kind, .chunk.first = 1};
    for (size_t at = 0; at < text.n;) {
        const char *end = memchr(text.p + at, '\n', text.n - at);
        size_t n = end ? (size_t)(end - text.p) + 1 - at : text.n - at;
        if (!push(&c, str_sub(text, at, n), e))
            return false;
        at += n;
    }
    return give(&c, e);
}
