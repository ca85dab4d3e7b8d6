/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/transfer: see transfer.h. */
#include "fetch/transfer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/mem.h"
#include "base/os.h"
#include "fetch/reach.h"
#include "fetch/url.h"

enum { CONNECT_S = 20, REDIRECTS = 10, BUFFER = 256 << 10, BUFFER_LIMITED = 16 << 10 };

/* --- what comes ---------------------------------------------------------------------------- */

static size_t on_head(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    n *= size;
    t->head_bytes += n;
    t->last_ns = os_now_ns();
    if (t->head_bytes > LIMIT_ANSWER_HEAD) {
        fail(&t->why, ERR_NETWORK, "the head of its answer does not end");
        return 0;
    }
    answer_line(&t->answer, (struct str){p, n}, (int64_t)time(NULL));
    return n;
}

static bool wanted(const struct transfer *t, uint64_t piece)
{
    return piece >= t->run.first && piece < t->run.end &&
           t->owner->pieces->state[piece] != PIECE_DONE;
}

bool transfer_is_done(const struct transfer *t)
{
    const struct pieces *p = t->owner->pieces;
    uint64_t at = t->run.first;
    while (at < t->run.end && at < p->n && p->state[at] == PIECE_DONE)
        at++;
    return p->n && at == t->run.end;
}

/* A piece counts only if all of it was gathered: others may finish or forget it meanwhile. */
static void gather(struct transfer *t, uint64_t at, uint64_t off, const char *p, size_t n)
{
    if (off == 0)
        t->filled = 0;
    if (off != t->filled || !wanted(t, at))
        return;
    memcpy(t->piece + off, p, n);
    t->filled += n;
}

static bool hand_over(struct transfer *t, uint64_t at)
{
    t->filled = 0;
    return !wanted(t, at) || t->owner->piece(t->owner->arg, t, at);
}

/* Cuts what came into pieces; false where the transfer is to end. */
static bool feed(struct transfer *t, const char *p, size_t n)
{
    const struct pieces *all = t->owner->pieces;
    while (n) {
        uint64_t at = t->pos / HASH_LEAF_BYTES, off = t->pos % HASH_LEAF_BYTES;
        if (at >= t->run.end || at >= all->n) {
            t->complete = true; /* others have taken the rest over, or more came than asked for */
            return false;
        }
        uint64_t left = pieces_bytes(all, at) - off;
        size_t take = n < left ? n : (size_t)left;
        gather(t, at, off, p, take);
        t->pos += take;
        p += take;
        n -= take;
        if (t->filled == pieces_bytes(all, at) && !hand_over(t, at))
            return false;
    }
    return true;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    uint64_t now = os_now_ns();
    n *= size;
    if (!t->judged) {
        t->judged = true;
        if (!t->owner->judge(t->owner->arg, t))
            return 0;
    }
    if (!bucket_take(t->owner->bucket, n, now)) {
        t->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    t->bytes += n;
    t->last_ns = now;
    return feed(t, p, n) ? n : 0;
}

curl_socket_t transfer_open(enum transfer_reach *reach, const struct curl_sockaddr *a,
                            struct err *why)
{
    if (a->family == AF_UNIX) /* the caller named it, and no answer can */
        return socket(AF_UNIX, a->socktype | SOCK_CLOEXEC, 0);
    bool inner = reach_is_inner(&a->addr, (socklen_t)a->addrlen);
    if (*reach == REACH_UNKNOWN)
        *reach = inner ? REACH_INNER : REACH_PUBLIC;
    if (*reach == REACH_PUBLIC && inner) {
        fail(why, ERR_DENIED, "it redirects into a private network");
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct transfer *t = arg;
    (void)purpose;
    return transfer_open(t->reach, a, &t->why);
}

void transfer_resume(struct transfer *t)
{
    t->paused = false;
    t->last_ns = os_now_ns();
    curl_easy_pause(t->easy, CURLPAUSE_CONT);
}

/* --- what is asked ------------------------------------------------------------------------- */

static bool set_text(CURL *h, CURLoption option, const char *text)
{
    return !text || curl_easy_setopt(h, option, text) == CURLE_OK;
}

const char *transfer_bearer(const struct fetch_job *q, const char *url)
{
    struct url u;
    if (q->n_auth == 0 || !url_parse(&u, url, NULL))
        return NULL;
    for (uint32_t i = 0; i < q->n_auth; i++)
        if (strcmp(q->auth[i].origin, u.origin) == 0)
            return q->auth[i].bearer;
    return NULL;
}

bool transfer_options(CURL *h, const struct fetch_job *q, const char *url)
{
    const char *bearer = transfer_bearer(q, url);
    bool tls = strncmp(url, "http:", 5) != 0;
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1); /* one each */
    curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(h, CURLOPT_MAXREDIRS, (long)REDIRECTS);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(h, CURLOPT_BUFFERSIZE, q->limit_rate ? (long)BUFFER_LIMITED : (long)BUFFER);
    /* What came over TLS is not gone on with in the clear. */
    return set_text(h, CURLOPT_PROTOCOLS_STR, "http,https") &&
           set_text(h, CURLOPT_REDIR_PROTOCOLS_STR, tls ? "https" : "http,https") &&
           set_text(h, CURLOPT_USERAGENT, "moat/" MOAT_VERSION) && set_text(h, CURLOPT_URL, url) &&
           set_text(h, CURLOPT_PROXY, q->proxy) &&
           set_text(h, CURLOPT_UNIX_SOCKET_PATH, q->socket) && set_text(h, CURLOPT_CAINFO, q->ca) &&
           (!bearer || (curl_easy_setopt(h, CURLOPT_HTTPAUTH, CURLAUTH_BEARER) == CURLE_OK &&
                        set_text(h, CURLOPT_XOAUTH2_BEARER, bearer)));
}

static bool add_header(struct transfer *t, const char *text)
{
    struct curl_slist *longer = curl_slist_append(t->headers, text);
    if (longer)
        t->headers = longer;
    return longer != NULL;
}

/* The bytes of the run, its end included; the end of the file is the server's to cut. */
static bool set_range(struct transfer *t, const char *validator)
{
    char range[64], header[ANSWER_TEXT + 16];
    snprintf(range, sizeof range, "%" PRIu64 "-%" PRIu64, t->run.first * HASH_LEAF_BYTES,
             t->run.end * HASH_LEAF_BYTES - 1);
    snprintf(header, sizeof header, "If-Range: %s", validator);
    return set_text(t->easy, CURLOPT_RANGE, range) && (!validator[0] || add_header(t, header));
}

static bool set_up(struct transfer *t, const struct fetch_job *q, const char *url,
                   const char *validator, bool whole)
{
    if (!t->easy || !transfer_options(t->easy, q, url) ||
        !add_header(t, "Accept-Encoding: identity") || (!whole && !set_range(t, validator)))
        return false;
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
    curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    return true;
}

struct transfer *transfer_new(const struct fetch_job *q, struct transfer_owner *owner,
                              const char *url, struct run run, const char *validator, bool whole,
                              enum transfer_reach *reach, struct err *e)
{
    struct transfer *t = mem_new(1, sizeof *t, e);
    if (!t)
        return NULL;
    t->owner = owner;
    t->reach = reach;
    t->run = t->asked = run;
    t->pos = run.first * HASH_LEAF_BYTES;
    t->start_ns = t->last_ns = os_now_ns();
    t->piece = mem_new(HASH_LEAF_BYTES, 1, e);
    t->easy = t->piece ? curl_easy_init() : NULL;
    if (t->piece && set_up(t, q, url, validator, whole))
        return t;
    if (t->piece)
        fail(e, ERR_LIMIT, "not enough memory for a connection");
    transfer_free(t);
    return NULL;
}

void transfer_free(struct transfer *t)
{
    if (!t)
        return;
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    mem_free(t->piece);
    mem_free(t);
}
