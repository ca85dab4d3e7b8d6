/* SPDX-License-Identifier: Apache-2.0 */
/* serve/tally: see tally.h. */
#include "serve/tally.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static struct tally_row *row_of(struct tally *t, const char *model)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->v[i].model, model) == 0)
            return &t->v[i];
    if (t->n == TALLY_MOST || !mem_grow(&t->v, t->n, &t->cap, sizeof *t->v, NULL))
        return NULL;
    struct tally_row *row = &t->v[t->n++];
    *row = (struct tally_row){0};
    snprintf(row->model, sizeof row->model, "%s", model);
    return row;
}

void tally_add(struct tally *t, const char *model, uint64_t bytes)
{
    struct tally_row *row = row_of(t, model);
    if (!row)
        return;
    row->requests++;
    row->bytes += bytes;
}

json_t *tally_json(const struct tally *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->n; i++)
        json_array_append_new(list, json_pack("{ss sI sI}", "model", t->v[i].model, "requests",
                                              (json_int_t)t->v[i].requests, "bytes",
                                              (json_int_t)t->v[i].bytes));
    return list;
}

void tally_clear(struct tally *t)
{
    mem_free(t->v);
    *t = (struct tally){0};
}
