/* SPDX-License-Identifier: Apache-2.0 */
/* work/docs_answer: see docs_answer.h. */
#include "work/docs_answer.h"

#include <string.h>

const char *const docs_system =
    "You answer questions from numbered passages of documents. Use only what the passages say. "
    "End every sentence with the number of the passage it comes from in square brackets, like "
    "[1]. If the passages do not answer the question, say only: The passages do not say. [1] "
    "Keep the answer short.";

void docs_prompt(const struct docs_found *found, struct str question, struct buf *out)
{
    for (uint32_t i = 0; i < found->n; i++)
        buf_fmt(out, "[%u] %s\n%s\n\n", i + 1, found->v[i].title, found->v[i].text);
    buf_cstr(out, "Question: ");
    buf_str(out, question);
}

/* --- sentences ----------------------------------------------------------------------------------
 */

/* Bytes of the end of a sentence at p, 0 for none. */
static size_t ends_here(struct str s, size_t at)
{
    static const char *const wide[] = {"。", "！", "？"};
    char c = s.p[at];
    if (c == '\n')
        return 1;
    if ((c == '.' || c == '!' || c == '?') &&
        (at + 1 == s.n || strchr(" \n\t[", s.p[at + 1]) != NULL))
        return 1;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (str_starts(str_from(s, at), str_of(wide[i])))
            return strlen(wide[i]);
    return 0;
}

/* "[12]" at p: its bytes, 0 for none. */
static size_t citation_at(struct str s, size_t at, uint32_t *number)
{
    size_t i = at + 1;
    *number = 0;
    if (at >= s.n || s.p[at] != '[')
        return 0;
    for (; i < s.n && i < at + 5 && s.p[i] >= '0' && s.p[i] <= '9'; i++)
        *number = *number * 10 + (uint32_t)(s.p[i] - '0');
    return i > at + 1 && i < s.n && s.p[i] == ']' ? i + 1 - at : 0;
}

/* Numbers that belong to the sentence before them. */
static size_t behind(struct str s, size_t at)
{
    uint32_t number;
    for (;;) {
        size_t blank = at;
        while (blank < s.n && s.p[blank] == ' ')
            blank++;
        size_t n = citation_at(s, blank, &number);
        if (!n)
            return at;
        at = blank + n;
        if (at < s.n && s.p[at] == '.')
            at++;
    }
}

static struct str next_sentence(struct str *rest)
{
    size_t at = 0;
    while (at < rest->n) {
        size_t n = ends_here(*rest, at);
        at += n ? n : 1;
        if (n)
            break;
    }
    at = behind(*rest, at);
    struct str one = str_sub(*rest, 0, at);
    *rest = str_from(*rest, at);
    return str_trim(one);
}

/* --- checking -----------------------------------------------------------------------------------
 */

static bool is_word(char c)
{
    return (unsigned char)c >= 0x80 || (c >= '0' && c <= '9') ||
           ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool has_word(const char *text, struct str word)
{
    for (const char *p = text; *p; p++)
        if (strncasecmp(p, word.p, word.n) == 0)
            return true;
    return false;
}

/* The passages a sentence names; false: one of the numbers is none's. */
static bool read_citations(const struct docs_found *found, struct str text,
                           struct docs_sentence *out)
{
    bool ok = true;
    out->n_cited = 0;
    for (size_t at = 0; at < text.n;) {
        uint32_t number;
        size_t n = citation_at(text, at, &number);
        at += n ? n : 1;
        if (!n)
            continue;
        if (number == 0 || number > found->n || out->n_cited == DOCS_CITED)
            ok = false;
        else
            out->cited[out->n_cited++] = number - 1;
    }
    return ok && out->n_cited > 0;
}

/* Half of its words are those of what it cites. */
static bool is_supported(const struct docs_found *found, const struct docs_sentence *s)
{
    uint32_t words = 0, there = 0;
    for (size_t at = 0; at < s->text.n;) {
        size_t from = at;
        while (at < s->text.n && is_word(s->text.p[at]))
            at++;
        struct str word = str_sub(s->text, from, at - from);
        at += word.n == 0;
        bool number = word.n && word.p[0] >= '0' && word.p[0] <= '9';
        if (word.n < 4 && !number)
            continue;
        words++;
        word.n = word.n > 6 && !number ? word.n - 2 : word.n; /* "settings", "setting" */
        for (uint32_t i = 0; i < s->n_cited; i++)
            if (has_word(found->v[s->cited[i]].text, word) ||
                has_word(found->v[s->cited[i]].title, word)) {
                there++;
                break;
            }
    }
    return words > 0 && 2 * there >= words;
}

/* The text in front of the first citation that only citations follow. */
static struct str without_citations(struct str text)
{
    uint32_t number;
    for (size_t at = 0; at < text.n; at++)
        if (citation_at(text, at, &number) && behind(text, at) >= text.n)
            return str_trim(str_sub(text, 0, at));
    return text;
}

bool docs_check(const struct docs_found *found, struct str answer, docs_sentence_fn *stands,
                void *arg, uint32_t *n_dropped, struct err *e)
{
    *n_dropped = 0;
    for (struct str rest = str_trim(answer); rest.n;) {
        struct str one = next_sentence(&rest);
        struct docs_sentence s;
        if (!one.n)
            continue;
        bool cited = read_citations(found, one, &s);
        s.text = without_citations(one);
        if (!cited || !is_supported(found, &s))
            (*n_dropped)++;
        else if (!stands(arg, &s, e))
            return false;
    }
    return true;
}
