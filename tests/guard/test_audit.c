/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: what is written is read again, in order, by the auditors alone; writers take
 * turns; segments and epochs follow each other; and whatever is changed afterwards is found.
 *
 * usage: test_audit write DIR N BATCH   appends to a log, for scripts */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/os.h"
#include "guard/audit_private.h"
#include "guard/audit_rig.h"

static void must_read(const char *dir, struct audit_report *r)
{
    struct err e = {0};
    if (!rig_read(dir, r, &e))
        fail_msg("%s", e.msg);
}

static struct audit *must_open(const char *dir)
{
    struct audit *a;
    struct err e = {0};
    if (!audit_open(&a, dir, "test", &e))
        fail_msg("%s", e.msg);
    return a;
}

/* Records from..to-1, `batch` of them a flush. */
static void write_some(const char *dir, int from, int to, int batch)
{
    struct err e = {0};
    struct audit *a = must_open(dir);
    for (int i = from; i < to; i++) {
        assert_true(rig_append(a, i, &e));
        if ((i - from) % batch == batch - 1 && !audit_commit(a, &e))
            fail_msg("%s", e.msg);
    }
    assert_true(audit_commit(a, &e));
    audit_close(a);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct audit_report r;
    rig_start(16u << 20, 60);
    write_some(rig.dir, 0, 100, 7);
    must_read(rig.dir, &r);
    assert_int_equal(rig_missing(100), -1);
    assert_int_equal(r.records, 102); /* open and close */
    assert_int_equal(r.sessions, 1);
    assert_int_equal(r.unclosed, 0);
    assert_int_equal(r.tail_bytes, 0);
    assert_true(r.anchored);
    rig_stop();
}

static void test_segments_and_epochs(void **state)
{
    (void)state;
    struct audit_report r;
    struct err e = {0};
    rig_start(4096, 1);
    struct audit *a = must_open(rig.dir);
    for (int i = 0; i < 200; i++) {
        a->signer.since = 0; /* each flush is late */
        assert_true(rig_append(a, i, &e) && audit_commit(a, &e));
    }
    audit_close(a);
    must_read(rig.dir, &r);
    assert_int_equal(rig_missing(200), -1);
    assert_true(r.segments > 5);
    assert_true(r.epochs >= 200);
    assert_int_equal(r.unclosed, 0); /* each session was gone on with */
    rig_stop();
}

/* Two writers with their files open, by turns; and processes at the same time. */
static void test_writers_take_turns(void **state)
{
    (void)state;
    struct audit_report r;
    struct err e = {0};
    rig_start(8192, 1);
    struct audit *a = must_open(rig.dir), *b = must_open(rig.dir);
    for (int i = 0; i < 60; i++) {
        struct audit *w = i % 3 ? a : b;
        w->signer.since -= i % 5 == 0 ? 10 : 0;
        if (!rig_append(w, i, &e) || !audit_commit(w, &e))
            fail_msg("%s", e.msg);
    }
    audit_close(b);
    audit_close(a);
    for (int k = 0; k < 4; k++)
        if (fork() == 0) {
            write_some(rig.dir, 60 + 50 * k, 110 + 50 * k, 3);
            _exit(0);
        }
    for (int status; wait(&status) > 0;)
        assert_int_equal(status, 0);
    must_read(rig.dir, &r);
    assert_int_equal(rig_missing(260), -1);
    assert_int_equal(r.unclosed, 0);
    rig_stop();
}

static void test_only_auditors_read(void **state)
{
    (void)state;
    struct audit_report r;
    struct err e = {0};
    rig_start(16u << 20, 60);
    write_some(rig.dir, 0, 10, 10);
    struct audit_identity right = rig.identity;
    assert_true(audit_identity_make(&rig.identity, &e));
    assert_false(rig_read(rig.dir, &r, &e)); /* unread: 12 */
    assert_int_equal(rig_missing(1), 0);
    rig.identity = right;
    must_read(rig.dir, &r);
    assert_int_equal(rig_missing(10), -1);
    rig_stop();
}

static void test_keys_as_text(void **state)
{
    (void)state;
    /* the pair of the age specification's test suite */
    static const char public[] = "age1xmwwc06ly3ee5rytxm9mflaz2u56jjj36s0mypdrwsvlul66mv4q47ryef",
                      secret[] = "AGE-SECRET-KEY-1XMWWC06LY3EE5RYTXM9MFLAZ2U56JJJ36S0MYPDRWSVLUL66"
                                 "MV4QX3S7F6";
    char path[] = "/tmp/moat-audit-key-XXXXXX", text[AUDIT_KEY_TEXT];
    uint8_t key[AUDIT_KEY];
    struct audit_identity id;
    struct err e;
    (void)secret;
    assert_true(audit_recipient_parse(STR(public), key, &e));
    audit_recipient_text(key, text);
    assert_string_equal(text, public);
    for (size_t i = 0; i < sizeof public - 1; i++) { /* a letter that was typed wrongly */
        char wrong[sizeof public];
        memcpy(wrong, public, sizeof public);
        wrong[i] = wrong[i] == 'q' ? 'p' : 'q';
        assert_false(audit_recipient_parse(str_of(wrong), key, &e));
    }
    close(mkstemp(path));
    unlink(path);
    assert_true(audit_identity_make(&id, &e) && audit_identity_write(&id, path, &e));
    assert_false(audit_identity_write(&id, path, &e));
    struct audit_identity again;
    assert_true(audit_identity_read(&again, path, &e));
    assert_memory_equal(&again, &id, sizeof id);
    unlink(path);
}

/* --- tampering -----------------------------------------------------------------------------------
 */

enum { FILES = 32, BYTES = 16384 };

static struct copy { /* of a folder */
    uint32_t n;      /* files 1 to n; 0 bytes: gone */
    size_t size[FILES + 1];
    char b[FILES + 1][BYTES];
} whole, older, other, now;

static void load(struct copy *c, const char *dir)
{
    char path[4096];
    *c = (struct copy){0};
    for (uint32_t i = 1; i <= FILES; i++) {
        audit_segment_path(path, dir, i, "log");
        int fd = open(path, O_RDONLY);
        if (fd < 0)
            continue;
        c->n = i;
        c->size[i] = (size_t)read(fd, c->b[i], BYTES);
        assert_true(c->size[i] < BYTES);
        close(fd);
    }
}

static void store(const struct copy *c, const char *dir)
{
    char path[4096];
    for (uint32_t i = 1; i <= FILES; i++) {
        audit_segment_path(path, dir, i, "log");
        if (c->size[i] == 0) {
            unlink(path);
            continue;
        }
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(write(fd, c->b[i], c->size[i]), c->size[i]);
        close(fd);
    }
}

static uint32_t seed = 1;

static uint32_t dice(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(seed >> 8) * n >> 24);
}

static void cut(struct copy *c, uint32_t f, size_t at, size_t n)
{
    memmove(c->b[f] + at, c->b[f] + at + n, c->size[f] - at - n);
    c->size[f] -= n;
}

static void insert(struct copy *c, uint32_t f, size_t at, const char *p, size_t n)
{
    if (c->size[f] + n >= BYTES)
        return;
    memmove(c->b[f] + at + n, c->b[f] + at, c->size[f] - at);
    memmove(c->b[f] + at, p, n);
    c->size[f] += n;
}

/* The offset of a frame of the file, and its length. */
static size_t some_frame(const struct copy *c, uint32_t f, size_t *n)
{
    struct audit_frame frame;
    struct str file = {c->b[f], c->size[f]};
    uint32_t wanted = dice(12);
    size_t at = 0, found = 0;
    *n = 0;
    for (; audit_frame_take(str_from(file, at), &frame); at += frame.whole.n) {
        found = at;
        *n = frame.whole.n;
        if (wanted-- == 0)
            break;
    }
    return found;
}

/* A copy of some bytes, for moving them. */
static char piece[BYTES];

static void tamper(uint32_t kind, struct copy *c)
{
    uint32_t f = 1 + dice(c->n), g = 1 + dice(c->n);
    size_t n, m, at = dice((uint32_t)c->size[f]), left = c->size[f] - at;
    size_t a = some_frame(c, f, &n), b = some_frame(c, g, &m);
    switch (kind) {
    case 0: /* a bit */
        c->b[f][at] = (char)(c->b[f][at] ^ 1 << dice(8));
        break;
    case 1: /* a byte */
        c->b[f][at] = (char)(c->b[f][at] + 1 + (char)dice(255));
        break;
    case 2: /* some are gone */
        cut(c, f, at, 1 + dice((uint32_t)(left < 300 ? left : 300)));
        break;
    case 3: /* some are new */
        insert(c, f, at, c->b[g], 1 + dice(100));
        break;
    case 4: /* a whole frame is gone */
        cut(c, f, a, n);
        break;
    case 5: /* and is elsewhere */
        memcpy(piece, c->b[f] + a, n);
        insert(c, g, b, piece, n);
        break;
    case 6: /* two change places */
        memcpy(piece, c->b[f] + a, n);
        cut(c, f, a, n);
        insert(c, f, a + (a < c->size[f] ? some_frame(c, f, &m) / 4 : 0) % (c->size[f] - a + 1),
               piece, n);
        break;
    case 7: /* the end of a file */
        c->size[f] = at;
        break;
    case 8: /* a file */
        c->size[f] = 0;
        break;
    case 9: /* two files change places */
        memcpy(piece, c->b[f], BYTES);
        memcpy(c->b[f], c->b[g], BYTES);
        memcpy(c->b[g], piece, BYTES);
        n = c->size[f];
        c->size[f] = c->size[g];
        c->size[g] = n;
        break;
    case 10: /* a file of another log of the same auditors */
        f = f <= other.n ? f : 1;
        memcpy(c->b[f], other.b[f], BYTES);
        c->size[f] = other.size[f];
        break;
    case 11: /* a frame of it */
        b = some_frame(&other, 1, &m);
        insert(c, f, a, other.b[1] + b, m);
        break;
    case 12: /* some files from an older copy */
        for (uint32_t i = f; i <= FILES; i++) {
            memcpy(c->b[i], older.b[i], BYTES);
            c->size[i] = older.size[i];
        }
        break;
    case 13: /* everything from an older copy */
        *c = older;
        break;
    case 14: /* zeros, as a file system leaves them */
        n = 1 + dice((uint32_t)(left < 512 ? left : 512));
        memset(c->b[f] + at, 0, n);
        break;
    case 15: /* something behind the end */
        insert(c, f, c->size[f], c->b[g] + b, m < 400 ? m : 400);
        break;
    default:
        break;
    }
}

enum { KINDS = 16 };

static bool same(const struct copy *a, const struct copy *b)
{
    for (uint32_t i = 1; i <= FILES; i++)
        if (a->size[i] != b->size[i] || memcmp(a->b[i], b->b[i], a->size[i]) != 0)
            return false;
    return true;
}

/* A log with three segments, an older copy of it, another log; a witness of all of it. */
static void prepare_tamper(char witness[128], uint64_t *records)
{
    struct audit_report r;
    struct err e = {0};
    rig_start(6000, 1);
    write_some(rig.dir, 0, 30, 2);
    load(&other, rig.dir);
    rig_stop();
    rig_start(6000, 1);
    struct audit *a = must_open(rig.dir);
    for (int i = 0; i < 60; i++) {
        if (i == 30)
            load(&older, rig.dir);
        a->signer.since -= i % 9 == 0 ? 10 : 0;
        assert_true(rig_append(a, i, &e) && (i % 2 || audit_commit(a, &e)));
    }
    audit_close(a);
    must_read(rig.dir, &r);
    assert_in_range(r.segments, 3, FILES);
    load(&whole, rig.dir);
    *records = r.records;
    snprintf(witness, 128, "%s/witness", rig.dir);
    char line[AUDIT_LINE_BYTES];
    audit_line(&r.last, &r.log, line);
    FILE *f = fopen(witness, "w");
    fprintf(f, "Nov 28 12:00:00 host moat: %s\n", line);
    fclose(f);
}

/* T9. What is changed is damage; where it is not, the log must say that it has fewer records, or a
 * tail, and with the witness it must be damage unless only a tail was added. */
static void test_tampering(void **state)
{
    (void)state;
    char witness[128];
    const char *files[] = {witness};
    uint64_t records;
    int n = rig_env("MOAT_TAMPER", 1500), damage = 0, tail = 0, changed = 0;
    prepare_tamper(witness, &records);
    for (int i = 0; i < n; i++) {
        struct audit_report r;
        struct err e = {0};
        uint32_t kind = (uint32_t)i % KINDS;
        now = whole;
        tamper(kind, &now);
        if (i % 5 == 4) /* and something else */
            tamper(dice(KINDS), &now);
        if (same(&now, &whole))
            continue;
        changed++;
        store(&now, rig.dir);
        bool ok = audit_verify(rig.dir, &(struct audit_options){0}, &r, &e);
        struct audit_report s;
        bool seen = audit_verify(
            rig.dir, &(struct audit_options){.witnesses = files, .n_witnesses = 1}, &s, &e);
        if (ok && r.records == records && r.tail_bytes == 0)
            fail_msg("seed %d: kind %u was not found", i, kind);
        if (seen && s.tail_bytes == 0)
            fail_msg("seed %d: kind %u was not found, with a witness", i, kind);
        assert_false(seen && !ok);
        damage += !ok;
        tail += ok;
    }
    print_message("# %d changes: %d are damage, %d of the tail (not witnessed)\n", changed, damage,
                  tail);
    assert_true(changed > n * 3 / 4 && damage > changed / 2);
    store(&whole, rig.dir);
    rig_stop();
}

/* --- a stolen signer -----------------------------------------------------------------------------
 */

/* Changes a record of the first epoch and makes all roots and signatures anew, with the key that is
 * in the signer's file now. */
static void test_newer_key_cannot_sign_the_past(void **state)
{
    (void)state;
    struct audit_report r;
    struct err e = {0};
    struct audit_frame f;
    struct buf out;
    rig_start(1u << 20, 1);
    struct audit *a = must_open(rig.dir);
    for (int i = 0; i < 6; i++) {
        a->signer.since -= 10;
        assert_true(rig_append(a, i, &e) && audit_commit(a, &e));
    }
    load(&whole, rig.dir);
    struct audit_chain c = {.log = a->signer.log};
    struct str file = {whole.b[1], whole.size[1]};
    buf_init(&out, BYTES);
    for (size_t at = 0; audit_frame_take(str_from(file, at), &f); at += f.whole.n) {
        size_t from = out.n;
        struct audit_checkpoint p;
        if (f.type == AUDIT_CHECKPOINT && audit_get_checkpoint(f.body, &p)) {
            assert_true(audit_chain_root(&c, &p.root, &e));
            audit_put_checkpoint(&out, &p, &c.log, a->signer.secret);
        } else {
            buf_str(&out, f.whole);
            if (f.type == AUDIT_RECORD && c.records++ == 1)
                out.p[out.n - 5] ^= 1;
        }
        assert_true(audit_chain_add(&c, str_from(buf_view(&out), from), &e));
    }
    memcpy(whole.b[1], out.p, out.n);
    whole.size[1] = out.n;
    store(&whole, rig.dir);
    assert_false(audit_verify(rig.dir, &(struct audit_options){0}, &r, &e));
    assert_int_equal(e.code, ERR_CORRUPT);
    buf_clear(&out);
    audit_close(a);
    rig_stop();
}

/* The writer appends nothing behind damage. */
static void test_writer_refuses_damage(void **state)
{
    (void)state;
    struct audit *a;
    struct err e = {0};
    rig_start(1u << 20, 60);
    write_some(rig.dir, 0, 20, 4);
    load(&whole, rig.dir);
    whole.b[1][whole.size[1] / 2] ^= 4;
    store(&whole, rig.dir);
    assert_false(audit_open(&a, rig.dir, "test", &e));
    assert_int_equal(e.code, ERR_CORRUPT);
    assert_null(a);
    rig_stop();
}

/* --- old segments --------------------------------------------------------------------------------
 */

static time_t shift; /* of the clock */

int clock_gettime(clockid_t clock, struct timespec *t)
{
    int rc = (int)syscall(SYS_clock_gettime, clock, t);
    if (clock == CLOCK_REALTIME)
        t->tv_sec += shift;
    return rc;
}

static struct sign_secret one, two, stranger;

static void begin_with_removers(void)
{
    struct hash log;
    struct err e = {0};
    assert_true(sign_secret_make(&one, STR("one"), &e) && sign_secret_make(&two, STR("two"), &e) &&
                sign_secret_make(&stranger, STR("three"), &e));
    rig_settings(4096, 60);
    rig.settings.removers[0] = one.key;
    rig.settings.removers[1] = two.key;
    rig.settings.n_removers = 2;
    rig.settings.keep_days = 183;
    snprintf(rig.dir, sizeof rig.dir, "/tmp/moat-audit-XXXXXX");
    assert_non_null(mkdtemp(rig.dir));
    assert_true(audit_create(rig.dir, &rig.settings, &log, &e));
    write_some(rig.dir, 0, 100, 5);
}

static bool sign_removal(const struct sign_secret *key, uint32_t *removed, struct err *e)
{
    return audit_tombstone_sign(rig.dir, 2, "too old", key, removed, e);
}

/* And after half a year; what is left is checked against a tombstone that nobody can change. */
static void test_removal_takes_two(void **state)
{
    (void)state;
    char path[4096];
    struct audit_report r;
    struct err e = {0};
    uint32_t removed;
    shift = -100 * 86400;
    begin_with_removers();
    shift = 0;
    assert_false(sign_removal(&one, &removed, &e));
    assert_int_equal(e.code, ERR_DENIED);
    shift = 84 * 86400;
    assert_false(sign_removal(&stranger, &removed, &e));
    assert_int_equal(e.code, ERR_DENIED);
    for (int twice = 0; twice < 2; twice++)
        if (!sign_removal(&one, &removed, &e) || removed)
            fail_msg("%s", e.msg);
    must_read(rig.dir, &r);
    assert_int_equal(rig_missing(100), -1);
    assert_true(sign_removal(&two, &removed, &e) && removed == 2);
    must_read(rig.dir, &r);
    assert_int_equal(r.first_segment, 3);
    assert_false(r.anchored); /* by its own word alone */
    const struct sign_key keys[] = {one.key, two.key}, others[] = {one.key, stranger.key};
    const struct audit_options right = {.removers = keys, .n_removers = 2},
                               wrong = {.removers = others, .n_removers = 2};
    assert_true(audit_verify(rig.dir, &right, &r, &e) && r.anchored);
    assert_false(audit_verify(rig.dir, &wrong, &r, &e));
    write_some(rig.dir, 100, 120, 5);
    must_read(rig.dir, &r);
    audit_segment_path(path, rig.dir, 2, "gone");
    FILE *f = fopen(path, "r+");
    fputs("{\n  ", f); /* another blank */
    fclose(f);
    assert_false(audit_verify(rig.dir, &right, &r, &e));
    unlink(path);
    assert_false(audit_verify(rig.dir, &right, &r, &e));
    shift = 0;
    rig_stop();
}

/* --- for scripts ---------------------------------------------------------------------------------
 */

static int write_for_script(char **argv)
{
    uint64_t n = 0, batch = 1;
    struct audit *a;
    struct err e = {0};
    if (!str_to_u64(str_of(argv[1]), &n) || !str_to_u64(str_of(argv[2]), &batch) ||
        !audit_open(&a, argv[0], "test", &e)) {
        fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    bool ok = true;
    for (uint64_t i = 0; ok && i < n; i++)
        ok = rig_append(a, (int)i, &e) && ((i + 1) % batch || audit_commit(a, &e));
    ok = ok && audit_commit(a, &e);
    audit_close(a);
    if (!ok)
        fprintf(stderr, "%s\n", e.msg);
    return !ok;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "write") == 0)
        return write_for_script(argv + 2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_segments_and_epochs),
        cmocka_unit_test(test_writers_take_turns),
        cmocka_unit_test(test_only_auditors_read),
        cmocka_unit_test(test_keys_as_text),
        cmocka_unit_test(test_tampering),
        cmocka_unit_test(test_newer_key_cannot_sign_the_past),
        cmocka_unit_test(test_writer_refuses_damage),
        cmocka_unit_test(test_removal_takes_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
