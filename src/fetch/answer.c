/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/answer: see answer.h. */
#include "fetch/answer.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

bool answer_content_range(struct str value, uint64_t *from, uint64_t *to, uint64_t *total)
{
    struct str first, last;
    if (value.n < 6 || strncasecmp(value.p, "bytes ", 6) != 0)
        return false;
    value = str_trim(str_from(value, 6));
    return str_cut(&value, '-', &first) && str_cut(&value, '/', &last) && str_to_u64(first, from) &&
           str_to_u64(last, to) && str_to_u64(value, total) && *from <= *to && *to < *total;
}

/* The one form servers write: "Sun, 06 Nov 1994 08:49:37 GMT". */
static bool http_date(struct str value, int64_t *out)
{
    char text[64];
    struct tm t = {0};
    if (value.n >= sizeof text)
        return false;
    memcpy(text, value.p, value.n);
    text[value.n] = '\0';
    const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &t);
    if (!end || *end)
        return false;
    *out = (int64_t)timegm(&t);
    return true;
}

bool answer_retry_after(struct str value, int64_t now, uint64_t *seconds)
{
    int64_t at;
    if (str_to_u64(value, seconds))
        return true;
    if (!http_date(value, &at))
        return false;
    *seconds = at > now ? (uint64_t)(at - now) : 0;
    return true;
}

/* A value that is too long to compare, or holds what cannot be sent back, is none. */
static void copy_text(char *out, size_t cap, struct str value)
{
    bool ok = value.n < cap;
    for (size_t i = 0; ok && i < value.n; i++)
        ok = (unsigned char)value.p[i] >= 0x20 && value.p[i] != 0x7f;
    if (ok)
        memcpy(out, value.p, value.n);
    out[ok ? value.n : 0] = '\0';
}

static void field(struct answer *a, struct str name, struct str value, int64_t now)
{
    char key[32];
    if (name.n >= sizeof key)
        return;
    for (size_t i = 0; i < name.n; i++)
        key[i] = name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] + 32) : name.p[i];
    struct str k = {key, name.n};
    if (str_is(k, "content-length"))
        a->has_length = str_to_u64(value, &a->length);
    else if (str_is(k, "content-range"))
        a->has_range = answer_content_range(value, &a->from, &a->to, &a->total);
    else if (str_is(k, "retry-after"))
        a->has_retry = answer_retry_after(value, now, &a->retry_s);
    else if (str_is(k, "content-encoding"))
        a->encoded = !str_is(value, "identity") && value.n;
    else if (str_is(k, "etag"))
        copy_text(a->etag, sizeof a->etag, value);
    else if (str_is(k, "last-modified"))
        copy_text(a->modified, sizeof a->modified, value);
    else if (str_is(k, "location"))
        copy_text(a->location, sizeof a->location, value);
    else if (str_is(k, "www-authenticate"))
        copy_text(a->challenge, sizeof a->challenge, value);
}

static void status_line(struct answer *a, struct str line)
{
    struct str version;
    uint64_t status = 0;
    *a = (struct answer){0};
    if (str_cut(&line, ' ', &version) && line.n >= 3 && str_to_u64(str_sub(line, 0, 3), &status))
        a->status = (int)status;
}

void answer_line(struct answer *a, struct str line, int64_t now)
{
    struct str name;
    line = str_trim(line);
    if (str_starts(line, STR("HTTP/"))) {
        status_line(a, line);
        return;
    }
    size_t colon = str_find(line, STR(":"));
    if (colon == SIZE_MAX)
        return;
    name = str_sub(line, 0, colon);
    field(a, name, str_trim(str_from(line, colon + 1)), now);
}

const char *answer_validator(const struct answer *a)
{
    size_t n = strlen(a->etag);
    return n >= 2 && a->etag[0] == '"' && a->etag[n - 1] == '"' ? a->etag : "";
}
