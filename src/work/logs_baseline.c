/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_baseline: see logs_baseline.h. */
#include "work/logs_baseline.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/os.h"

static bool load_events(struct logs_baseline *b, const json_t *events, struct err *e)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)events, key, value)
    {
        char *own = arena_copy(&b->text, str_of(key), e);
        json_int_t n = json_integer_value(value);
        if (!own || !map_put(&b->events, str_of(own),
                             n > 0 && n < UINT32_MAX ? (uint32_t)n : UINT32_MAX, e))
            return false;
    }
    return true;
}

static bool load_counts(struct logs_normal *t, bool step, const json_t *counts, struct err *e)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)counts, key, value)
    {
        json_int_t n = json_integer_value(value);
        if (n < 1 || n > INT32_MAX)
            return fail(e, ERR_CORRUPT, "the count of \"%s\" is not a number of sessions", key);
        if (!logs_normal_put(t, step, str_of(key), (uint32_t)n, e))
            return false;
    }
    return true;
}

bool logs_baseline_load(struct logs_baseline *b, const char *path, struct err *e)
{
    *b = (struct logs_baseline){0};
    json_t *j = json_read_file(path, LIMIT_JSON_BYTES, e);
    if (!j)
        return false;
    json_int_t lines = json_integer_value(json_object_get(j, "lines"));
    json_int_t sessions = json_integer_value(json_object_get(j, "sessions"));
    bool ok = json_integer_value(json_object_get(j, "format")) == 1 && lines >= 0 &&
              sessions >= 0 && sessions < INT32_MAX && json_is_object(json_object_get(j, "events"));
    if (!ok)
        fail(e, ERR_CORRUPT, "%s is no baseline of moat logs find", path);
    b->lines = (uint64_t)lines;
    b->normal.n = (uint32_t)sessions;
    ok = ok && load_events(b, json_object_get(j, "events"), e) &&
         load_counts(&b->normal, false, json_object_get(j, "vectors"), e) &&
         load_counts(&b->normal, true, json_object_get(j, "steps"), e);
    json_decref(j);
    if (!ok)
        logs_baseline_clear(b);
    return ok;
}

static json_t *counts_of(const struct logs_tally *t)
{
    json_t *j = json_object();
    for (size_t i = 0; i < t->ids.cap; i++) {
        const struct map_slot *s = &t->ids.slots[i];
        if (s->key.p)
            json_object_setn_new(j, s->key.p, s->key.n, json_integer(t->count[s->value]));
    }
    return j;
}

bool logs_baseline_save(const struct logs_source *source, size_t n,
                        const struct logs_normal *normal, const char *path, struct err *e)
{
    json_t *events = json_object();
    uint64_t lines = 0;
    struct os_atomic_file f;
    struct buf out;
    for (size_t i = 0; i < n; i++) {
        lines += source[i].mine.n_line;
        for (size_t k = 0; k < source[i].mine.events.n; k++) {
            const struct logs_event *v = &source[i].mine.events.v[k];
            json_int_t sum = json_integer_value(json_object_get(events, v->id));
            json_object_set_new(events, v->id, json_integer(sum + (json_int_t)v->count));
        }
    }
    json_t *j = json_pack("{s:i,s:I,s:o,s:I,s:o,s:o}", "format", 1, "lines", (json_int_t)lines,
                          "events", events, "sessions", (json_int_t)normal->n, "vectors",
                          counts_of(&normal->vectors), "steps", counts_of(&normal->steps));
    buf_init(&out, LIMIT_JSON_BYTES);
    bool ok = j ? json_write(j, JSON_COMPACT | JSON_SORT_KEYS, &out, e)
                : fail(e, ERR_LIMIT, "not enough memory for the events");
    if (ok && (ok = os_atomic_open(&f, path, e))) {
        ok = os_atomic_write(&f, out.p, out.n, e) && os_atomic_commit(&f, e);
        os_atomic_close(&f);
    }
    json_decref(j);
    buf_clear(&out);
    return ok;
}

void logs_baseline_clear(struct logs_baseline *b)
{
    map_clear(&b->events);
    logs_normal_clear(&b->normal);
    arena_clear(&b->text);
    *b = (struct logs_baseline){0};
}
