/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_matrix: see logs_matrix.h.
 *
 * (I1) `sum[row]` is the sum of mix(column, value) over the row, so that a row without one column
 *      costs a subtraction. Rows are grouped by these 64-bit sums; a collision merges two events,
 *      nothing worse.
 * (I2) Every choice is made from sets of rows, never from their order: the column with most values
 *      first, the leftmost among equals. */
#include "work/logs_matrix.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "work/logs_scan.h"
#include "work/logs_word.h"

#define MANY_WORDS 5 /* different words that are no accident */
#define STEM_WORDS 3 /* of the form eth0, eth1, eth2 */

/* What a column is by its surroundings. */
enum place {
    PLACE_PLAIN,
    PLACE_KEY,    /* before "=" */
    PLACE_VALUE,  /* behind "=" or ":" */
    PLACE_QUOTED, /* behind a quote, bracket, ": " or "= " */
    PLACE_LABEL,  /* before ":" */
    PLACE_NEXT,   /* behind a word and a blank, else plain */
};

/* --- values --------------------------------------------------------------------------------------
 */

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool announces_name(struct str t)
{
    static const char *const all[] = {"user", "username", "account", "host", "hostname"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (str_is(t, all[i]))
            return true;
    return false;
}

static void describe(struct logs_value *v)
{
    v->names = announces_name(v->text);
    struct str t = v->text;
    size_t letters = 0;
    for (size_t i = 0; i < t.n; i++) {
        char c = t.p[i];
        v->id = v->id || c == SHAPE_VAR || c == '.' || c == '/' || c == '\\' || c == '@';
        v->word = v->word || (i && letter(c) && letter(t.p[i - 1])) || (c & 0x80);
    }
    while (letters < t.n && letter(t.p[letters]))
        letters++;
    if (letters && t.n - letters >= 1 && t.n - letters <= 2 && logs_is(t.p[letters], LOGS_DIGIT) &&
        logs_is(t.p[t.n - 1], LOGS_DIGIT)) {
        uint32_t h = 1;
        for (size_t i = 0; i < letters; i++)
            h = h * 16777619u + (uint8_t)t.p[i];
        v->stem = h | 1;
    }
}

bool logs_values_add(struct logs_values *t, struct str text, uint32_t *id, struct err *e)
{
    if (!mem_grow(&t->v, t->n, &t->cap, sizeof *t->v, e))
        return false;
    *id = (uint32_t)t->n;
    struct logs_value *v = &t->v[t->n++];
    *v = (struct logs_value){.text = text};
    if (*id != VALUE_ANY)
        describe(v);
    return true;
}

void logs_values_learn(struct logs_values *t)
{
    for (size_t i = 0; i < t->n; i++)
        t->v[i].learnt = t->v[i].varied;
}

void logs_values_clear(struct logs_values *t)
{
    mem_free(t->v);
    *t = (struct logs_values){0};
}

/* --- rows ----------------------------------------------------------------------------------------
 */

void logs_matrix_clear(struct logs_matrix *m)
{
    mem_free(m->cell);
    mem_free(m->rep);
    *m = (struct logs_matrix){0};
}

bool logs_matrix_add(struct logs_matrix *m, const uint32_t *value, uint32_t *row, struct err *e)
{
    size_t cap = m->cap_row;
    uint32_t width = m->n_col ? m->n_col : 1;
    if (!mem_grow(&m->cell, m->n_row, &cap, (size_t)width * sizeof *m->cell, e))
        return false;
    if (cap != m->cap_row) {
        mem_free(m->rep);
        m->rep = NULL; /* made when rows are settled */
        m->cap_row = cap;
    }
    if (m->n_col)
        memcpy(m->cell + m->n_row * width, value, m->n_col * sizeof *value);
    *row = (uint32_t)m->n_row++;
    return true;
}

static uint32_t *row_at(const struct logs_matrix *m, uint32_t row)
{
    return m->cell + (size_t)row * m->n_col;
}

const uint32_t *logs_matrix_row(const struct logs_matrix *m, uint32_t row)
{
    return row_at(m, m->rep ? m->rep[row] : row);
}

/* --- settling ------------------------------------------------------------------------------------
 */

struct item {
    uint64_t key;
    uint32_t value, row;
};

struct settle {
    struct logs_matrix *m;
    struct logs_values *values;
    enum place *place; /* [n_col] */
    uint32_t *live;    /* rows that stand for themselves */
    size_t n_live;
    uint64_t *sum;
    uint32_t *words; /* cells of a row that are words */
    struct item *item;
};

static uint64_t mix(uint32_t col, uint32_t value)
{
    uint64_t x = ((uint64_t)col << 32 | value) + 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static int by_key(const void *pa, const void *pb)
{
    const struct item *a = pa, *b = pb;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return a->value < b->value ? -1 : a->value > b->value;
}

static const struct logs_value *value_of(const struct settle *s, uint32_t id)
{
    return &s->values->v[id];
}

static void weigh(struct settle *s, uint32_t row)
{
    const uint32_t *cell = row_at(s->m, row);
    s->sum[row] = 0;
    s->words[row] = 0;
    for (uint32_t c = 0; c < s->m->n_col; c++) {
        s->sum[row] += mix(c, cell[c]);
        s->words[row] += value_of(s, cell[c])->word;
    }
}

static void set_any(struct settle *s, uint32_t row, uint32_t col)
{
    uint32_t *cell = row_at(s->m, row) + col;
    s->values->v[*cell].varied = true;
    *cell = VALUE_ANY;
}

/* Rows that became equal are one from now on. */
static void unite(struct settle *s)
{
    for (size_t i = 0; i < s->n_live; i++)
        s->item[i] = (struct item){s->sum[s->live[i]], s->live[i], s->live[i]};
    qsort(s->item, s->n_live, sizeof *s->item, by_key);
    size_t n = 0;
    for (size_t i = 0; i < s->n_live; i++)
        if (n && s->item[i].key == s->sum[s->live[n - 1]])
            s->m->rep[s->item[i].row] = s->live[n - 1];
        else
            s->live[n++] = s->item[i].row;
    s->n_live = n;
}

/* The place of each column, from the skeleton around it. */
static enum place place_at(struct str k, size_t i)
{
    char next = i + 1 < k.n ? k.p[i + 1] : 0, b = i ? k.p[i - 1] : 0, bb = i > 1 ? k.p[i - 2] : 0;
    char third = i + 3 < k.n ? k.p[i + 3] : 0;
    if (next == '=' ||
        (next == ' ' && i + 2 < k.n && k.p[i + 2] == '=' && (third == ' ' || third == SHAPE_SLOT)))
        return PLACE_KEY;
    if (b == '=' || (b == ':' && bb != ':'))
        return PLACE_VALUE;
    if ((b == ' ' && (bb == '=' || bb == ':')) || (b && memchr("\"'[{(<@#", b, 8)))
        return PLACE_QUOTED;
    if (next == ':')
        return PLACE_LABEL;
    return b == ' ' && bb == SHAPE_SLOT ? PLACE_NEXT : PLACE_PLAIN;
}

static void find_places(struct settle *s)
{
    struct str k = s->m->skeleton;
    uint32_t c = 0;
    for (size_t i = 0; i < k.n; i++)
        if (k.p[i] == SHAPE_SLOT)
            s->place[c++] = place_at(k, i);
}

/* Values of keys and identifiers, taken out together: what is equal then is one event. */
static bool is_soft(const struct settle *s, uint32_t col, uint32_t value)
{
    return value == VALUE_ANY ||
           (s->place[col] != PLACE_KEY && (s->place[col] == PLACE_VALUE || value_of(s, value)->id));
}

static bool soft_key(const struct settle *s, uint32_t row, uint64_t *key)
{
    const uint32_t *cell = row_at(s->m, row);
    uint32_t words = 0;
    *key = 0;
    for (uint32_t c = 0; c < s->m->n_col; c++) {
        bool soft = is_soft(s, c, cell[c]);
        *key += mix(c, soft ? VALUE_ANY : cell[c]);
        words += !soft && value_of(s, cell[c])->word;
    }
    return words > 0;
}

static void soften(struct settle *s, size_t from, size_t to)
{
    const uint32_t *first = row_at(s->m, s->item[from].row);
    for (uint32_t c = 0; c < s->m->n_col; c++) {
        if (!is_soft(s, c, first[c]))
            continue;
        uint32_t seen = first[c];
        size_t i = from + 1;
        while (i < to && row_at(s->m, s->item[i].row)[c] == seen)
            i++;
        for (size_t j = from; i < to && j < to; j++)
            set_any(s, s->item[j].row, c);
    }
}

static void settle_soft(struct settle *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_live; i++) {
        uint64_t key;
        if (soft_key(s, s->live[i], &key))
            s->item[n++] = (struct item){key, 0, s->live[i]};
    }
    qsort(s->item, n, sizeof *s->item, by_key);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && s->item[to].key == s->item[from].key; to++)
            ;
        if (to - from > 1)
            soften(s, from, to);
    }
    for (size_t i = 0; i < s->n_live; i++)
        weigh(s, s->live[i]);
    unite(s);
}

/* The rows of items [from, to) differ in this column only, and not all in nothing: how many values
 * it has, or 0 when they do not make it a variable. */
static uint32_t varies(const struct settle *s, uint32_t col, size_t from, size_t to)
{
    uint32_t n = 0, ids = 0, learnt = 0, seen[MANY_WORDS];
    bool any = false;
    for (size_t i = from; i < to; i++) {
        uint32_t v = s->item[i].value;
        if (i > from && v == s->item[i - 1].value)
            continue;
        if (n < MANY_WORDS)
            seen[n] = v;
        any = any || v <= VALUE_VAR;
        n++;
    }
    if (n < 2 || any || n >= MANY_WORDS)
        return n < 2 ? 0 : n;
    for (uint32_t i = 0; i < n; i++) {
        const struct logs_value *v = value_of(s, seen[i]);
        uint32_t kin = 0;
        for (uint32_t j = 0; v->stem && j < n; j++)
            kin += value_of(s, seen[j])->stem == v->stem;
        ids += v->id || kin >= STEM_WORDS;
        learnt += v->learnt;
    }
    bool named =
        s->place[col] == PLACE_NEXT && value_of(s, row_at(s->m, s->item[from].row)[col - 1])->names;
    bool many = named || s->place[col] == PLACE_VALUE || learnt == n ||
                (2 * ids >= n && s->place[col] != PLACE_LABEL);
    return many ? n : 0;
}

/* Sorts the rows by all but one column; returns how many items there are. */
static size_t sort_without(struct settle *s, uint32_t col)
{
    size_t n = 0;
    bool same = true;
    s->values->work += s->n_live;
    for (size_t i = 0; i < s->n_live; i++) {
        uint32_t row = s->live[i], v = row_at(s->m, row)[col];
        same = same && v == row_at(s->m, s->live[0])[col];
        if (s->words[row] > value_of(s, v)->word)
            s->item[n++] = (struct item){s->sum[row] - mix(col, v), v, row};
    }
    if (same)
        return 0;
    qsort(s->item, n, sizeof *s->item, by_key);
    return n;
}

/* The largest set of values in a column that vary; with `apply` all its sets become SHAPE_ANY. */
static uint32_t column(struct settle *s, uint32_t col, bool apply)
{
    uint32_t most = 0;
    size_t n = s->place[col] == PLACE_KEY ? 0 : sort_without(s, col);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && s->item[to].key == s->item[from].key; to++)
            ;
        uint32_t values = to - from > 1 ? varies(s, col, from, to) : 0;
        most = values > most ? values : most;
        for (size_t i = from; apply && values && i < to; i++) {
            set_any(s, s->item[i].row, col);
            weigh(s, s->item[i].row);
        }
    }
    return most;
}

static void settle_columns(struct settle *s)
{
    for (uint32_t round = 0; round < 4 * s->m->n_col + 16 && s->values->work < LIMIT_LOGS_WORK;
         round++) {
        uint32_t best = 0, at = 0;
        for (uint32_t c = 0; c < s->m->n_col && s->n_live > 1; c++) {
            uint32_t values = column(s, c, false);
            if (values > best) {
                best = values;
                at = c;
            }
        }
        if (!best)
            return;
        column(s, at, true);
        unite(s);
    }
}

/* Every row gets the row that stands for the one that stood for it. */
static void shorten(struct logs_matrix *m)
{
    for (size_t i = 0; i < m->n_row; i++) {
        uint32_t r = (uint32_t)i;
        while (m->rep[r] != r)
            r = m->rep[r];
        for (uint32_t j = (uint32_t)i; m->rep[j] != r;) {
            uint32_t next = m->rep[j];
            m->rep[j] = r;
            j = next;
        }
    }
}

bool logs_matrix_settle(struct logs_matrix *m, struct logs_values *values, struct err *e)
{
    struct settle s = {.m = m, .values = values};
    bool ok = false;
    if (m->n_row < 2 || !m->n_col)
        return true;
    if (!m->rep) {
        m->rep = mem_new(m->cap_row, sizeof *m->rep, e);
        for (size_t i = 0; m->rep && i < m->n_row; i++)
            m->rep[i] = (uint32_t)i;
    }
    s.place = mem_new(m->n_col, sizeof *s.place, e);
    s.live = s.place ? mem_new(m->n_row, sizeof *s.live, e) : NULL;
    s.sum = s.live ? mem_new(m->n_row, sizeof *s.sum, e) : NULL;
    s.words = s.sum ? mem_new(m->n_row, sizeof *s.words, e) : NULL;
    s.item = s.words ? mem_new(m->n_row, sizeof *s.item, e) : NULL;
    if (m->rep && s.item) {
        for (uint32_t i = 0; i < m->n_row; i++)
            if (m->rep[i] == i)
                s.live[s.n_live++] = i;
        find_places(&s);
        settle_soft(&s);
        settle_columns(&s);
        shorten(m);
        ok = true;
    }
    mem_free(s.place);
    mem_free(s.live);
    mem_free(s.sum);
    mem_free(s.words);
    mem_free(s.item);
    return ok;
}
