/* SPDX-License-Identifier: Apache-2.0 */
/* guard/key_usage: see key_usage.h. */
#include "guard/key_usage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"

void key_usages_clear(struct key_usages *u)
{
    mem_free(u->v);
    *u = (struct key_usages){0};
}

const struct key_usage *key_usages_find(const struct key_usages *u, const char *id)
{
    for (uint32_t i = 0; i < u->n; i++)
        if (strcmp(u->v[i].id, id) == 0)
            return &u->v[i];
    return NULL;
}

struct key_usage *key_usages_row(struct key_usages *u, const char *id)
{
    const struct key_usage *found = key_usages_find(u, id);
    if (found)
        return &u->v[found - u->v];
    if (u->n == LIMIT_KEYS || !key_id_valid(id) ||
        !mem_grow(&u->v, u->n, &u->cap, sizeof *u->v, NULL))
        return NULL;
    struct key_usage *row = &u->v[u->n++];
    *row = (struct key_usage){0};
    memcpy(row->id, id, KEY_ID + 1);
    return row;
}

void key_usage_sum(struct key_usage *to, const struct key_usage *more)
{
    if (more->last_use > to->last_use)
        to->last_use = more->last_use;
    to->requests += more->requests;
    to->refused += more->refused;
    to->prompt_tokens += more->prompt_tokens;
    to->completion_tokens += more->completion_tokens;
}

/* --- JSON ----------------------------------------------------------------------------------------
 */

json_t *key_usage_json(const struct key_usage *u)
{
    return json_pack("{sI sI sI sI sI}", "last_use", (json_int_t)u->last_use, "requests",
                     (json_int_t)u->requests, "refused", (json_int_t)u->refused, "prompt_tokens",
                     (json_int_t)u->prompt_tokens, "completion_tokens",
                     (json_int_t)u->completion_tokens);
}

json_t *key_usages_json(const struct key_usages *u)
{
    json_t *all = json_object();
    for (uint32_t i = 0; i < u->n; i++)
        json_object_set_new(all, u->v[i].id, key_usage_json(&u->v[i]));
    return all;
}

static uint64_t count_of(const json_t *j, const char *name)
{
    json_int_t v = json_integer_value(json_object_get(j, name));
    return v > 0 ? (uint64_t)v : 0;
}

bool key_usages_take(struct key_usages *u, const json_t *j, struct err *e)
{
    const char *id;
    json_t *one;
    if (!json_is_object(j))
        return fail(e, ERR_CORRUPT, "is no list of what keys have used");
    json_object_foreach((json_t *)(uintptr_t)j, id, one)
    {
        struct key_usage *row = key_id_valid(id) ? key_usages_row(u, id) : NULL;
        const struct key_usage more = {
            .last_use = (int64_t)count_of(one, "last_use"),
            .requests = count_of(one, "requests"),
            .refused = count_of(one, "refused"),
            .prompt_tokens = count_of(one, "prompt_tokens"),
            .completion_tokens = count_of(one, "completion_tokens"),
        };
        if (!row)
            return fail(e, ERR_CORRUPT, "is no list of what keys have used");
        key_usage_sum(row, &more);
    }
    return true;
}

/* --- the file ------------------------------------------------------------------------------------
 */

bool key_usages_read(struct key_usages *u, const char *path, struct err *e)
{
    *u = (struct key_usages){0};
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return true;
    json_t *j = json_read_file(path, LIMIT_KEYS_BYTES, e);
    bool ok = j && (key_usages_take(u, json_object_get(j, "keys"), e) || err_at(e, "%s", path));
    json_decref(j);
    if (!ok)
        key_usages_clear(u);
    return ok;
}

static bool write_file(const struct key_usages *u, const char *path, struct err *e)
{
    json_t *j = json_pack("{so}", "keys", key_usages_json(u));
    bool ok = json_write_file(j, path, LIMIT_KEYS_BYTES, 0600, e);
    json_decref(j);
    return ok;
}

static void put_aside(const char *path)
{
    char bad[4096];
    int n = snprintf(bad, sizeof bad, "%s.bad", path);
    if (n > 0 && (size_t)n < sizeof bad)
        (void)rename(path, bad);
}

/* What counts of both: rows of keys that there still are. */
static bool sum(struct key_usages *out, const struct key_usages *there,
                const struct key_usages *more, const struct keys *keys, struct err *e)
{
    for (uint32_t i = 0; i < keys->n; i++) {
        const struct key_usage *a = key_usages_find(there, keys->v[i].id);
        const struct key_usage *b = key_usages_find(more, keys->v[i].id);
        struct key_usage *row = a || b ? key_usages_row(out, keys->v[i].id) : NULL;
        if ((a || b) && !row)
            return fail(e, ERR_LIMIT, "out of memory");
        if (a)
            key_usage_sum(row, a);
        if (b)
            key_usage_sum(row, b);
    }
    return true;
}

bool key_usages_add(struct key_usages *u, const struct keys *keys, const char *path, struct err *e)
{
    char lock_path[4096];
    struct os_lock lock = {.fd = -1};
    struct key_usages there = {0}, all = {0};
    int n = snprintf(lock_path, sizeof lock_path, "%s.lock", path);
    if (n < 0 || (size_t)n >= sizeof lock_path)
        return fail(e, ERR_USAGE, "%s: the path is too long", path);
    if (!os_lock_open(&lock, lock_path, e))
        return false;
    bool ok = key_usages_read(&there, path, e);
    if (!ok && (e->code == ERR_CORRUPT || e->code == ERR_USAGE || e->code == ERR_LIMIT)) {
        put_aside(path);
        ok = true;
    }
    ok = ok && sum(&all, &there, u, keys, e) && write_file(&all, path, e);
    os_lock_close(&lock);
    key_usages_clear(&there);
    if (ok) {
        key_usages_clear(u);
        *u = all;
    } else {
        key_usages_clear(&all);
    }
    return ok;
}
