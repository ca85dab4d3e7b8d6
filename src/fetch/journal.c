/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/journal: see journal.h. */
#include "fetch/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#define MAGIC   "MOATPULL"
#define VERSION 1u

enum kind { KIND_FILE = 1, KIND_BOOT, KIND_SOURCE, KIND_DONE, KIND_FORGET, KIND_SYNC };
enum { HEAD = 4, SUM = 8, PAYLOAD_MAX = 512 };

static uint64_t get(const char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = n; i-- > 0;)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

static void put(char *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(v >> 8 * i);
}

/* --- reading ------------------------------------------------------------------------------- */

struct record {
    uint64_t at; /* where it begins */
    unsigned kind;
    struct str payload;
};

/* The next record that holds; false at the end of what does. */
static bool next_record(struct str bytes, uint64_t *at, struct record *r)
{
    struct hash sum;
    if (bytes.n - *at < HEAD + SUM)
        return false;
    const char *p = bytes.p + *at;
    size_t n = (size_t)get(p + 2, 2);
    if (n > PAYLOAD_MAX || bytes.n - *at - HEAD - SUM < n)
        return false;
    struct str summed = {p, HEAD + n};
    if (!hash_of(&summed, 1, &sum, NULL) || memcmp(sum.b, p + HEAD + n, SUM) != 0)
        return false;
    *r = (struct record){*at, (unsigned)get(p, 2), {p + HEAD, n}};
    *at += HEAD + n + SUM;
    return true;
}

static bool read_file_record(const struct record *r, struct journal_state *s, struct err *e)
{
    const char *p = r->payload.p;
    if (r->kind != KIND_FILE || r->payload.n != 20 || memcmp(p, MAGIC, 8) != 0 ||
        get(p + 8, 4) != VERSION)
        return true; /* not ours: nothing is known */
    uint64_t size = get(p + 12, 8);
    if (size == 0 || size > LIMIT_PULL_BYTES)
        return true;
    if (!pieces_init(&s->pieces, size, e))
        return false;
    s->checked = mem_new(s->pieces.n, 1, e);
    return s->checked != NULL;
}

static void read_source(const struct record *r, struct journal_state *s)
{
    size_t n = r->payload.n;
    unsigned number = n >= 2 ? (unsigned char)r->payload.p[0] : LIMIT_PULL_SOURCES;
    if (n < 2 + JOURNAL_ID || n >= 2 + JOURNAL_ID + ANSWER_TEXT || number > s->n_source ||
        number >= LIMIT_PULL_SOURCES)
        return;
    struct journal_source *to = &s->source[number];
    *to = (struct journal_source){.out = r->payload.p[1] != 0};
    memcpy(to->id, r->payload.p + 2, JOURNAL_ID);
    memcpy(to->validator, r->payload.p + 2 + JOURNAL_ID, n - 2 - JOURNAL_ID);
    s->n_source += number == s->n_source;
}

static void read_piece(const struct record *r, struct journal_state *s, bool durable)
{
    bool done = r->kind == KIND_DONE;
    if (r->payload.n != (done ? 10u : 8u))
        return;
    uint64_t piece = get(r->payload.p, 8);
    if (piece >= s->pieces.n)
        return;
    unsigned source = done ? (unsigned char)r->payload.p[8] : 0;
    if (!done) {
        pieces_forget(&s->pieces, piece);
    } else if (durable && source < s->n_source) {
        pieces_set_done(&s->pieces, piece, (uint8_t)source);
        s->checked[piece] = r->payload.p[9] != 0;
    }
}

/* How much of the journal is on the disk together with the bytes it speaks of. */
static uint64_t synced(struct str bytes)
{
    uint64_t at = 0, most = 0;
    for (struct record r; next_record(bytes, &at, &r);) {
        uint64_t to = r.kind == KIND_SYNC && r.payload.n == 8 ? get(r.payload.p, 8) : 0;
        if (to <= r.at && to > most)
            most = to;
    }
    return most;
}

bool journal_parse(struct str bytes, const char *boot, struct journal_state *s, struct err *e)
{
    struct record r;
    bool this_boot = false;
    *s = (struct journal_state){0};
    if (!next_record(bytes, &s->n, &r))
        return true;
    if (!read_file_record(&r, s, e)) {
        journal_clear(s);
        return false;
    }
    if (!s->checked) {
        journal_clear(s);
        return true;
    }
    uint64_t on_disk = synced(bytes);
    while (next_record(bytes, &s->n, &r)) {
        if (r.kind == KIND_BOOT)
            this_boot = boot[0] && str_is(r.payload, boot);
        else if (r.kind == KIND_SOURCE)
            read_source(&r, s);
        else if (r.kind == KIND_DONE || r.kind == KIND_FORGET)
            read_piece(&r, s, this_boot || r.at < on_disk);
    }
    return true;
}

void journal_clear(struct journal_state *s)
{
    pieces_clear(&s->pieces);
    mem_free(s->checked);
    *s = (struct journal_state){0};
}

/* --- writing ------------------------------------------------------------------------------- */

static bool cannot(struct err *e)
{
    return fail(e, ERR_IO, "cannot write the record of an unfinished pull: %s", strerror(errno));
}

static bool append(int fd, enum kind kind, const void *p, size_t n, struct err *e)
{
    char record[HEAD + PAYLOAD_MAX + SUM];
    struct hash sum;
    must(n <= PAYLOAD_MAX);
    put(record, kind, 2);
    put(record + 2, n, 2);
    memcpy(record + HEAD, p, n);
    if (!hash_of(&(struct str){record, HEAD + n}, 1, &sum, e))
        return false;
    memcpy(record + HEAD + n, sum.b, SUM);
    size_t all = HEAD + n + SUM;
    ssize_t done;
    while ((done = write(fd, record, all)) < 0 && errno == EINTR)
        ;
    if (done >= 0 && (size_t)done < all)
        errno = ENOSPC;
    return done == (ssize_t)all || cannot(e);
}

static void read_boot(char boot[JOURNAL_BOOT])
{
    struct buf text;
    buf_init(&text, JOURNAL_BOOT - 1);
    bool ok = buf_read_file(&text, "/proc/sys/kernel/random/boot_id", NULL);
    struct str id = ok ? str_trim(buf_view(&text)) : STR("");
    memcpy(boot, id.n ? id.p : "", id.n);
    boot[id.n] = '\0';
    buf_clear(&text);
}

static bool note_boot(int fd, struct err *e)
{
    char boot[JOURNAL_BOOT];
    read_boot(boot);
    return append(fd, KIND_BOOT, boot, strlen(boot), e);
}

static bool read_all(int fd, struct buf *out, struct err *e)
{
    char chunk[65536];
    for (;;) {
        ssize_t n = pread(fd, chunk, sizeof chunk, (off_t)out->n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(e, ERR_IO, "cannot read the record of an unfinished pull: %s",
                        strerror(errno));
        if (n == 0 || out->n + (size_t)n > out->max)
            return true;
        buf_add(out, chunk, (size_t)n);
        if (out->bad)
            return buf_ok(out, "journal", e);
    }
}

bool journal_open(int fd, struct journal_state *s, struct err *e)
{
    struct buf bytes;
    char boot[JOURNAL_BOOT];
    *s = (struct journal_state){0};
    buf_init(&bytes, LIMIT_PULL_JOURNAL);
    read_boot(boot);
    bool ok = read_all(fd, &bytes, e) && journal_parse(buf_view(&bytes), boot, s, e);
    buf_clear(&bytes);
    if (!ok)
        return false;
    if (ftruncate(fd, s->pieces.n ? (off_t)s->n : 0) != 0)
        return cannot(e);
    return s->pieces.n == 0 || note_boot(fd, e);
}

bool journal_begin(int fd, uint64_t size, struct err *e)
{
    char p[20];
    memcpy(p, MAGIC, 8);
    put(p + 8, VERSION, 4);
    put(p + 12, size, 8);
    if (ftruncate(fd, 0) != 0)
        return cannot(e);
    return append(fd, KIND_FILE, p, sizeof p, e) && note_boot(fd, e);
}

bool journal_note_source(int fd, uint8_t number, const struct journal_source *s, struct err *e)
{
    char p[2 + JOURNAL_ID + ANSWER_TEXT];
    size_t n = strlen(s->validator);
    p[0] = (char)number;
    p[1] = s->out;
    memcpy(p + 2, s->id, JOURNAL_ID);
    memcpy(p + 2 + JOURNAL_ID, s->validator, n);
    return append(fd, KIND_SOURCE, p, 2 + JOURNAL_ID + n, e);
}

bool journal_note_done(int fd, uint64_t piece, uint8_t source, bool checked, struct err *e)
{
    char p[10];
    put(p, piece, 8);
    p[8] = (char)source;
    p[9] = checked;
    return append(fd, KIND_DONE, p, sizeof p, e);
}

bool journal_note_forget(int fd, uint64_t piece, struct err *e)
{
    char p[8];
    put(p, piece, 8);
    return append(fd, KIND_FORGET, p, sizeof p, e);
}

bool journal_sync(int fd, int data_fd, struct err *e)
{
    struct stat st;
    char p[8];
    if (fstat(fd, &st) != 0 || fdatasync(data_fd) != 0)
        return cannot(e);
    put(p, (uint64_t)st.st_size, 8);
    return st.st_size == 0 ||
           (append(fd, KIND_SYNC, p, sizeof p, e) && (fdatasync(fd) == 0 || cannot(e)));
}
