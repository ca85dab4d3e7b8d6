/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes work/docs_*: any bytes as a document, whose lines stay as many and whose passages lie
 * within it, in order; as a file of an index; and as a question with an answer to be checked. The
 * first byte chooses. */
#include <string.h>

#include "work/docs_answer.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

static uint32_t lines_of(struct str s)
{
    uint32_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '\n';
    return n + (s.n && s.p[s.n - 1] != '\n');
}

struct walk {
    struct str text;
    uint32_t last;
};

static bool walk(void *arg, const struct docs_chunk *c, struct err *e)
{
    struct walk *w = arg;
    (void)e;
    must(c->first > w->last && c->last >= c->first && strlen(c->title) < DOCS_TITLE);
    must(c->text.p >= w->text.p && c->text.p + c->text.n <= w->text.p + w->text.n);
    must(lines_of(c->text) == c->last - c->first + 1);
    w->last = c->last;
    return true;
}

static void document(struct str raw, const char *name, struct err *e)
{
    struct buf text, roff;
    enum docs_kind kind;
    buf_init(&text, 4u << 20);
    buf_init(&roff, 4u << 20);
    docs_roff(raw, &roff);
    must(roff.bad || lines_of(buf_view(&roff)) == lines_of(raw));
    if (docs_text(raw, name, &text, &kind, e)) {
        struct walk w = {.text = buf_view(&text)};
        must(docs_chunks(w.text, kind, "name", walk, &w, e));
        must(w.last <= lines_of(w.text));
    }
    buf_clear(&text);
    buf_clear(&roff);
}

static bool stands(void *arg, const struct docs_sentence *s, struct err *e)
{
    const struct docs_found *found = arg;
    (void)e;
    must(s->n_cited > 0 && s->n_cited <= DOCS_CITED);
    for (uint32_t i = 0; i < s->n_cited; i++)
        must(s->cited[i] < found->n);
    return true;
}

/* A file that is no index is refused, and one that is can be asked. */
static void index_file(struct str bytes, struct err *e)
{
    struct docs_hit hit[8];
    uint32_t n;
    struct docs_index *ix = bytes.n ? docs_index_open(bytes, "", e) : NULL;
    if (ix && docs_index_words(ix, STR("one two"), hit, 8, &n, e))
        must(n <= 8);
    docs_index_close(ix);
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    static struct docs_found found = {.n = 2,
                                      .v = {{.text = (char *)(uintptr_t) "one two three"},
                                            {.text = (char *)(uintptr_t) "four 5 sixes"}}};
    struct err e = {0};
    if (n == 0)
        return 0;
    struct str rest = {(const char *)p + 1, n - 1};
    uint32_t n_dropped;
    if (p[0] % 4 == 0)
        document(rest, "a.md", &e);
    else if (p[0] % 4 == 1)
        document(rest, "a.1.gz", &e);
    else if (p[0] % 4 == 2)
        index_file(rest, &e);
    else
        must(docs_check(&found, rest, stands, &found, &n_dropped, &e));
    return 0;
}
