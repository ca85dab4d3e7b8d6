/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/encoded_grid: see encoded_grid.h. */
#include "compute/quant/encoded_grid.h"

#include <math.h>

enum { DIMS = 8, RUNS = 8 /* of a group */ };

/* The codebook as the searches want it, moved up and down: values, squares, and the sums of those
 * where all weights matter alike. */
struct book {
    float values[DIMS * GRID_ENTRIES]; /* moved up */
    float squares[GRID_SHIFTS][DIMS * GRID_ENTRIES];
    float plain[GRID_SHIFTS][GRID_ENTRIES];
    struct fit_grid grid, square_grid[GRID_SHIFTS];
    uint32_t n_shifts;
};

/* The sums of the runs of one group over all entries: b twice that of weight, value and entry moved
 * up, which less `lower` is that of the entry moved down; a that of weight and square. */
struct group {
    uint32_t n_runs;
    float b[RUNS][GRID_ENTRIES], lower[RUNS];
    float a[GRID_SHIFTS][RUNS][GRID_ENTRIES];
    bool weighted;
};

/* What a group comes to under one scale. */
struct choice {
    float error, b, a; /* error: less that of zeros; b, a: sums of the chosen entries */
    uint16_t entry[RUNS];
    bool down[RUNS];
};

static void make_book(const struct fit_kernels *f, const struct grid_plan *p, struct book *k)
{
    static const float ones[DIMS] = {1, 1, 1, 1, 1, 1, 1, 1};
    k->n_shifts = p->shift > 0 ? 2 : 1;
    for (uint32_t s = 0; s < k->n_shifts; s++) {
        float shift = s ? -p->shift : p->shift;
        for (uint32_t i = 0; i < p->n * p->dims; i++) {
            float v = p->signs == GRID_SIGNED ? (float)(int8_t)p->entries[i] : (float)p->entries[i];
            uint32_t at = i % p->dims * p->n + i / p->dims;
            if (s == 0)
                k->values[at] = v + shift;
            k->squares[s][at] = (v + shift) * (v + shift);
        }
        k->square_grid[s] = (struct fit_grid){k->squares[s], p->n, p->dims};
        f->grid_sums(&k->square_grid[s], ones, 1, k->plain[s], GRID_ENTRIES);
    }
    k->grid = (struct fit_grid){k->values, p->n, p->dims};
}

/* Signs of eight weights; where an odd number is negative and must not be, the one that matters
 * least changes its sign. */
static uint8_t signs_of(const struct grid_plan *p, const float *x, const float *w)
{
    uint8_t bits = 0;
    uint32_t least = 0, n = 0;
    float cost = INFINITY;
    for (uint32_t j = 0; j < 8; j++) {
        float c = (w ? w[j] : 1) * x[j] * x[j];
        if (x[j] < 0) {
            bits |= (uint8_t)(1u << j);
            n++;
        }
        if (c < cost) {
            cost = c;
            least = j;
        }
    }
    return p->signs == GRID_EVEN && n % 2 ? bits ^ (uint8_t)(1u << least) : bits;
}

static void load_group(const struct fit_kernels *f, const struct grid_plan *p, const struct book *k,
                       const float *y, const float *w, struct group *g)
{
    g->n_runs = p->group / p->dims;
    g->weighted = w != NULL;
    float wy[RUNS * DIMS] = {0};
    for (uint32_t r = 0; r < g->n_runs; r++) {
        g->lower[r] = 0;
        for (uint32_t j = r * p->dims; j < (r + 1) * p->dims; j++) {
            wy[j] = 2 * (w ? w[j] * y[j] : y[j]);
            g->lower[r] += 2 * p->shift * wy[j];
        }
    }
    f->grid_sums(&k->grid, wy, g->n_runs, g->b[0], GRID_ENTRIES);
    for (uint32_t s = 0; w && s < k->n_shifts; s++)
        f->grid_sums(&k->square_grid[s], w, g->n_runs, g->a[s][0], GRID_ENTRIES);
}

static const float *a_of(const struct book *k, const struct group *g, uint32_t s, uint32_t r)
{
    return g->weighted ? g->a[s][r] : k->plain[s];
}

/* All runs first..last moved by shift s. */
static float choose_runs(const struct fit_kernels *f, const struct grid_plan *p,
                         const struct book *k, const struct group *g, float scale, uint32_t s,
                         uint32_t first, uint32_t last, struct choice *c)
{
    float error = 0;
    for (uint32_t r = first; r < last; r++) {
        uint32_t entry;
        error += scale * f->grid_best(g->b[r], a_of(k, g, s, r), p->n, scale, &entry);
        error += s ? scale * g->lower[r] : 0;
        c->entry[r] = (uint16_t)entry;
        c->down[r] = s;
    }
    return error;
}

static void choose(const struct fit_kernels *f, const struct grid_plan *p, const struct book *k,
                   const struct group *g, float scale, struct choice *c)
{
    uint32_t alike = k->n_shifts > 1 ? p->shift_runs : g->n_runs;
    *c = (struct choice){0};
    for (uint32_t first = 0; first < g->n_runs; first += alike) {
        uint32_t last = first + alike < g->n_runs ? first + alike : g->n_runs;
        struct choice other;
        float error = choose_runs(f, p, k, g, scale, 0, first, last, c);
        if (k->n_shifts > 1) {
            float down = choose_runs(f, p, k, g, scale, 1, first, last, &other);
            for (uint32_t r = first; down < error && r < last; r++) {
                c->entry[r] = other.entry[r];
                c->down[r] = true;
            }
            error = down < error ? down : error;
        }
        c->error += error;
    }
    for (uint32_t r = 0; r < g->n_runs; r++) {
        c->b += 0.5f * (g->b[r][c->entry[r]] - (c->down[r] ? g->lower[r] : 0));
        c->a += a_of(k, g, c->down[r], r)[c->entry[r]];
    }
}

/* The best scale of a group by itself. */
static float scale_of(const struct fit_kernels *f, const struct grid_plan *p, const struct book *k,
                      const struct group *g, const float *y)
{
    float most = 0, best = 0, gain = 0, scale = 0;
    struct choice c;
    for (uint32_t j = 0; j < p->group; j++)
        most = fmaxf(most, fabsf(y[j]));
    if (!(most > 1e-30f))
        return 0;
    for (uint32_t t = 0; t <= GRID_TRIES; t++) { /* the last: the best once more */
        scale = t < GRID_TRIES ? most / (p->largest * p->tries[t]) : best;
        choose(f, p, k, g, scale, &c);
        float won = c.b > 0 && c.a > 0 ? c.b / c.a * c.b : 0;
        if (won > gain) {
            gain = won;
            best = c.b / c.a;
        }
    }
    return best;
}

static float level_of(const struct grid_plan *p, float i)
{
    return p->level + p->step * i;
}

/* The level below the scale or that above it: under which the error is less. */
static void settle(const struct fit_kernels *f, const struct grid_plan *p, const struct book *k,
                   const struct group *g, float d, float scale, uint8_t *level, struct choice *best)
{
    float top = (float)p->n_levels - 1, at = d > 0 ? (scale / d - p->level) / p->step : 0;
    int below = at > 0 ? (int)fminf(at, top) : 0;
    *level = (uint8_t)below;
    choose(f, p, k, g, d * level_of(p, (float)below), best);
    if ((float)below < top && at > 0) {
        struct choice c;
        choose(f, p, k, g, d * level_of(p, (float)below + 1), &c);
        if (c.error < best->error) {
            *best = c;
            *level = (uint8_t)(below + 1);
        }
    }
}

struct room { /* too large for comfort on a stack, but for a thread of one's own */
    struct book book;
    struct group group;
};

static void encode_block(const struct fit_kernels *f, const struct grid_plan *p, struct room *m,
                         const float *x, const float *w, struct grid_block *out)
{
    float y[256], scale[16], most = 0, xa = 0, aa = 0;
    uint32_t n_groups = 256 / p->group, runs = p->group / p->dims;
    for (uint32_t i = 0; i < 32; i++)
        out->negative[i] =
            p->signs == GRID_SIGNED ? 0 : signs_of(p, x + 8 * i, w ? w + 8 * i : NULL);
    for (uint32_t j = 0; j < 256; j++)
        y[j] = out->negative[j / 8] >> j % 8 & 1 ? -x[j] : x[j];
    for (uint32_t i = 0; i < n_groups; i++) {
        const float *here = y + i * p->group;
        load_group(f, p, &m->book, here, w ? w + i * p->group : NULL, &m->group);
        scale[i] = scale_of(f, p, &m->book, &m->group, here);
        most = fmaxf(most, scale[i]);
    }
    float d = half(f32_to_f16(fminf(most / level_of(p, (float)p->n_levels - 1), 65504)));
    for (uint32_t i = 0; i < n_groups; i++) {
        struct choice c = {0};
        load_group(f, p, &m->book, y + i * p->group, w ? w + i * p->group : NULL, &m->group);
        settle(f, p, &m->book, &m->group, d, scale[i], &out->level[i], &c);
        float level = level_of(p, out->level[i]);
        xa += level * c.b;
        aa += level * level * c.a;
        for (uint32_t r = 0; r < runs; r++) {
            out->entry[i * runs + r] = c.entry[r];
            out->moved_down[i * runs + r] = c.down[r];
        }
    }
    out->d = d > 0 && xa > 0 && aa > 0 ? fminf(xa / aa, 65504) : d;
}

void encode_grid(const struct fit_kernels *f, const struct grid_plan *p, const float *x,
                 const float *w, uint32_t n, struct grid_block *out)
{
    struct room m;
    make_book(f, p, &m.book);
    for (uint32_t i = 0; i < n / 256; i++)
        encode_block(f, p, &m, x + 256 * i, w ? w + 256 * i : NULL, &out[i]);
}
