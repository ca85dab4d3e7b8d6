/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/fetch_leaves: the hash tree of a file that is fetched, and small files.
 *
 * FILE.leaves holds the hashes of all leaves one after another, 32 bytes each. Any source may bring
 * it: only the one that gives the root the caller knows is taken. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "fetch/fetch_private.h"
#include "fetch/receive.h"

enum { DOCUMENT_STALL_S = 20 };

/* --- small files --------------------------------------------------------------------------- */

struct small_file {
    struct receiver answer;
    enum transfer_reach reach;
};

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct small_file *s = arg;
    (void)purpose;
    return transfer_open(&s->reach, a, &s->answer.why);
}

static CURLcode perform(CURL *h, struct small_file *s, const struct fetch_job *q)
{
    char accept[512];
    struct curl_slist *headers = curl_slist_append(NULL, "Accept-Encoding: identity");
    snprintf(accept, sizeof accept, "Accept: %s", q->accept ? q->accept : "*/*");
    struct curl_slist *all = curl_slist_append(headers, accept);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (all && transfer_options(h, q, q->url[0])) {
        curl_easy_setopt(h, CURLOPT_HTTPHEADER, all);
        receive_options(h, &s->answer);
        curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, on_socket);
        curl_easy_setopt(h, CURLOPT_OPENSOCKETDATA, s);
        curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, (long)DOCUMENT_STALL_S);
        code = curl_easy_perform(h);
    }
    curl_slist_free_all(headers);
    return code;
}

bool fetch_document(const struct fetch_job *q, size_t most, struct document *d, struct err *e)
{
    struct small_file s = {.reach = q->outer ? REACH_PUBLIC : REACH_UNKNOWN};
    CURL *h = curl_easy_init();
    receive_init(&s.answer, d, most);
    CURLcode code = h ? perform(h, &s, q) : CURLE_OUT_OF_MEMORY;
    curl_easy_cleanup(h);
    d->outer = s.reach == REACH_PUBLIC;
    return receive_end(&s.answer, code, e);
}

/* --- the tree ------------------------------------------------------------------------------ */

static bool parse_root(const char *text, struct hash *out)
{
    for (size_t i = 0; i < 2 * HASH_BYTES; i++) {
        char c = text[i];
        int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (v < 0)
            return false;
        out->b[i / 2] = (uint8_t)(i % 2 ? out->b[i / 2] | v : v << 4);
    }
    return text[2 * HASH_BYTES] == '\0';
}

/* Takes the leaves of one source where they give the root. */
static bool take_leaves(struct fetch *f, struct str text, const struct hash *root, struct err *e)
{
    struct hash got;
    uint64_t n = text.n / HASH_BYTES;
    if (n == 0 || text.n % HASH_BYTES)
        return fail(e, ERR_CORRUPT, "its leaves of the hash tree are damaged");
    struct hash *leaf = mem_new(n, sizeof *leaf, e);
    if (!leaf)
        return false;
    memcpy(leaf, text.p, text.n);
    bool ok =
        hash_root(leaf, n, &got, e) &&
        (hash_eq(&got, root) || fail(e, ERR_CORRUPT, "its leaves of the hash tree are damaged"));
    if (!ok) {
        mem_free(leaf);
        return false;
    }
    f->leaf = leaf;
    f->n_leaf = n;
    return true;
}

/* "https://host/file.gguf?x" -> "https://host/file.gguf.leaves?x" */
static bool leaves_url(const char *url, char out[LIMIT_URL_BYTES])
{
    size_t n = strcspn(url, "?#");
    int length = snprintf(out, LIMIT_URL_BYTES, "%.*s.leaves%s", (int)n, url, url + n);
    return length > 0 && (size_t)length < LIMIT_URL_BYTES;
}

static bool leaves_of(struct fetch *f, const struct source *s, const struct hash *root,
                      struct err *e)
{
    char url[LIMIT_URL_BYTES];
    struct document d;
    struct fetch_job q = *f->q;
    q.url[0] = url;
    q.accept = NULL;
    if (!leaves_url(s->url, url))
        return fail(e, ERR_LIMIT, "its address is too long");
    if (!fetch_document(&q, LIMIT_PULL_BYTES / HASH_LEAF_BYTES * HASH_BYTES, &d, e))
        return false;
    f->received += d.body.n;
    bool ok = d.status == 200
                  ? take_leaves(f, buf_view(&d.body), root, e)
                  : fail(e, ERR_NOT_FOUND, "it has no leaves of the hash tree (HTTP status %d)",
                         d.status);
    buf_clear(&d.body);
    return ok;
}

bool fetch_leaves(struct fetch *f, struct err *e)
{
    struct hash root;
    if (!f->q->root)
        return true;
    if (strlen(f->q->root) != 2 * HASH_BYTES || !parse_root(f->q->root, &root))
        return fail(e, ERR_USAGE, "the root of a hash tree has 64 hexadecimal digits");
    for (uint32_t i = 0; !f->leaf && i < f->n_source; i++) {
        struct source *s = &f->source[i];
        struct err why = {0};
        if (s->asked && !s->out && !leaves_of(f, s, &root, &why))
            fetch_note(f, s, &why);
    }
    if (f->leaf && f->j.pieces.n && f->j.pieces.n != f->n_leaf)
        journal_clear(&f->j); /* what is there is another file */
    return true;
}

bool fetch_check_old(struct fetch *f, struct err *e)
{
    struct pieces *p = &f->j.pieces;
    struct hash h;
    char *piece = f->leaf ? mem_new(HASH_LEAF_BYTES, 1, e) : NULL;
    bool ok = !f->leaf || piece;
    for (uint64_t i = 0; piece && ok && i < p->n; i++) {
        if (p->state[i] != PIECE_DONE || (f->j.checked[i] && !f->q->mismatch))
            continue;
        uint64_t n = pieces_bytes(p, i);
        bool good = os_read_at(f->data_fd, piece, n, i * HASH_LEAF_BYTES) == n &&
                    hash_leaf(piece, n, &h, NULL) && hash_eq(&h, &f->leaf[i]);
        if (good)
            ok = journal_note_done(f->journal_fd, i, p->from[i], true, e);
        else
            ok = journal_note_forget(f->journal_fd, i, e);
        if (!good)
            pieces_forget(p, i);
    }
    mem_free(piece);
    return ok;
}
