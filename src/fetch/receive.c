/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/receive: see receive.h. */
#include "fetch/receive.h"

#include <string.h>

#include "fetch/fetch_private.h"

void receive_init(struct receiver *r, struct document *d, size_t most)
{
    *d = (struct document){0};
    buf_init(&d->body, most);
    *r = (struct receiver){.d = d, .most = most};
}

static size_t on_head(char *p, size_t size, size_t n, void *arg)
{
    struct receiver *r = arg;
    r->head_bytes += size * n;
    answer_line(&r->answer, (struct str){p, size * n}, 0);
    return r->head_bytes > LIMIT_ANSWER_HEAD ? 0 : size * n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct receiver *r = arg;
    buf_add(&r->d->body, p, size * n);
    return r->d->body.bad ? 0 : size * n;
}

void receive_options(CURL *h, struct receiver *r)
{
    curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(h, CURLOPT_HEADERDATA, r);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, r);
}

bool receive_end(struct receiver *r, CURLcode code, struct err *e)
{
    struct document *d = r->d;
    d->status = r->answer.status;
    memcpy(d->challenge, r->answer.challenge, sizeof d->challenge);
    memcpy(d->location, r->answer.location, sizeof d->location);
    if (code == CURLE_OK)
        return true;
    if (r->why.code != ERR_NONE && e)
        *e = r->why;
    else if (d->body.bad)
        fail(e, ERR_LIMIT, "it is longer than %zu bytes", r->most);
    else
        fetch_describe(code, e);
    buf_clear(&d->body);
    return false;
}
