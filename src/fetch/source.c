/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/source: see source.h. */
#include "fetch/source.h"

#include <string.h>

#include "base/os.h"
#include "fetch/retry.h"

enum { MOST = 255, CALM = 16 };

bool source_init(struct source *s, const char *url, struct err *e)
{
    struct hash h;
    struct str text = str_of(url);
    *s = (struct source){.url = url, .most = MOST, .asked = true};
    if (!url_parse(&s->parsed, url, e) || !hash_of(&text, 1, &h, e))
        return false;
    memcpy(s->known.id, h.b, JOURNAL_ID);
    return true;
}

bool source_usable(const struct source *s, uint64_t now_ns)
{
    uint32_t most = s->whole ? 1 : s->most;
    return s->asked && !s->out && s->ready_ns <= now_ns && s->active < most;
}

const char *source_address(const struct source *s)
{
    return s->effective[0] ? s->effective : s->url;
}

struct source *source_first(struct source *v, uint32_t n, int except, uint64_t now_ns)
{
    for (uint32_t i = 0; i < n; i++)
        if ((int)i != except && source_usable(&v[i], now_ns))
            return &v[i];
    return NULL;
}

/* What one more connection to it may bring; those that come first are liked better. */
static double promise(const struct source *s)
{
    return s->rate / (1 + s->active);
}

struct source *source_best(struct source *v, uint32_t n, int except, uint64_t now_ns)
{
    struct source *best = NULL;
    for (uint32_t i = 0; i < n; i++) {
        if ((int)i == except || !source_usable(&v[i], now_ns))
            continue;
        if (v[i].rate == 0 && v[i].active == 0)
            return &v[i];
        if (!best || promise(&v[i]) > 1.2 * promise(best))
            best = &v[i];
    }
    return best;
}

void source_worked(struct source *s, uint64_t bytes, uint64_t ns)
{
    s->failures = 0;
    s->told = false;
    if (++s->calm >= CALM && s->most < MOST) {
        s->most++;
        s->calm = 0;
    }
    if (ns == 0 || bytes < HASH_LEAF_BYTES / 4)
        return;
    double rate = (double)bytes * 1e9 / (double)ns;
    s->rate = s->rate > 0 ? (s->rate + rate) / 2 : rate;
}

void source_failed(struct source *s, uint64_t asked_s, uint64_t now_ns)
{
    uint32_t random = 0;
    if (!os_random(&random, sizeof random, NULL))
        random = 0; /* no scatter then */
    s->failures++;
    s->calm = 0;
    if (s->active > 0)
        s->most = s->active;
    s->ready_ns = now_ns + retry_pause_ns(s->failures, asked_s, random);
}
