/* SPDX-License-Identifier: Apache-2.0 */
/* serve/stats: see stats.h. */
#include "serve/stats.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

const double stats_bounds[STATS_BUCKETS - 1] = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300};

#define OTHER "other"
#define NONE  "none" /* no key came */

void stats_clear(struct stats *s)
{
    mem_free(s->series);
    mem_free(s->replies);
    *s = (struct stats){0};
}

/* --- of a model and a key ------------------------------------------------------------------------
 */

static bool begin_series(struct stats *s, const char *model, const char *key, uint32_t *at)
{
    if (s->n_series == STATS_SERIES ||
        !mem_grow(&s->series, s->n_series, &s->series_cap, sizeof *s->series, NULL))
        return false;
    struct stats_series *series = &s->series[s->n_series];
    *series = (struct stats_series){.model = model};
    snprintf(series->key, sizeof series->key, "%s", key);
    *at = (uint32_t)s->n_series++;
    return true;
}

static bool find(const struct stats *s, const char *model, const char *key, uint32_t *at)
{
    for (uint32_t i = 1; i < s->n_series; i++)
        if (strcmp(s->series[i].model, model) == 0 && strcmp(s->series[i].key, key) == 0) {
            *at = i;
            return true;
        }
    return false;
}

/* May this key have series of its own? */
static bool own_key(const struct stats *s, const char *key)
{
    uint32_t others = 0;
    for (uint32_t i = 1; i < s->n_series; i++) {
        bool seen = strcmp(s->series[i].key, key) == 0;
        for (uint32_t j = 1; !seen && j < i; j++)
            seen = strcmp(s->series[i].key, s->series[j].key) == 0;
        others += !seen;
        if (strcmp(s->series[i].key, key) == 0)
            return s->n_series < STATS_KEYED;
    }
    return others < STATS_KEYS && s->n_series < STATS_KEYED;
}

uint32_t stats_find(struct stats *s, const char *model, const char *key)
{
    uint32_t at = 0;
    const char *name = key[0] ? key : NONE;
    if (s->n_series == 0 && !begin_series(s, OTHER, OTHER, &at))
        return 0;
    if (find(s, model, name, &at))
        return at;
    if (key[0] && !own_key(s, name))
        name = OTHER;
    if (find(s, model, name, &at) || begin_series(s, model, name, &at))
        return at;
    return 0;
}

void stats_measure(struct stats *s, uint32_t series, enum stats_time what, double seconds,
                   uint64_t times)
{
    uint32_t at = 0;
    if (series >= s->n_series)
        return;
    struct histogram *h = &s->series[series].time[what];
    while (at < STATS_BUCKETS - 1 && seconds > stats_bounds[at])
        at++;
    h->n[at] += times;
    h->sum += seconds * (double)times;
}

void stats_add(struct stats *s, uint32_t series, enum stats_count what, uint64_t n)
{
    if (series < s->n_series)
        s->series[series].count[what] += n;
}

/* --- of all requests -----------------------------------------------------------------------------
 */

static void count_status(struct stats *s, int status)
{
    s->n_ok += status < 400;
    s->n_client_errors += status >= 400 && status < 499 && status != 429;
    s->n_gone += status == 499;
    s->n_busy += status == 429 || status == 503;
    s->n_server_errors += status >= 500 && status != 503;
}

static struct stats_reply *reply_of(struct stats *s, const char *method, const char *route,
                                    int status)
{
    for (size_t i = 0; i < s->n_replies; i++) {
        struct stats_reply *r = &s->replies[i];
        if (r->status == status && strcmp(r->route, route) == 0 && strcmp(r->method, method) == 0)
            return r;
    }
    if (s->n_replies == STATS_REPLIES ||
        !mem_grow(&s->replies, s->n_replies, &s->replies_cap, sizeof *s->replies, NULL))
        return NULL;
    s->replies[s->n_replies] = (struct stats_reply){route, method, status, 0};
    return &s->replies[s->n_replies++];
}

static void count_rejected(struct stats *s, const char *why)
{
    uint32_t i = 0;
    while (i < s->n_rejected && strcmp(s->rejected[i].why, why) != 0)
        i++;
    if (i == STATS_REASONS)
        return;
    if (i == s->n_rejected)
        s->rejected[s->n_rejected++].why = why;
    s->rejected[i].n++;
}

/* Refused before it was tried. */
static bool is_rejection(int status)
{
    return status == 401 || status == 403 || status == 413 || status == 429 || status == 503 ||
           status == 507;
}

void stats_reply(struct stats *s, const char *method, const char *route, int status,
                 const char *code)
{
    struct stats_reply *r = reply_of(s, method, route, status);
    if (r)
        r->n++;
    count_status(s, status);
    if (is_rejection(status))
        count_rejected(s, code ? code : OTHER);
}
