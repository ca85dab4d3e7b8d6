/* SPDX-License-Identifier: Apache-2.0 */
/* store/import: see import.h. */
#include "store/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "store/publish.h"
#include "store/signed.h"

struct job {
    const struct import_request *q;
    struct import_result *r;
    struct store store;
    struct blob_writer blob;
    int fd;
    uint64_t file_size;
    struct wheel_member member;
};

enum kind { KIND_OTHER, KIND_GGUF, KIND_ZIP };

static bool open_source(struct job *j, enum kind *kind, struct err *e)
{
    const char *path = j->q->path;
    struct stat st;
    char magic[4];
    j->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not make us wait */
    if (j->fd < 0 || fstat(j->fd, &st) != 0)
        return os_fail_open(path, e);
    if (!S_ISREG(st.st_mode))
        return fail(e, ERR_USAGE, "%s is not a regular file", path);
    j->file_size = (uint64_t)st.st_size;
    *kind = KIND_OTHER;
    if (pread(j->fd, magic, sizeof magic, 0) == sizeof magic)
        *kind = memcmp(magic, "GGUF", 4) == 0         ? KIND_GGUF
                : memcmp(magic, "PK\x03\x04", 4) == 0 ? KIND_ZIP
                                                      : KIND_OTHER;
    if (*kind == KIND_OTHER)
        return fail(e, ERR_UNSUPPORTED, "%s is neither a GGUF file nor a wheel or zip file", path);
    if (*kind == KIND_GGUF && j->q->member)
        return fail(e, ERR_USAGE, "%s is a GGUF file and has no members", path);
    return true;
}

static bool take_chunk(void *arg, const void *p, size_t n, struct err *e)
{
    struct job *j = arg;
    return blob_write(&j->blob, p, n, e) &&
           store_progress(&j->q->progress, j->blob.n, j->member.size, e);
}

static bool fill_blob(struct job *j, enum kind kind, struct err *e)
{
    const char *path = j->q->path;
    if (kind == KIND_GGUF)
        return blob_begin(&j->blob, &j->store, 0, e) &&
               blob_copy(&j->blob, j->fd, path, j->file_size, &j->q->progress, &j->r->shared, e);
    return wheel_find(j->fd, path, j->q->member, &j->member, e) &&
           blob_begin(&j->blob, &j->store, j->member.size, e) &&
           wheel_stream(j->fd, path, &j->member, take_chunk, j, e);
}

static bool check_digest(struct job *j, struct err *e)
{
    struct import_result *r = j->r;
    if (!blob_digest(&j->blob, &r->digest, e))
        return false;
    r->size = j->blob.n;
    if (j->q->expected && strcmp(j->q->expected->hex, r->digest.hex) != 0)
        return fail(e, ERR_CORRUPT, "%s: its SHA-256 is %s, not %s; download it again", j->q->path,
                    r->digest.hex, j->q->expected->hex);
    return true;
}

static bool check_signed(const struct job *j, struct err *e)
{
    return !j->q->list || signed_file(j->q->list, j->blob.file.fd, j->q->path, NULL, e);
}

/* "/where/it/was.whl!member.gguf" */
static char *describe_source(const struct job *j, struct err *e)
{
    char *path = realpath(j->q->path, NULL), *text;
    size_t n = strlen(path ? path : j->q->path) + strlen(j->member.name) + 2;
    text = mem_new(n, 1, e);
    if (text)
        snprintf(text, n, "%s%s%s", path ? path : j->q->path, j->member.name[0] ? "!" : "",
                 j->member.name);
    if (text)
        str_make_printable(text); /* JSON takes no other bytes */
    free(path);
    return text;
}

static bool place(void *arg, const struct digest *d, struct err *e)
{
    struct job *j = arg;
    return blob_commit(&j->blob, d, e);
}

static json_t *share(const json_t *j)
{
    return json_incref((json_t *)(uintptr_t)j);
}

static bool publish(struct job *j, struct err *e)
{
    struct publication p = {.store = &j->store,
                            .m = {.name = j->q->name,
                                  .digest = j->r->digest,
                                  .size = j->r->size,
                                  .source = describe_source(j, e),
                                  .settings = share(j->q->settings),
                                  .opening = share(j->q->opening),
                                  .licence = share(j->q->licence),
                                  .signer = j->q->list ? json_string(j->q->list->signer) : NULL},
                            .place = place,
                            .arg = j};
    bool ok = p.m.source && publish_model(&p, e);
    j->r->replaced = p.replaced;
    manifest_clear(&p.m);
    return ok;
}

bool import_model(const struct import_request *q, struct import_result *r, struct err *e)
{
    struct job j = {.q = q, .r = r, .fd = -1, .blob.file.fd = -1};
    enum kind kind = KIND_OTHER;
    *r = (struct import_result){0};
    bool ok = open_source(&j, &kind, e) && store_open(&j.store, true, e) &&
              fill_blob(&j, kind, e) && check_digest(&j, e) && check_signed(&j, e) &&
              publish_check(j.blob.file.fd, q->path, NULL, r->architecture, e) && publish(&j, e);
    snprintf(r->member, sizeof r->member, "%s", j.member.name);
    blob_abort(&j.blob);
    if (j.fd >= 0)
        close(j.fd);
    return ok;
}
