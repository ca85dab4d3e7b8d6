/* SPDX-License-Identifier: Apache-2.0 */
/* work/docs_index: see docs_index.h. */
#include "work/docs_index.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

#define FORMAT   "1"
#define MAX_TERM 64u /* words of a question that are looked for */

struct docs_index {
    sqlite3 *db;
    int64_t file; /* that is being filled */
    bool changed;
};

static const char *const tables =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT);"
    "CREATE TABLE file(id INTEGER PRIMARY KEY, path TEXT UNIQUE, mtime INTEGER, bytes INTEGER, "
    "content BLOB, seen INTEGER);"
    "CREATE TABLE passage(id INTEGER PRIMARY KEY, file INTEGER, first INTEGER, last INTEGER, "
    "vector BLOB);"
    "CREATE INDEX passage_file ON passage(file);"
    "CREATE VIRTUAL TABLE words USING fts5(title, body, tokenize = 'porter unicode61');"
    "INSERT INTO meta VALUES('format', '" FORMAT "'), ('embedder', '');";

/* --- SQLite ------------------------------------------------------------------------------------
 */

static bool fault(const struct docs_index *ix, struct err *e)
{
    int code = sqlite3_errcode(ix->db);
    if (code == SQLITE_NOMEM || code == SQLITE_TOOBIG || code == SQLITE_FULL)
        return fail(e, ERR_LIMIT,
                    "the index of the documents is too large for the memory there is");
    return fail(e, ERR_CORRUPT,
                "the index of the documents is damaged (%s); remove it, it is made "
                "anew",
                sqlite3_errmsg(ix->db));
}

/* kinds: a letter for each argument: i int64_t, t struct str *, b a pointer and a size_t. */
static sqlite3_stmt *ask(const struct docs_index *ix, struct err *e, const char *sql,
                         const char *kinds, ...)
{
    sqlite3_stmt *s = NULL;
    va_list args;
    int rc = sqlite3_prepare_v2(ix->db, sql, -1, &s, NULL);
    va_start(args, kinds);
    for (int i = 1; rc == SQLITE_OK && *kinds; i++, kinds++) {
        if (*kinds == 'i') {
            rc = sqlite3_bind_int64(s, i, va_arg(args, int64_t));
        } else if (*kinds == 't') {
            const struct str *t = va_arg(args, const struct str *);
            rc = sqlite3_bind_text64(s, i, t->p, t->n, SQLITE_STATIC, SQLITE_UTF8);
        } else {
            const void *p = va_arg(args, const void *);
            rc = sqlite3_bind_blob64(s, i, p, va_arg(args, size_t), SQLITE_STATIC);
        }
    }
    va_end(args);
    if (rc == SQLITE_OK)
        return s;
    (void)fault(ix, e);
    sqlite3_finalize(s);
    return NULL;
}

/* *row: there is one. */
static bool step(const struct docs_index *ix, sqlite3_stmt *s, bool *row, struct err *e)
{
    int rc = s ? sqlite3_step(s) : SQLITE_ERROR;
    *row = rc == SQLITE_ROW;
    return *row || rc == SQLITE_DONE || (s && fault(ix, e));
}

/* A statement that gives nothing. */
static bool run(const struct docs_index *ix, sqlite3_stmt *s, struct err *e)
{
    bool row, ok = step(ix, s, &row, e);
    sqlite3_finalize(s);
    return ok;
}

static bool exec(const struct docs_index *ix, const char *sql, struct err *e)
{
    return sqlite3_exec(ix->db, sql, NULL, NULL, NULL) == SQLITE_OK || fault(ix, e);
}

static struct str text_at(sqlite3_stmt *s, int column)
{
    const unsigned char *p = sqlite3_column_text(s, column);
    return (struct str){(const char *)p, (size_t)sqlite3_column_bytes(s, column)};
}

/* --- opening -----------------------------------------------------------------------------------
 */

static bool load(struct docs_index *ix, struct str bytes, struct err *e)
{
    unsigned char *copy = sqlite3_malloc64(bytes.n);
    if (!copy)
        return fail(e, ERR_LIMIT,
                    "the index of the documents is too large for the memory there is");
    memcpy(copy, bytes.p, bytes.n);
    int rc =
        sqlite3_deserialize(ix->db, "main", copy, (sqlite3_int64)bytes.n, (sqlite3_int64)bytes.n,
                            SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE);
    return rc == SQLITE_OK || fault(ix, e);
}

static bool check_format(const struct docs_index *ix, struct err *e)
{
    bool row;
    sqlite3_stmt *s = ask(ix, e, "SELECT value FROM meta WHERE key = 'format'", "");
    bool ok = step(ix, s, &row, e);
    if (ok && (!row || !str_is(text_at(s, 0), FORMAT)))
        ok = fail(e, ERR_UNSUPPORTED,
                  "the index of the documents has another format; remove it, it is made anew");
    sqlite3_finalize(s);
    return ok;
}

static bool use_embedder(struct docs_index *ix, const char *embedder, struct err *e)
{
    bool row;
    struct str want = str_of(embedder);
    sqlite3_stmt *s = ask(ix, e, "SELECT value FROM meta WHERE key = 'embedder'", "");
    bool ok = step(ix, s, &row, e), same = ok && row && str_eq(text_at(s, 0), want);
    sqlite3_finalize(s);
    if (!ok || same || !want.n)
        return ok;
    ix->changed = true;
    return exec(ix, "UPDATE passage SET vector = NULL", e) &&
           run(ix, ask(ix, e, "UPDATE meta SET value = ?1 WHERE key = 'embedder'", "t", &want), e);
}

struct docs_index *docs_index_open(struct str bytes, const char *embedder, struct err *e)
{
    struct docs_index *ix = mem_new(1, sizeof *ix, e);
    if (!ix)
        return NULL;
    ix->changed = bytes.n == 0;
    bool ok = sqlite3_open(":memory:", &ix->db) == SQLITE_OK || fault(ix, e);
    ok = ok && (bytes.n == 0 || load(ix, bytes, e)) &&
         exec(ix,
              "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA journal_mode = "
              "OFF; BEGIN",
              e) &&
         (bytes.n ? check_format(ix, e) : exec(ix, tables, e)) && use_embedder(ix, embedder, e) &&
         exec(ix, "UPDATE file SET seen = 0", e);
    if (ok)
        return ix;
    docs_index_close(ix);
    return NULL;
}

void docs_index_close(struct docs_index *ix)
{
    if (!ix)
        return;
    sqlite3_close(ix->db);
    mem_free(ix);
}

bool docs_index_changed(const struct docs_index *ix)
{
    return ix->changed;
}

bool docs_index_bytes(struct docs_index *ix, struct buf *out, struct err *e)
{
    sqlite3_int64 n = 0;
    if (!exec(ix, "COMMIT", e))
        return false;
    unsigned char *p = sqlite3_serialize(ix->db, "main", &n, 0);
    if (p)
        buf_add(out, p, (size_t)n);
    sqlite3_free(p);
    return p ? buf_ok(out, "index", e) && exec(ix, "BEGIN", e) : fault(ix, e);
}

/* --- updating ----------------------------------------------------------------------------------
 */

bool docs_index_look(struct docs_index *ix, const struct docs_file *f, bool *same, struct err *e)
{
    struct str path = str_of(f->path);
    sqlite3_stmt *s =
        ask(ix, e, "UPDATE file SET seen = 1 WHERE path = ?1 AND mtime = ?2 AND bytes = ?3", "tii",
            &path, f->mtime_ns, (int64_t)f->bytes);
    if (!run(ix, s, e))
        return false;
    *same = sqlite3_changes(ix->db) > 0;
    return true;
}

/* Its passages and their words. */
static bool empty_file(const struct docs_index *ix, int64_t file, struct err *e)
{
    return run(ix,
               ask(ix, e,
                   "DELETE FROM words WHERE rowid IN (SELECT id FROM passage WHERE file = ?1)", "i",
                   file),
               e) &&
           run(ix, ask(ix, e, "DELETE FROM passage WHERE file = ?1", "i", file), e);
}

/* What is known of a path: its row, 0 for none, and whether it has this content. */
static bool find_file(const struct docs_index *ix, struct str path, const struct hash *content,
                      int64_t *file, bool *same, struct err *e)
{
    bool row;
    sqlite3_stmt *s = ask(ix, e, "SELECT id, content FROM file WHERE path = ?1", "t", &path);
    bool ok = step(ix, s, &row, e);
    *file = ok && row ? sqlite3_column_int64(s, 0) : 0;
    *same = *file && sqlite3_column_bytes(s, 1) == HASH_BYTES &&
            memcmp(sqlite3_column_blob(s, 1), content->b, HASH_BYTES) == 0;
    sqlite3_finalize(s);
    return ok;
}

bool docs_index_begin(struct docs_index *ix, const struct docs_file *f, const struct hash *content,
                      bool *same, struct err *e)
{
    struct str path = str_of(f->path);
    ix->changed = true;
    if (!find_file(ix, path, content, &ix->file, same, e))
        return false;
    if (!ix->file) {
        if (!run(ix, ask(ix, e, "INSERT INTO file(path) VALUES(?1)", "t", &path), e))
            return false;
        ix->file = sqlite3_last_insert_rowid(ix->db);
    }
    sqlite3_stmt *s =
        ask(ix, e,
            "UPDATE file SET mtime = ?2, bytes = ?3, content = ?4, seen = 1 "
            "WHERE id = ?1",
            "iiib", ix->file, f->mtime_ns, (int64_t)f->bytes, content->b, (size_t)HASH_BYTES);
    return run(ix, s, e) && (*same || empty_file(ix, ix->file, e));
}

bool docs_index_add(struct docs_index *ix, const struct docs_chunk *c, struct err *e)
{
    struct str title = str_of(c->title), text = c->text;
    sqlite3_stmt *s = ask(ix, e, "INSERT INTO passage(file, first, last) VALUES(?1, ?2, ?3)", "iii",
                          ix->file, (int64_t)c->first, (int64_t)c->last);
    return run(ix, s, e) &&
           run(ix,
               ask(ix, e, "INSERT INTO words(rowid, title, body) VALUES(?1, ?2, ?3)", "itt",
                   (int64_t)sqlite3_last_insert_rowid(ix->db), &title, &text),
               e);
}

bool docs_index_sweep(struct docs_index *ix, uint32_t *n_gone, struct err *e)
{
    if (!exec(ix,
              "DELETE FROM words WHERE rowid IN (SELECT passage.id FROM passage JOIN file ON "
              "file.id = passage.file WHERE seen = 0);"
              "DELETE FROM passage WHERE file IN (SELECT id FROM file WHERE seen = 0);"
              "DELETE FROM file WHERE seen = 0",
              e))
        return false;
    *n_gone = (uint32_t)sqlite3_changes(ix->db);
    ix->changed |= *n_gone > 0;
    return true;
}

/* --- passages ----------------------------------------------------------------------------------
 */

#define PASSAGE                                                                                    \
    "SELECT passage.id, path, first, last, title, body FROM passage JOIN file ON file.id = "       \
    "passage.file JOIN words ON words.rowid = passage.id WHERE "

static bool take_passage(const struct docs_index *ix, sqlite3_stmt *s, struct docs_passage *p,
                         struct err *e)
{
    bool row, ok = step(ix, s, &row, e);
    *p = (struct docs_passage){0};
    if (ok && row) {
        struct str text = text_at(s, 5);
        p->id = sqlite3_column_int64(s, 0);
        snprintf(p->path, sizeof p->path, "%s", (const char *)sqlite3_column_text(s, 1));
        p->first = (uint32_t)sqlite3_column_int64(s, 2);
        p->last = (uint32_t)sqlite3_column_int64(s, 3);
        snprintf(p->title, sizeof p->title, "%s", (const char *)sqlite3_column_text(s, 4));
        ok = (p->text = mem_new(text.n + 1, 1, e)) != NULL;
        if (ok && text.n)
            memcpy(p->text, text.p, text.n);
    }
    sqlite3_finalize(s);
    return ok;
}

void docs_passage_clear(struct docs_passage *p)
{
    mem_free(p->text);
    *p = (struct docs_passage){0};
}

bool docs_index_get(struct docs_index *ix, int64_t id, struct docs_passage *p, struct err *e)
{
    if (!take_passage(ix, ask(ix, e, PASSAGE "passage.id = ?1", "i", id), p, e))
        return false;
    return p->id || fail(e, ERR_CORRUPT,
                         "the index of the documents is damaged (%s); remove it, it is made anew",
                         "a passage is missing");
}

bool docs_index_bare(struct docs_index *ix, int64_t after, struct docs_passage *p, struct err *e)
{
    return take_passage(
        ix,
        ask(ix, e, PASSAGE "passage.id > ?1 AND vector IS NULL ORDER BY passage.id LIMIT 1", "i",
            after),
        p, e);
}

bool docs_index_set_vector(struct docs_index *ix, int64_t id, const float *v, uint32_t n,
                           struct err *e)
{
    ix->changed = true;
    return run(ix,
               ask(ix, e, "UPDATE passage SET vector = ?2 WHERE id = ?1", "ib", id, (const void *)v,
                   n * sizeof *v),
               e);
}

bool docs_index_count(struct docs_index *ix, uint64_t *passages, uint64_t *files, struct err *e)
{
    bool row;
    sqlite3_stmt *s =
        ask(ix, e, "SELECT (SELECT count(*) FROM passage), (SELECT count(*) FROM file)", "");
    bool ok = step(ix, s, &row, e);
    *passages = ok && row ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
    *files = ok && row ? (uint64_t)sqlite3_column_int64(s, 1) : 0;
    sqlite3_finalize(s);
    return ok;
}

/* --- finding -----------------------------------------------------------------------------------
 */

/* Words that are in every question say nothing about what is asked. */
static bool is_common(struct str word)
{
    static const char *const words[] = {
        "a",     "an",   "and", "are",  "as",   "at",   "be",   "by",    "can",    "do",   "does",
        "for",   "from", "how", "i",    "if",   "in",   "is",   "it",    "its",    "me",   "my",
        "of",    "on",   "or",  "that", "the",  "this", "to",   "was",   "what",   "when", "where",
        "which", "who",  "why", "will", "with", "you",  "your", "there", "should", "has",  "have"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (word.n == strlen(words[i]) && strncasecmp(word.p, words[i], word.n) == 0)
            return true;
    return false;
}

static bool is_word_byte(char c)
{
    return (unsigned char)c >= 0x80 || (c >= '0' && c <= '9') ||
           ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* The question as FTS5 wants it: any of its words, each in quotes. */
static void make_query(struct str question, struct buf *out)
{
    uint32_t n = 0;
    for (int all = 0; all < 2 && n == 0; all++)
        for (size_t at = 0; at < question.n && n < MAX_TERM;) {
            size_t from = at;
            while (at < question.n && is_word_byte(question.p[at]))
                at++;
            struct str word = str_sub(question, from, at - from);
            if (word.n && (all || !is_common(word)))
                buf_fmt(out, "%s\"%.*s\"", n++ ? " OR " : "", STR_ARG(word));
            at += word.n == 0;
        }
}

bool docs_index_words(struct docs_index *ix, struct str question, struct docs_hit *hit,
                      uint32_t most, uint32_t *found, struct err *e)
{
    bool ok, row = true;
    struct buf query;
    *found = 0;
    buf_init(&query, 1u << 20);
    make_query(question, &query);
    struct str text = buf_view(&query);
    if (text.n == 0) {
        buf_clear(&query);
        return true;
    }
    sqlite3_stmt *s = ask(ix, e,
                          "SELECT rowid, bm25(words, 3.0, 1.0) FROM words WHERE words MATCH ?1 "
                          "ORDER BY 2 LIMIT ?2",
                          "ti", &text, (int64_t)most);
    while ((ok = step(ix, s, &row, e)) && row && *found < most)
        hit[(*found)++] =
            (struct docs_hit){sqlite3_column_int64(s, 0), -sqlite3_column_double(s, 1)};
    sqlite3_finalize(s);
    buf_clear(&query);
    return ok;
}

/* Into the list of the best, best first. */
static void offer(struct docs_hit *hit, uint32_t most, uint32_t *found, struct docs_hit new)
{
    uint32_t at = *found < most ? (*found)++ : most - 1;
    if (at == most - 1 && *found == most && hit[at].id && hit[at].score >= new.score)
        return;
    for (; at > 0 && hit[at - 1].score < new.score; at--)
        hit[at] = hit[at - 1];
    hit[at] = new;
}

bool docs_index_near(struct docs_index *ix, const float *v, uint32_t n, struct docs_hit *hit,
                     uint32_t most, uint32_t *found, struct err *e)
{
    bool ok, row = true;
    *found = 0;
    memset(hit, 0, most * sizeof *hit);
    sqlite3_stmt *s = ask(ix, e, "SELECT id, vector FROM passage WHERE vector IS NOT NULL", "");
    while ((ok = step(ix, s, &row, e)) && row) {
        const unsigned char *p = sqlite3_column_blob(s, 1);
        double sum = 0;
        if (sqlite3_column_bytes(s, 1) != (int)(n * sizeof *v))
            continue;
        for (uint32_t i = 0; i < n; i++) {
            float x;
            memcpy(&x, p + i * sizeof x, sizeof x);
            sum += (double)x * (double)v[i];
        }
        offer(hit, most, found, (struct docs_hit){sqlite3_column_int64(s, 0), sum});
    }
    sqlite3_finalize(s);
    return ok;
}
