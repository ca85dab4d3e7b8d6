/* SPDX-License-Identifier: Apache-2.0 */
/* cli/audit_tell: see audit_tell.h. */
#include "cli/audit_tell.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "cli/interrupt.h"
#include "cli/opts.h"
#include "cli/term.h"
#include "fetch/role.h"
#include "fetch/url.h"
#include "serve/witness.h"

static bool read_settings(const char *dir, struct audit_settings *s, struct err *e)
{
    char path[4096 + sizeof AUDIT_SETTINGS];
    snprintf(path, sizeof path, "%s/" AUDIT_SETTINGS, dir);
    return audit_settings_read(s, path, e);
}

static const char *shown(const char *url, char out[AUDIT_URL])
{
    snprintf(out, AUDIT_URL, "%s", url);
    str_make_printable(out);
    return out;
}

/* --- sending -------------------------------------------------------------------------------------
 */

static bool send_one(const struct audit_opts *o, const struct audit_settings *s,
                     struct audit_sent *sent, uint32_t i, struct err *e)
{
    char url[AUDIT_URL];
    size_t lines;
    bool ok = witness_send(o->path, s, sent, i, interrupt_flag(), &lines, e);
    if (ok && lines)
        printf(_("%s knows the log up to record %" PRIu64 "\n"), shown(s->url[i], url),
               sent->to[i].records);
    else if (ok)
        printf(_("%s knows all that is in the spool, up to record %" PRIu64 "\n"),
               shown(s->url[i], url), sent->to[i].records);
    return ok;
}

/* Each is tried; the first that does not take it is the error. */
bool audit_tell_send(struct audit_opts *o, const char *word, struct err *e)
{
    struct audit_settings s;
    struct audit_sent sent;
    struct err first = {0}, other;
    if (word)
        return fail(e, ERR_USAGE, "moat audit: \"%s\" is one word too many", word);
    if (!read_settings(o->path, &s, e))
        return false;
    if (s.n_urls == 0)
        return fail(e, ERR_USAGE,
                    "no other machine is told of this log: moat audit init --witness https://..., "
                    "or \"urls\" in %s/%s",
                    o->path, AUDIT_SETTINGS);
    if (!audit_sent_read(&sent, o->path, &s, e))
        return false;
    interrupt_begin();
    for (uint32_t i = 0; i < s.n_urls; i++)
        (void)send_one(o, &s, &sent, i, first.code ? &other : &first);
    interrupt_end();
    bool noted = audit_sent_write(&sent, o->path, &s, first.code ? &other : &first);
    if (first.code || !noted)
        *e = first;
    return !first.code && noted;
}

/* --- asking --------------------------------------------------------------------------------------
 */

/* The id of the log that is here: from its first segment, without a look at the rest. */
static bool id_of(const struct audit_opts *o, struct hash *log, struct err *e)
{
    char path[4096];
    uint32_t first, last;
    struct audit_frame f;
    struct audit_segment head;
    size_t n = 0;
    if (!audit_segment_range(o->path, &first, &last, e))
        return false;
    audit_segment_path(path, o->path, first, "log");
    FILE *file = fopen(path, "rb");
    if (!file)
        return os_fail_open(path, e);
    char *room = mem_new(AUDIT_FRAME_MOST + AUDIT_FRAME_HEAD, 1, e);
    if (room)
        n = fread(room, 1, AUDIT_FRAME_MOST + AUDIT_FRAME_HEAD, file);
    fclose(file);
    bool ok =
        room && ((audit_frame_take((struct str){room, n}, &f) && f.type == AUDIT_SEGMENT &&
                  audit_get_segment(f.body, &head)) ||
                 fail(e, ERR_CORRUPT, "%s does not begin as a segment of an audit log", path));
    if (ok)
        *log = head.log;
    mem_free(room);
    return ok;
}

bool audit_tell_ask(const struct audit_opts *o, struct audit_asked *a, struct err *e)
{
    struct hash log;
    bool known = false;
    *a = (struct audit_asked){0};
    for (uint32_t i = 0; i < o->n_witnesses; i++) {
        a->path[i] = o->witnesses[i];
        a->fd[i] = -1;
        a->n = i + 1;
        if (!url_is(o->witnesses[i]))
            continue;
        if (!(known = known || id_of(o, &log, e)) || !witness_address(o->witnesses[i], e) ||
            !witness_fetch(o->witnesses[i], &log, &o->settings, &a->fd[i], e))
            return false;
        snprintf(a->text[i], sizeof a->text[i], "/proc/self/fd/%d", a->fd[i]);
        a->path[i] = a->text[i];
    }
    return true;
}

void audit_tell_forget(struct audit_asked *a)
{
    for (uint32_t i = 0; i < a->n; i++)
        if (a->fd[i] >= 0)
            close(a->fd[i]);
    a->n = 0;
}

/* --- saying --------------------------------------------------------------------------------------
 */

static bool read_state(const char *dir, struct audit_settings *s, struct audit_sent *sent)
{
    struct err ignored;
    char path[4096 + sizeof AUDIT_SETTINGS];
    snprintf(path, sizeof path, "%s/" AUDIT_SETTINGS, dir);
    return access(path, R_OK) == 0 && read_settings(dir, s, &ignored) &&
           audit_sent_read(sent, dir, s, &ignored);
}

static size_t waiting(const char *dir, const struct audit_sent_to *t)
{
    struct err ignored;
    struct audit_witnessed last;
    struct buf text;
    size_t n = 0;
    if (!audit_spool_read(dir, t->leaves, &text, &last, &n, &ignored))
        n = 0;
    buf_clear(&text);
    return n;
}

static void say_one(const char *dir, const char *url, const struct audit_sent_to *t)
{
    char to[AUDIT_URL], why[AUDIT_SENT_WHY];
    size_t n = waiting(dir, t);
    snprintf(why, sizeof why, "%s", t->error);
    str_make_printable(why);
    if (t->leaves)
        printf(_("%s was told up to record %" PRIu64 "; --witness %s asks it\n"), shown(url, to),
               t->records, to);
    else
        printf(_("%s was told nothing yet\n"), shown(url, to));
    if (n && t->failures)
        printf(_("  %zu lines wait for it, after %u tries: %s\n"), n, t->failures, why);
    else if (n)
        printf(_("  %zu lines wait for it\n"), n);
}

void audit_tell_say(const char *dir)
{
    struct audit_settings s;
    struct audit_sent sent;
    if (!read_state(dir, &s, &sent))
        return;
    for (uint32_t i = 0; i < s.n_urls; i++)
        say_one(dir, s.url[i], &sent.to[i]);
}

json_t *audit_tell_json(const char *dir)
{
    struct audit_settings s;
    struct audit_sent sent;
    json_t *list = json_array();
    bool any = read_state(dir, &s, &sent);
    for (uint32_t i = 0; any && i < s.n_urls; i++) {
        const struct audit_sent_to *t = &sent.to[i];
        json_array_append_new(list, json_pack("{ss sI sI sI si ss}", "url", s.url[i], "records",
                                              (json_int_t)t->records, "waiting",
                                              (json_int_t)waiting(dir, t), "taken",
                                              (json_int_t)t->taken_s, "failures", (int)t->failures,
                                              "error", t->error));
    }
    return list;
}
