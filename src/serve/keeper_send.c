/* SPDX-License-Identifier: Apache-2.0 */
/* serve/keeper_send: what goes back to the front; see keeper_private.h and keeper_answer.h. */
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "serve/audit_line.h"
#include "serve/keeper_answer.h"
#include "serve/keeper_docs.h"
#include "serve/keeper_private.h"
#include "serve/log.h"
#include "serve/packet.h"

#define FILE_TYPE "application/octet-stream"

enum { USE_NOTED_S = 60 }; /* that a model is used is noted so often, at most */

static void send_packet(struct keeper *k, json_t *j, int fd)
{
    struct err e;
    if (!packet_send(k->line, j, fd, true, &e))
        log_event("keeper-line", "%s", e.msg);
    json_decref(j);
}

void keeper_refuse(struct keeper *k, json_int_t id, const struct err *e, const char *word)
{
    send_packet(
        k,
        json_pack("{sI si ss ss*}", "id", id, "code", (int)e->code, "error", e->msg, "word", word),
        -1);
}

void keeper_note(struct keeper *k, const char *phase, const struct errand *w, const char *what)
{
    bool ended = strcmp(phase, "end") == 0;
    if (audit_line_expected())
        send_packet(k,
                    json_pack("{s{ss ss ss ss* ss* sI}}", "note", "act", "through", "phase", phase,
                              "id", w->key, "what", what, "outcome",
                              !ended                    ? NULL
                              : w->err.code == ERR_NONE ? "ok"
                                                        : err_name(w->err.code),
                              "bytes", (json_int_t)(ended ? w->received : w->size)),
                    -1);
}

struct file {
    int fd; /* taken; -1: the head only */
    uint64_t size;
    const char *type, *tag, *model;
    json_t *headers; /* taken */
};

static bool send_file(const struct asked *a, const struct file *f)
{
    send_packet(a->k,
                json_pack("{sI si sI ss ss ss* so*}", "id", a->id, "status", 200, "size",
                          (json_int_t)f->size, "type", f->type, "tag", f->tag, "model", f->model,
                          "headers", f->headers),
                f->fd);
    if (f->fd >= 0)
        close(f->fd);
    return true;
}

bool send_text(const struct asked *a, const struct buf *text, const char *type, json_t *headers,
               struct err *e)
{
    struct digest d;
    int fd = -1;
    if (!digest_of(&d, buf_view(text), e) || (fd = os_memory_file(buf_view(text), e)) < 0) {
        json_decref(headers);
        return false;
    }
    return send_file(a, &(struct file){fd, text->n, type, d.hex, NULL, headers});
}

bool send_json(const struct asked *a, json_t *j, struct err *e)
{
    struct buf text;
    buf_init(&text, LIMIT_JSON_BYTES);
    bool ok = j ? json_write(j, JSON_COMPACT, &text, e) : fail(e, ERR_LIMIT, "memory is short");
    json_decref(j);
    ok = ok && send_text(a, &text, "application/json", NULL, e);
    buf_clear(&text);
    return ok;
}

/* For the quota: what was asked for lately stays longest. */
static void note_use(const struct asked *a, const struct manifest *m)
{
    const struct store *s = &a->k->shelf.store;
    if (m->through && (int64_t)time(NULL) - manifest_used(s, &m->name) / 1000000000 >= USE_NOTED_S)
        manifest_use(s, &m->name);
}

bool send_blob(const struct asked *a, const struct manifest *m, json_t *headers, struct err *e)
{
    struct os_file_id id;
    int fd = blob_open(&a->k->shelf.store, &m->digest, e);
    bool ok = fd >= 0 && os_file_id(fd, &id, e);
    if (ok && id.bytes != m->size)
        ok = fail(e, ERR_CORRUPT, "the file of %s has another size than it should; moat verify %s",
                  m->name.text, m->name.text);
    if (ok) {
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        note_use(a, m);
        return send_file(
            a, &(struct file){fd, id.bytes, FILE_TYPE, m->digest.hex, m->name.text, headers});
    }
    json_decref(headers);
    if (fd >= 0)
        close(fd);
    return false;
}

bool send_head(const struct asked *a, const struct listing_file *f, json_t *headers)
{
    return send_file(a, &(struct file){-1, f->size, FILE_TYPE, f->digest.hex, NULL, headers});
}

bool send_open(const struct asked *a, int fd, uint64_t size, const char *tag)
{
    return send_file(a, &(struct file){fd, size, FILE_TYPE, tag, NULL, NULL});
}

/* Or why upstream could not help. */
bool no_model(const struct asked *a, struct err *e)
{
    if (!a->tried || a->tried->code == ERR_NONE)
        return fail(e, ERR_NOT_FOUND,
                    "there is no such model here; GET /models lists those there are");
    *e = *a->tried;
    return false;
}
