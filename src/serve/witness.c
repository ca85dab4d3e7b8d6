/* SPDX-License-Identifier: Apache-2.0 */
/* serve/witness: see witness.h. */
#include "serve/witness.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/os.h"
#include "fetch/auth.h"
#include "fetch/role.h"
#include "serve/auditor.h"
#include "serve/isolate.h"
#include "serve/log.h"

enum { STALL_S = 15, LOOK_MS = 1000, PAUSE_S = 1, PAUSE_MOST_S = 300 };

bool witness_address(const char *url, struct err *e)
{
    struct url u;
    if (!url_parse(&u, url, e))
        return false;
    return (!u.has_user && strlen(url) < AUDIT_URL) ||
           fail(e, ERR_USAGE,
                "%s: the address of a witness has no user and no password, and %d bytes at most; a "
                "token goes into --token-file FILE",
                u.shown, AUDIT_URL - 1);
}

/* --- one request ---------------------------------------------------------------------------------
 */

/* What the machine says, to people: the beginning of its first line. */
static void first_words(const struct document *d, char out[120])
{
    struct str rest = buf_view(&d->body), line = {0};
    (void)str_cut(&rest, '\n', &line);
    snprintf(out, 120, "%.*s", (int)(line.n < 100 ? line.n : 100), line.p ? line.p : "");
    str_make_printable(out);
}

static bool judge(const struct document *d, const char *shown, struct err *e)
{
    char words[120];
    if (d->status >= 200 && d->status < 300)
        return true;
    first_words(d, words);
    if (d->status == 409)
        return fail(e, ERR_CORRUPT,
                    "%s knows another history of this audit log: it was rewritten, or an older "
                    "copy was put back; keep the folder as evidence (%s)",
                    shown, words);
    if (d->status == 401 || d->status == 403)
        return fail(e, ERR_DENIED,
                    "%s does not let us in (HTTP status %d); a token goes into the file that "
                    "token_file names in settings.json of the log",
                    shown, d->status);
    if (d->status == 404)
        return fail(e, ERR_NOT_FOUND, "%s: there is nothing at this address", shown);
    return fail(e, ERR_NETWORK, "%s answers with HTTP status %d (%s)", shown, d->status, words);
}

static bool ask(struct fetch_job *q, const char *url, const struct audit_settings *s,
                const atomic_bool *stop, struct document *d, struct err *e)
{
    struct url u;
    struct event last;
    if (!url_parse(&u, url, e) || (s->token_file[0] && !fetch_auth_read(q, &u, s->token_file, e)))
        return false;
    q->url[0] = url;
    q->n_url = 1;
    q->document = true;
    q->stall_s = STALL_S;
    q->ca = s->ca[0] ? s->ca : fetch_private_ca();
    if (!fetch_call(q, -1, -1, stop, NULL, NULL, &last, d, e))
        return err_at(e, "%s", u.shown);
    return judge(d, u.shown, e);
}

/* --- sending -------------------------------------------------------------------------------------
 */

static bool post(const char *url, const struct audit_settings *s, const struct audit_witnessed *to,
                 const struct buf *lines, const atomic_bool *stop, struct err *e)
{
    char file[AUDIT_URL + 128], log[2 * HASH_BYTES + 1];
    struct document d = {0};
    struct fetch_job q = {.method = "POST", .type = "text/plain", .text = buf_c(lines)};
    size_t n = strlen(url);
    if (n && url[n - 1] == '/') {
        hash_hex(&to->log, log);
        snprintf(file, sizeof file, "%s%s-%020" PRIu64 ".witness", url, log, to->leaves);
        q.method = "PUT";
        url = file;
    }
    bool ok = ask(&q, url, s, stop, &d, e);
    buf_clear(&d.body);
    return ok;
}

bool witness_send(const char *dir, const struct audit_settings *s, struct audit_sent *sent,
                  uint32_t i, const atomic_bool *stop, size_t *lines, struct err *e)
{
    struct audit_sent_to *t = &sent->to[i];
    struct audit_witnessed last;
    struct buf text;
    size_t n = 0;
    *lines = 0;
    bool ok = audit_spool_read(dir, t->leaves, &text, &last, &n, e);
    if (ok && n) {
        t->tried_s = (uint64_t)time(NULL);
        ok = post(s->url[i], s, &last, &text, stop, e);
        t->failures = ok ? 0 : t->failures + 1;
        snprintf(t->error, sizeof t->error, "%s", ok ? "" : e->msg);
    }
    if (ok && n) {
        t->leaves = last.leaves;
        t->records = last.records;
        t->taken_s = t->tried_s;
        *lines = n;
    }
    buf_clear(&text);
    return ok;
}

bool witness_fetch(const char *url, const struct hash *log, const struct audit_settings *s, int *fd,
                   struct err *e)
{
    char whole[LIMIT_URL_BYTES], hex[2 * HASH_BYTES + 1];
    struct document d = {0};
    struct fetch_job q = {.accept = "text/plain"};
    size_t n = strlen(url);
    hash_hex(log, hex);
    if (snprintf(whole, sizeof whole, "%s%s%s", url, n && url[n - 1] == '/' ? "" : "/", hex) >=
        (int)sizeof whole)
        return fail(e, ERR_USAGE, "the address is too long");
    bool ok = ask(&q, whole, s, NULL, &d, e) && (*fd = os_memory_file(buf_view(&d.body), e)) >= 0;
    buf_clear(&d.body);
    return ok;
}

/* --- the process of a server ------------------------------------------------------------------ */

struct teller {
    char dir[4096];
    struct audit_settings settings;
    struct audit_sent sent;
    uint64_t due_ns[AUDIT_URLS];
};

static uint64_t pause_ns(uint32_t failures)
{
    uint64_t s = (uint64_t)PAUSE_S << (failures < 9 ? failures : 9);
    return (s < PAUSE_MOST_S ? s : PAUSE_MOST_S) * 1000000000ull;
}

/* Said when it changes; a machine that is away is tried again and again. */
static void say(const struct teller *t, uint32_t i, bool ok, size_t lines, uint32_t before,
                const struct err *e)
{
    if (ok && before && lines)
        log_event("witness-told", "%s: record %" PRIu64, t->settings.url[i], t->sent.to[i].records);
    else if (!ok && (!before || e->code == ERR_CORRUPT))
        log_event(e->code == ERR_CORRUPT ? "witness-contradicts" : "witness-untold", "%s", e->msg);
}

static void tell(struct teller *t, uint32_t i, bool last)
{
    struct err e = {0};
    uint32_t before = t->sent.to[i].failures;
    size_t lines;
    if (!last && os_now_ns() < t->due_ns[i])
        return;
    bool ok = witness_send(t->dir, &t->settings, &t->sent, i, NULL, &lines, &e);
    t->due_ns[i] = ok ? 0 : os_now_ns() + pause_ns(t->sent.to[i].failures);
    say(t, i, ok, lines, before, &e);
    if ((!ok || lines) && !audit_sent_write(&t->sent, t->dir, &t->settings, &e))
        log_event("witness-failed", "%s", e.msg);
}

static bool begin(struct teller *t, const struct config *config, const char *token_file,
                  struct err *e)
{
    char path[4096 + sizeof AUDIT_SETTINGS];
    if (!auditor_folder(t->dir, e) || !isolate_teller(config, token_file, e))
        return false;
    os_name_process("moat:witness");
    snprintf(path, sizeof path, "%s/" AUDIT_SETTINGS, t->dir);
    return audit_settings_read(&t->settings, path, e) &&
           audit_sent_read(&t->sent, t->dir, &t->settings, e);
}

int witness_main(int supervisor, const struct config *config, const char *token_file)
{
    static struct teller t;
    struct err e = {0};
    struct pollfd line = {supervisor, POLLIN, 0};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, SIG_IGN); /* it ends with the supervisor's line, after the auditor */
    if (!begin(&t, config, token_file, &e)) {
        log_event("witness-failed", "%s", e.msg);
        return err_exit_status(e.code);
    }
    for (bool last = false; !last;) {
        last = poll(&line, 1, LOOK_MS) > 0;
        for (uint32_t i = 0; i < t.settings.n_urls; i++)
            tell(&t, i, last);
    }
    return 0;
}
