/* SPDX-License-Identifier: Apache-2.0 */
/* work/docs_find: see docs_find.h. */
#include "work/docs_find.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define RANKED 60u  /* of each way */
#define DAMPER 10.0 /* so few are shown that what is first either way must be among them */

struct merged {
    struct docs_hit v[2 * RANKED];
    uint32_t n;
};

static void merge(struct merged *m, const struct docs_hit *hit, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = 0;
        while (at < m->n && m->v[at].id != hit[i].id)
            at++;
        if (at == m->n)
            m->v[m->n++] = (struct docs_hit){.id = hit[i].id};
        m->v[at].score += 1.0 / (DAMPER + i + 1);
    }
}

static int by_score(const void *a, const void *b)
{
    const struct docs_hit *x = a, *y = b;
    if (x->score > y->score || x->score < y->score)
        return x->score > y->score ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

bool docs_find(struct docs_index *ix, struct str question, const float *vector, uint32_t n_vector,
               uint32_t most, struct docs_found *found, struct err *e)
{
    struct docs_hit hit[RANKED];
    struct merged m = {.n = 0};
    uint32_t n;
    memset(found, 0, sizeof *found);
    if (!docs_index_words(ix, question, hit, RANKED, &n, e))
        return false;
    merge(&m, hit, n);
    if (vector && !docs_index_near(ix, vector, n_vector, hit, RANKED, &n, e))
        return false;
    if (vector)
        merge(&m, hit, n);
    qsort(m.v, m.n, sizeof *m.v, by_score);
    for (uint32_t i = 0; i < m.n && i < most && i < DOCS_FOUND; i++) {
        if (!docs_index_get(ix, m.v[i].id, &found->v[i], e))
            return false;
        found->v[i].score = m.v[i].score;
        found->n++;
    }
    return true;
}

void docs_found_clear(struct docs_found *found)
{
    for (uint32_t i = 0; i < found->n; i++)
        docs_passage_clear(&found->v[i]);
    found->n = 0;
}
