/* SPDX-License-Identifier: Apache-2.0 */
/* ops/verdict: see verdict.h. */
#include "ops/verdict.h"

#include "base/err.h"

struct check *verdict_add(struct verdict *v, const char *id, const char *title,
                          enum check_level level)
{
    must(v->n < CHECKS_MAX); /* each is added once, by our own code */
    struct check *c = &v->check[v->n++];
    *c = (struct check){.id = id, .title = title, .level = level};
    return c;
}

void verdict_of(struct verdict *v, const struct host *h, const struct measured *m,
                const struct forecast f[FORECASTS])
{
    *v = (struct verdict){0};
    verdict_machine(v, h, m);
    verdict_disk(v, h, m, f);
    verdict_surroundings(v, h);
}

uint32_t verdict_low(const struct verdict *v)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < v->n; i++)
        n += v->check[i].level == CHECK_LOW;
    return n;
}

uint32_t verdict_mendable(const struct verdict *v)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < v->n; i++)
        n += v->check[i].remedy != REMEDY_NONE;
    return n;
}
