/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_source: see logs_source.h. */
#include "work/logs_source.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

static bool read_heads(struct logs_source *s, struct err *e)
{
    struct logs_mine *m = &s->mine;
    struct str message;
    int64_t last = 0;
    s->ms = mem_new(m->n_line + 1, sizeof *s->ms, e);
    s->level = s->ms ? mem_new(m->n_line + 1, sizeof *s->level, e) : NULL;
    if (!s->level)
        return false;
    for (size_t c = 0; c < m->n_chunk; c++) {
        struct logs_lines lines = {m->chunk[c].text, LOGS_NO_COLUMN, NULL,
                                   .format = m->lines.format, .mapped = m->mapped};
        for (uint64_t i = m->chunk[c].first_line; logs_lines_next(&lines, &message); i++) {
            bool timed = lines.format && lines.record.ms != LOGS_NO_TIME;
            s->timed = s->timed || timed;
            last = timed ? lines.record.ms : last;
            s->ms[i] = last;
            s->level[i] = (int8_t)(lines.format ? logs_level_of(lines.record.level) : -1);
        }
    }
    for (uint64_t i = 0; i < m->n_line && !s->timed; i++)
        s->ms[i] = (int64_t)i * 1000;
    for (uint64_t i = m->n_line; i-- > 1 && s->timed;) /* lines before the first time */
        if (s->ms[i - 1] == 0)
            s->ms[i - 1] = s->ms[i];
    return true;
}

bool logs_source_open(struct logs_source *s, const char *given, struct err *e)
{
    struct logs_mine *m = &s->mine;
    m->keep_lines = true;
    if (given && !logs_format_given(&s->format, given, e))
        return false;
    if (!given)
        logs_format_learn(m->lines.rest, &s->format);
    m->lines.column = LOGS_NO_COLUMN;
    m->lines.format = s->format.n || s->format.given ? &s->format : NULL;
    return logs_mine_run(m, e) && read_heads(s, e);
}

void logs_source_clear(struct logs_source *s)
{
    logs_mine_clear(&s->mine);
    mem_free(s->ms);
    mem_free(s->level);
    *s = (struct logs_source){0};
}

static const struct logs_chunk *chunk_of(const struct logs_source *s, uint64_t line)
{
    size_t lo = 0, hi = s->mine.n_chunk;
    while (hi - lo > 1) {
        size_t mid = (lo + hi) / 2;
        if (s->mine.chunk[mid].first_line <= line)
            lo = mid;
        else
            hi = mid;
    }
    return &s->mine.chunk[lo];
}

uint32_t logs_source_event(const struct logs_source *s, uint64_t line)
{
    const struct logs_chunk *c = chunk_of(s, line);
    return logs_mine_event(&s->mine, c, (uint32_t)(line - c->first_line));
}

static struct str read_line(const struct logs_source *s, uint64_t line, bool whole)
{
    const struct logs_chunk *c = chunk_of(s, line);
    struct logs_lines lines = {c->text, LOGS_NO_COLUMN, NULL, .mapped = s->mine.mapped};
    struct str text = {"", 0};
    for (uint64_t i = c->first_line; i < line && logs_lines_next(&lines, &text); i++)
        ;
    lines.format = whole ? NULL : s->mine.lines.format;
    return logs_lines_next(&lines, &text) ? text : (struct str){"", 0};
}

struct str logs_source_text(const struct logs_source *s, uint64_t line)
{
    return read_line(s, line, false);
}

struct str logs_source_line(const struct logs_source *s, uint64_t line)
{
    return read_line(s, line, true);
}

/* --- severity ------------------------------------------------------------------------------------
 */

static bool has_word(struct str text, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= text.n; i++) {
        size_t j = 0;
        while (j < n && (text.p[i + j] | 0x20) == word[j])
            j++;
        if (j == n)
            return true;
    }
    return false;
}

int logs_severity(struct str text, int level)
{
    static const char *const fatal[] = {"panic", "fatal",    "out of memory",
                                        "oom",   "segfault", "corrupt"};
    static const char *const error[] = {
        "error",  "fail",        "exception", "timeout",   "timed out", "refused",
        "denied", "unavailable", "cannot",    "can't",     "unable",    "killed",
        "abort",  "exhaust",     "no space",  "disk full", "expired",   "unreachable",
        "crash",  "broken",      "lost",      "reject",    "overload"};
    int found = level >= 0 ? level : 2;
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal && found < 5; i++)
        if (has_word(text, fatal[i]))
            found = found < 4 ? 4 : found;
    for (size_t i = 0; i < sizeof error / sizeof *error && found < 3; i++)
        if (has_word(text, error[i]))
            found = 3;
    return found;
}

bool logs_is_report(struct str text)
{
    struct str mark = STR(LOGS_VARIABLE);
    size_t at = str_find(text, mark);
    if (at == SIZE_MAX || at + mark.n != text.n)
        return false;
    struct str label = str_sub(text, 0, at);
    while (label.n && label.p[label.n - 1] == ' ')
        label.n--;
    char last = label.n ? label.p[label.n - 1] : 0;
    return last == ':' || last == '=' || last == '.';
}
