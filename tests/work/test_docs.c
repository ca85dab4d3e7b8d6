/* SPDX-License-Identifier: Apache-2.0 */
/* tests/work/test_docs: documents -> plain lines, passages, an index, and checked sentences. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "test.h"
#include "work/docs_answer.h"

static struct err e;

/* --- text ---------------------------------------------------------------------------------------
 */

static void check_roff(const char *in, const char *want)
{
    struct buf out;
    buf_init(&out, 1u << 16);
    docs_roff(str_of(in), &out);
    assert_string_equal(buf_c(&out), want);
    buf_clear(&out);
}

static void man_pages_lose_their_macros(void **state)
{
    (void)state;
    check_roff(".TH TAR 1 \"2022\" x\n.SH \"SEE ALSO\"\n.B bold words\n",
               "# tar(1)\n## SEE ALSO\nbold words\n");
    check_roff(".BR tar \" (\" 1 )\n.IP \"\\-mtime \\fIn\\fR\" 4\n", "tar (1)\n-mtime n\n");
    check_roff(".\\\" a comment\n'\\\" t\n.PP\n.nf\n\\fB\\-\\-all\\fR=\\fI\\,N\\/\\fR\n",
               "\n\n\n\n--all=N\n");
    check_roff("a \\(em b \\[bu] \\\" gone\n.RS 4\nx\\e0\\ y\\&z\\s-1w\\s0\n",
               "a — b * \n\nx\\0 yzw\n");
    check_roff(".Dt LS 1\n.Sh NAME\n.Nm ls\n.Op Fl a\n.It Fl t Ar n\nplain",
               "# ls(1)\n## NAME\nls\n-a\n-t n\nplain\n");
    check_roff("ends in \\", "ends in \n");
    check_roff(".B \"open quote", "open quote\n");
}

static enum docs_kind kind_of(const char *name, const char *text)
{
    struct buf out;
    enum docs_kind kind;
    buf_init(&out, 1u << 16);
    assert_true(docs_text(str_of(text), name, &out, &kind, &e));
    buf_clear(&out);
    return kind;
}

static void kinds_follow_name_and_text(void **state)
{
    struct buf out;
    enum docs_kind kind;
    (void)state;
    assert_int_equal(kind_of("a.md", "# x\n"), DOCS_MARKDOWN);
    assert_int_equal(kind_of("a.1", ".SH X\n"), DOCS_ROFF);
    assert_int_equal(kind_of("a", ".TH X 1\n"), DOCS_ROFF);
    assert_int_equal(kind_of("v1.2", "numbers\n"), DOCS_PLAIN);
    assert_int_equal(kind_of("a.c", "int x;\n"), DOCS_PLAIN);
    buf_init(&out, 100);
    assert_false(docs_text((struct str){"a\0b", 3}, "a.o", &out, &kind, &e));
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    assert_false(docs_text(STR("0123456789"
                               "0123456789012345678901234567890123456789012345678901234567890"
                               "123456789012345678901234567890123456789"),
                           "long", &out, &kind, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    buf_clear(&out);
}

/* --- passages -----------------------------------------------------------------------------------
 */

struct cuts {
    char told[2048];
};

static bool tell(void *arg, const struct docs_chunk *c, struct err *err)
{
    struct cuts *t = arg;
    size_t n = strlen(t->told);
    (void)err;
    snprintf(t->told + n, sizeof t->told - n, "%u-%u %s|", c->first, c->last, c->title);
    return true;
}

static void check_chunks(const char *text, enum docs_kind kind, const char *want)
{
    struct cuts t = {""};
    assert_true(docs_chunks(str_of(text), kind, "f", tell, &t, &e));
    assert_string_equal(t.told, want);
}

static void passages_begin_at_headings(void **state)
{
    (void)state;
    check_chunks("intro\n# A\na\n## B\nb\n# C\nc", DOCS_MARKDOWN,
                 "1-1 f|2-3 f > A|4-5 f > A > B|6-7 f > C|");
    check_chunks("# A\n```\n# no heading\n```\n", DOCS_MARKDOWN, "1-4 f > A|");
    check_chunks("# A\nx\n", DOCS_PLAIN, "1-2 f|");
    check_chunks("\n\n--\n\n", DOCS_PLAIN, "");
    check_chunks("", DOCS_PLAIN, "");
}

static void passages_end_where_they_are_full(void **state)
{
    char text[8192] = "", line[101];
    (void)state;
    memset(line, 'x', 99);
    strcpy(line + 99, "\n");
    for (int i = 0; i < 20; i++) {
        strcat(text, line);
        if (i == 8)
            strcat(text, "\n");
    }
    check_chunks(text, DOCS_PLAIN, "1-10 f|11-20 f|21-21 f|"); /* at the empty line, 900 bytes */
    text[0] = '\0';
    for (int i = 0; i < 30; i++)
        strcat(text, line);
    check_chunks(text, DOCS_PLAIN, "1-10 f|11-20 f|21-30 f|");
}

/* --- the index ----------------------------------------------------------------------------------
 */

static void put(struct docs_index *ix, const char *path, int64_t time, const char *text)
{
    const struct docs_file f = {path, time, strlen(text)};
    struct docs_chunk c = {.first = 3, .last = 4, .title = "title", .text = str_of(text)};
    struct str all = str_of(text);
    struct hash h;
    bool same;
    assert_true(docs_index_look(ix, &f, &same, &e));
    if (same)
        return;
    assert_true(hash_of(&all, 1, &h, &e) && docs_index_begin(ix, &f, &h, &same, &e));
    assert_true(same || docs_index_add(ix, &c, &e));
}

static uint32_t sweep(struct docs_index *ix)
{
    uint32_t n_gone;
    assert_true(docs_index_sweep(ix, &n_gone, &e));
    return n_gone;
}

static uint32_t found_by(struct docs_index *ix, const char *question, char path[64])
{
    struct docs_hit hit[8];
    struct docs_passage p;
    uint32_t n;
    assert_true(docs_index_words(ix, str_of(question), hit, 8, &n, &e));
    path[0] = '\0';
    if (n) {
        assert_true(docs_index_get(ix, hit[0].id, &p, &e));
        assert_true(p.first == 3 && p.last == 4 && strcmp(p.title, "title") == 0);
        snprintf(path, 64, "%.60s", p.path);
        docs_passage_clear(&p);
    }
    return n;
}

static struct docs_index *again(struct docs_index *ix, const char *embedder)
{
    struct buf bytes;
    buf_init(&bytes, LIMIT_DOCS_INDEX);
    assert_true(docs_index_bytes(ix, &bytes, &e));
    docs_index_close(ix);
    ix = docs_index_open(buf_view(&bytes), embedder, &e);
    assert_non_null(ix);
    buf_clear(&bytes);
    return ix;
}

static void an_index_follows_its_files(void **state)
{
    char path[64];
    uint64_t passages, files;
    (void)state;
    struct docs_index *ix = docs_index_open(STR(""), "", &e);
    assert_non_null(ix);
    put(ix, "/a", 1, "apples are green");
    put(ix, "/b", 1, "the bananas and \"quotes\" (x OR y)");
    put(ix, "/c", 1, "cherries are red");
    assert_int_equal(sweep(ix), 0);
    assert_int_equal(found_by(ix, "What is a banana?", path), 1);
    assert_string_equal(path, "/b");
    assert_int_equal(found_by(ix, "\"' ) NEAR(x *", path), 1);
    assert_int_equal(found_by(ix, "!?", path), 0);
    ix = again(ix, "");
    assert_false(docs_index_changed(ix));
    put(ix, "/a", 1, "apples are green"); /* as it was: not read */
    put(ix, "/b", 2, "blueberries now");
    assert_int_equal(sweep(ix), 1); /* /c is gone */
    assert_true(docs_index_changed(ix));
    assert_int_equal(found_by(ix, "banana", path), 0);
    assert_int_equal(found_by(ix, "cherries", path), 0);
    assert_int_equal(found_by(ix, "blueberry", path), 1);
    assert_int_equal(found_by(ix, "apple", path), 1);
    assert_true(docs_index_count(ix, &passages, &files, &e) && passages == 2 && files == 2);
    docs_index_close(ix);
}

static void vectors_belong_to_their_model(void **state)
{
    const float x[2] = {1, 0}, y[2] = {0.6f, 0.8f};
    struct docs_hit hit[4];
    struct docs_passage p;
    uint32_t n;
    (void)state;
    struct docs_index *ix = docs_index_open(STR(""), "one", &e);
    put(ix, "/a", 1, "first");
    put(ix, "/b", 1, "second");
    assert_int_equal(sweep(ix), 0);
    assert_true(docs_index_set_vector(ix, 1, x, 2, &e) && docs_index_set_vector(ix, 2, y, 2, &e));
    assert_true(docs_index_near(ix, y, 2, hit, 4, &n, &e));
    assert_true(n == 2 && hit[0].id == 2 && hit[1].id == 1 && hit[1].score > 0.599);
    assert_true(docs_index_near(ix, y, 2, hit, 1, &n, &e) && n == 1 && hit[0].id == 2);
    assert_true(docs_index_bare(ix, 0, &p, &e) && p.id == 0);
    ix = again(ix, "one");
    assert_true(docs_index_near(ix, x, 2, hit, 4, &n, &e) && n == 2);
    ix = again(ix, ""); /* without a model nothing is lost */
    assert_true(docs_index_near(ix, x, 2, hit, 4, &n, &e) && n == 2);
    ix = again(ix, "two");
    assert_true(docs_index_near(ix, x, 2, hit, 4, &n, &e) && n == 0);
    assert_true(docs_index_bare(ix, 0, &p, &e) && p.id == 1 && strcmp(p.text, "first") == 0);
    docs_passage_clear(&p);
    docs_index_close(ix);
}

static void other_files_are_no_index(void **state)
{
    char page[4096] = "SQLite format 3";
    (void)state;
    assert_null(docs_index_open(STR("hello"), "", &e));
    assert_int_equal(e.code, ERR_CORRUPT);
    memset(page + 16, 0x41, sizeof page - 16);
    assert_null(docs_index_open((struct str){page, sizeof page}, "", &e));
    assert_int_equal(e.code, ERR_CORRUPT);
}

/* --- answers ------------------------------------------------------------------------------------
 */

static bool note(void *arg, const struct docs_sentence *s, struct err *err)
{
    struct cuts *t = arg;
    size_t n = strlen(t->told);
    (void)err;
    n += (size_t)snprintf(t->told + n, sizeof t->told - n, "%.*s", (int)s->text.n, s->text.p);
    for (uint32_t i = 0; i < s->n_cited; i++)
        n += (size_t)snprintf(t->told + n, sizeof t->told - n, " %u", s->cited[i]);
    strcat(t->told, "|");
    return true;
}

static void check_answer(const char *answer, const char *want, uint32_t want_dropped)
{
    static struct docs_found found = {
        .n = 2,
        .v = {{.title = "fruit",
               .text = (char *)(uintptr_t) "Apples are green or red. They keep 30 days."},
              {.title = "trees", .text = (char *)(uintptr_t) "An oak lives for centuries."}}};
    struct cuts t = {""};
    uint32_t n_dropped;
    assert_true(docs_check(&found, str_of(answer), note, &t, &n_dropped, &e));
    assert_string_equal(t.told, want);
    assert_int_equal(n_dropped, want_dropped);
}

static void only_supported_sentences_stand(void **state)
{
    (void)state;
    check_answer("Apples are green. [1] An oak lives for centuries [2].",
                 "Apples are green. 0|An oak lives for centuries 1|", 0);
    check_answer("Apples are green.", "", 1);            /* names nothing */
    check_answer("Apples are green. [3]", "", 1);        /* names what is not there */
    check_answer("Apples are green. [2]", "", 1);        /* names what does not say so */
    check_answer("Bananas grow in Ecuador. [1]", "", 1); /* says what is not there */
    check_answer("Apples keep 30 days [1]. Oaks are tall.", "Apples keep 30 days 0|", 1);
    check_answer("Apples are green and an oak lives for centuries. [1] [2]",
                 "Apples are green and an oak lives for centuries. 0 1|", 0);
    check_answer("Apples keep 30.5 days. [1][2]", "Apples keep 30.5 days. 0 1|", 0);
    check_answer("", "", 0);
    check_answer("[1]", "", 1);
    check_answer("\n\nApples are green [1]\n", "Apples are green 0|", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(man_pages_lose_their_macros),
        cmocka_unit_test(kinds_follow_name_and_text),
        cmocka_unit_test(passages_begin_at_headings),
        cmocka_unit_test(passages_end_where_they_are_full),
        cmocka_unit_test(an_index_follows_its_files),
        cmocka_unit_test(vectors_belong_to_their_model),
        cmocka_unit_test(other_files_are_no_index),
        cmocka_unit_test(only_supported_sentences_stand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
