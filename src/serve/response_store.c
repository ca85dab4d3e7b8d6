/* SPDX-License-Identifier: Apache-2.0 */
/* serve/response_store: see response_store.h. */
#include "serve/response_store.h"

#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"

struct kept_response {
    struct kept_response *older, *newer;
    char key[KEY_ID + 1], id[RESPONSE_ID];
    uint64_t used_ns;
    struct buf text;
};

static size_t size_of(const struct kept_response *k)
{
    return k->text.cap + sizeof *k;
}

static void unlink_kept(struct response_store *s, struct kept_response *k)
{
    *(k->older ? &k->older->newer : &s->oldest) = k->newer;
    *(k->newer ? &k->newer->older : &s->newest) = k->older;
    s->n--;
    s->bytes -= size_of(k);
}

static void link_newest(struct response_store *s, struct kept_response *k)
{
    k->older = s->newest;
    k->newer = NULL;
    *(s->newest ? &s->newest->newer : &s->oldest) = k;
    s->newest = k;
    s->n++;
    s->bytes += size_of(k);
}

static void drop(struct response_store *s, struct kept_response *k)
{
    unlink_kept(s, k);
    buf_clear(&k->text);
    mem_free(k);
}

void response_store_clear(struct response_store *s)
{
    while (s->oldest)
        drop(s, s->oldest);
}

static void drop_unused(struct response_store *s, uint64_t now_ns)
{
    while (s->oldest && now_ns - s->oldest->used_ns > RESPONSE_STORE_S * 1000000000ull)
        drop(s, s->oldest);
}

static struct kept_response *find(const struct response_store *s, const char *key, struct str id)
{
    for (struct kept_response *k = s->newest; k; k = k->older)
        if (str_is(id, k->id) && strcmp(k->key, key) == 0)
            return k;
    return NULL;
}

/* The longest unused one of this key, and what its all take. */
static struct kept_response *oldest_of(const struct response_store *s, const char *key, size_t *all)
{
    struct kept_response *oldest = NULL;
    *all = 0;
    for (struct kept_response *k = s->newest; k; k = k->older)
        if (strcmp(k->key, key) == 0) {
            oldest = k;
            *all += size_of(k);
        }
    return oldest;
}

static void make_room(struct response_store *s, size_t max, const char *key, size_t more)
{
    size_t all;
    struct kept_response *own = oldest_of(s, key, &all);
    while (own && all + more > max / RESPONSE_STORE_SHARE) {
        struct kept_response *next = own->newer;
        all -= size_of(own);
        drop(s, own);
        while (next && strcmp(next->key, key) != 0)
            next = next->newer;
        own = next;
    }
    while (s->oldest && (s->bytes + more > max || s->n >= RESPONSE_STORE_MOST))
        drop(s, s->oldest);
}

bool response_store_put(struct response_store *s, size_t max, const char *key, const char *id,
                        const json_t *object, uint64_t now_ns)
{
    struct err ignored;
    struct kept_response *k = mem_new(1, sizeof *k, &ignored);
    drop_unused(s, now_ns);
    if (!k)
        return false;
    buf_init(&k->text, max / RESPONSE_STORE_SHARE);
    if (!json_write(object, JSON_COMPACT, &k->text, &ignored) ||
        size_of(k) > max / RESPONSE_STORE_SHARE) {
        buf_clear(&k->text);
        mem_free(k);
        return false;
    }
    strncpy(k->key, key, sizeof k->key - 1);
    strncpy(k->id, id, sizeof k->id - 1);
    k->used_ns = now_ns;
    make_room(s, max, key, size_of(k));
    link_newest(s, k);
    return true;
}

json_t *response_store_get(struct response_store *s, const char *key, struct str id,
                           uint64_t now_ns)
{
    struct err ignored;
    drop_unused(s, now_ns);
    struct kept_response *k = find(s, key, id);
    if (!k)
        return NULL;
    unlink_kept(s, k);
    k->used_ns = now_ns;
    link_newest(s, k);
    return json_parse(buf_view(&k->text), "response", &ignored);
}

bool response_store_remove(struct response_store *s, const char *key, struct str id)
{
    struct kept_response *k = find(s, key, id);
    if (k)
        drop(s, k);
    return k != NULL;
}
