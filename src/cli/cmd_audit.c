/* SPDX-License-Identifier: Apache-2.0 */
/* moat audit: the record of what was done on this machine. */
#include "cli/audit_opts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/audit_show.h"
#include "cli/audit_tell.h"
#include "cli/commands.h"
#include "cli/verbs.h"
#include "fetch/url.h"
#include "guard/audit.h"
#include "guard/audit_key.h"
#include "guard/audit_verify.h"
#include "serve/witness.h"
#include "store/store.h"

/* --- the command line ----------------------------------------------------------------------------
 */

static bool take_auditor(void *out, struct str value, struct err *e)
{
    struct audit_settings *s = &((struct audit_opts *)out)->settings;
    if (s->n_auditors == AUDIT_RECIPIENTS)
        return fail(e, ERR_LIMIT, "%d auditors are the most", AUDIT_RECIPIENTS);
    return audit_recipient_parse(value, s->auditors[s->n_auditors++], e);
}

static bool take_remover(void *out, struct str value, struct err *e)
{
    struct audit_opts *o = out;
    if (o->settings.n_removers == AUDIT_REMOVERS)
        return fail(e, ERR_LIMIT, "%d removers are the most", AUDIT_REMOVERS);
    return sign_key_given(&o->settings.removers[o->settings.n_removers++], value.p, e);
}

static bool take_content(void *out, struct str value, struct err *e)
{
    return audit_content_parse(value, &((struct audit_opts *)out)->settings.content, e);
}

static bool take_witness(void *out, struct str value, struct err *e)
{
    struct audit_opts *o = out;
    if (o->n_witnesses == AUDIT_WITNESSES)
        return fail(e, ERR_LIMIT, "%d witnesses are the most", AUDIT_WITNESSES);
    o->witnesses[o->n_witnesses++] = value.p;
    return true;
}

static bool take_act(void *out, struct str value, struct err *e)
{
    struct audit_filter *f = &((struct audit_opts *)out)->filter;
    if (f->n_acts == AUDIT_FILTER_ACTS)
        return fail(e, ERR_LIMIT, "%d acts are the most", AUDIT_FILTER_ACTS);
    f->act[f->n_acts++] = value.p;
    return true;
}

static bool take_since(void *out, struct str value, struct err *e)
{
    struct audit_filter *f = &((struct audit_opts *)out)->filter;
    return audit_filter_time(value, (uint64_t)time(NULL) * 1000000000u, &f->since_ns, e);
}

static bool take_until(void *out, struct str value, struct err *e)
{
    struct audit_filter *f = &((struct audit_opts *)out)->filter;
    return audit_filter_time(value, (uint64_t)time(NULL) * 1000000000u, &f->until_ns, e);
}

/* Of those that read the log, with `others` before them in help. */
static bool parse_with(struct audit_opts *o, const struct opt *others, int argc, char **argv,
                       struct args *args, struct err *e)
{
    const struct opt table[] = {
        {"identity", 'i', OPT_TEXT, &o->identity, "FILE",
         N_("an auditor's secret key, as moat audit keygen or age-keygen writes it"), 0, 0, NULL},
        {"key", 'k', OPT_TEXT, &o->key, "FILE", N_("of remove: a remover's secret key"), 0, 0,
         NULL},
        {"reason", 0, OPT_TEXT, &o->reason, "TEXT", N_("of remove: why"), 0, 0, NULL},
        {"log", 0, OPT_TEXT, &o->log, "ID", N_("of verify: the id that the log must have"), 0, 0,
         NULL},
        {"dir", 0, OPT_TEXT, &o->dir, "DIR",
         N_("the folder of the log (default: audit in $MOAT_HOME)"), 0, 0, NULL},
        {"last", 'n', OPT_U32, &o->last, "N",
         N_("of list: only the last N records; of tail --follow: begin with so many (default 10)"),
         1, 1e9, NULL},
        {"act", 0, OPT_CALL, o, "ACT",
         N_("of list, export, stats, tail --follow: only these acts (request, command, ...), or "
            "what "
            "was done (pull, /v1/completions); may be given several times"),
         0, 0, take_act},
        {"who", 0, OPT_TEXT, &o->filter.who, "WHO",
         N_("likewise: only those of a key's id, an address, or \"uid N\""), 0, 0, NULL},
        {"since", 0, OPT_CALL, o, "TIME",
         N_("likewise: from then on; 2026-11-28, 2026-11-28T15:04:05Z, or 90m, 36h, 7d before now"),
         0, 0, take_since},
        {"until", 0, OPT_CALL, o, "TIME", N_("likewise: before then"), 0, 0, take_until},
        {"follow", 'f', OPT_FLAG, &o->follow, NULL,
         N_("of tail: go on with what is added (records with --identity), until Ctrl-C"), 0, 0,
         NULL},
        {"for", 0, OPT_U32, &o->quiet_s, "SECONDS",
         N_("of tail --follow: end when nothing came for so long (default: never)"), 0, 86400,
         NULL},
        {"line", 0, OPT_FLAG, &o->line, NULL,
         N_("of tail: the line that a witness keeps, to be written down"), 0, 0, NULL},
        {"json", 0, OPT_FLAG, &o->json, NULL, N_("print JSON"), 0, 0, NULL},
        {0}};
    return opts_parse(&cmd_audit, (const struct opt *const[]){others, table, NULL}, argc, argv,
                      args, 1, 2, &o->helped, e);
}

static bool parse_opts(struct audit_opts *o, int argc, char **argv, struct args *args,
                       struct err *e)
{
    const struct opt table[] = {
        {"auditor", 'a', OPT_CALL, o, "AGE1...",
         N_("of init: who may read the log; of export: who may read the file; may be given several "
            "times"),
         0, 0, take_auditor},
        {"content", 0, OPT_CALL, o, "full|hash|none",
         N_("of init: what of prompts and answers is recorded (default hash)"), 0, 0, take_content},
        {"remover", 0, OPT_CALL, o, "KEY",
         N_("of init: who, two together, may remove old segments (moat sign new); of verify: whose "
            "tombstones count"),
         0, 0, take_remover},
        {"keep-days", 0, OPT_U32, &o->settings.keep_days, "N",
         N_("of init: days before a segment may be removed (default 395)"), AUDIT_KEEP_LEAST, 36500,
         NULL},
        {"segment", 0, OPT_SIZE, &o->settings.segment_bytes, "SIZE",
         N_("of init: size of a file of the log (default 16M)"), 0, 0, NULL},
        {"reserve", 0, OPT_SIZE, &o->settings.reserve, "SIZE",
         N_("of init: room kept for what must be written when the disk is full (default 64M)"), 0,
         0, NULL},
        {"witness", 'w', OPT_CALL, o, "FILE|URL",
         N_("of init: a second file that notes how far the log is, or the https:// address of "
            "another machine that is told; of verify: such a file or address, or lines from syslog "
            "or paper; may be given several times"),
         0, 0, take_witness},
        {"syslog", 0, OPT_FLAG, &o->settings.syslog, NULL,
         N_("of init: each minute, tell syslog how far the log is"), 0, 0, NULL},
        {"spool", 0, OPT_FLAG, &o->settings.spool, NULL,
         N_("of init: likewise, into a file for another machine to fetch"), 0, 0, NULL},
        {"token-file", 0, OPT_TEXT, &o->token_file, "FILE",
         N_("of init and verify: the token for the machines that are witnesses"), 0, 0, NULL},
        {"ca", 0, OPT_TEXT, &o->ca, "FILE", N_("likewise: trust these CA certificates (PEM)"), 0, 0,
         NULL},
        {0}};
    return parse_with(o, table, argc, argv, args, e);
}

/* Absolute: a server has another folder to work in. */
static bool whole_path(const char *path, char *out, size_t cap, struct err *e)
{
    char here[4096] = "";
    if (path[0] != '/' && !getcwd(here, sizeof here))
        return fail(e, ERR_IO, "cannot tell where this is: %s", strerror(errno));
    int n = snprintf(out, cap, "%s%s%s", here, path[0] == '/' ? "" : "/", path);
    return (n > 0 && (size_t)n < cap) || fail(e, ERR_USAGE, "path is too long: %s", path);
}

static bool find_dir(struct audit_opts *o, struct err *e)
{
    struct store s;
    if ((o->token_file && !whole_path(o->token_file, o->settings.token_file, AUDIT_PATH, e)) ||
        (o->ca && !whole_path(o->ca, o->settings.ca, AUDIT_PATH, e)))
        return false;
    if (o->dir) {
        snprintf(o->path, sizeof o->path, "%s", o->dir);
        return true;
    }
    if (!store_open(&s, false, e))
        return false;
    store_path(&s, o->path, AUDIT_FOLDER);
    return true;
}

/* --- init, keygen, remove ------------------------------------------------------------------------
 */

static bool keygen(struct audit_opts *o, const char *file, struct err *e)
{
    struct audit_identity id;
    char text[AUDIT_KEY_TEXT];
    (void)o;
    if (!file)
        return fail(e, ERR_USAGE, "moat audit keygen needs the name of a file");
    bool ok = audit_identity_make(&id, e) && audit_identity_write(&id, file, e);
    if (ok) {
        audit_recipient_text(id.public, text);
        printf("%s\n", text);
        fprintf(stderr,
                _("Take %s to another machine: who has it can read the log. moat audit init "
                  "--auditor %s begins one.\n"),
                file, text);
    }
    audit_identity_clear(&id);
    return ok;
}

static bool add_witness(struct audit_opts *o, const char *text, struct err *e)
{
    struct audit_settings *s = &o->settings;
    if (!url_is(text) && s->witness_file[0])
        return fail(e, ERR_USAGE, "an audit log has one second file");
    if (!url_is(text))
        return whole_path(text, s->witness_file, sizeof s->witness_file, e);
    if (s->n_urls == AUDIT_URLS)
        return fail(e, ERR_LIMIT, "%d other machines are the most", AUDIT_URLS);
    if (!witness_address(text, e))
        return false;
    snprintf(s->url[s->n_urls++], AUDIT_URL, "%s", text);
    return true;
}

static bool init(struct audit_opts *o, const char *none, struct err *e)
{
    struct hash log;
    struct store s;
    char id[2 * HASH_BYTES + 1];
    struct audit_settings *set = &o->settings;
    if (none || set->n_auditors == 0)
        return fail(e, ERR_USAGE,
                    "say who may read the log: moat audit init --auditor age1... (moat audit "
                    "keygen FILE makes such a key)");
    for (uint32_t i = 0; i < o->n_witnesses; i++)
        if (!add_witness(o, o->witnesses[i], e))
            return false;
    if (set->segment_bytes < 4096 || set->segment_bytes > 1u << 30)
        return fail(e, ERR_USAGE, "--segment: expected 4K to 1G");
    if (!(o->dir || store_open(&s, true, e)) || !audit_create(o->path, set, &log, e))
        return false;
    hash_hex(&log, id);
    if (o->json)
        printf("{\"log\":\"%s\"}\n", id);
    else
        printf(_("The audit log begins: %s\n"), id);
    fprintf(stderr, "%s\n",
            _("Write this id down where the administrator of this machine cannot change it: moat "
              "audit verify --log ID. From now on nothing is done here that cannot be recorded."));
    return true;
}

static bool remove_old(struct audit_opts *o, const char *segment, struct err *e)
{
    struct sign_secret key;
    uint64_t last = 0;
    uint32_t n = 0;
    if (!segment || !str_to_u64(str_of(segment), &last) || last == 0 || last > UINT32_MAX ||
        !o->key)
        return fail(e, ERR_USAGE,
                    "moat audit remove N --key FILE: the last segment to go, and who says so");
    if (!sign_secret_read(&key, o->key, e))
        return false;
    bool ok =
        audit_tombstone_sign(o->path, (uint32_t)last, o->reason ? o->reason : "", &key, &n, e);
    struct audit *a = NULL;
    ok = ok && audit_open(&a, o->path, "audit", e) &&
         audit_record(a,
                      json_pack("{ss ss sI si ss}", "act", "remove", "phase", "note", "segments",
                                (json_int_t)last, "removed", (int)n, "by", key.key.id),
                      e);
    audit_close(a);
    sign_secret_clear(&key);
    if (ok && n)
        printf(_("%u segments are removed; the tombstone stays.\n"), n);
    else if (ok)
        printf("%s\n", _("The tombstone is signed once; a second remover must sign it too."));
    return ok;
}

/* --- the whole -----------------------------------------------------------------------------------
 */

static const struct verb {
    const char *name;
    bool (*run)(struct audit_opts *o, const char *word, struct err *e);
    bool dirless; /* it is about no log */
} verbs[] = {{"keygen", keygen, true},
             {"init", init, false},
             {"verify", audit_show_verify, false},
             {"list", audit_show_list, false},
             {"export", audit_show_export, false},
             {"tail", audit_show_tail, false},
             {"stats", audit_show_stats, false},
             {"send", audit_tell_send, false},
             {"remove", remove_old, false}};

static bool dispatch(struct audit_opts *o, const char *verb, const char *word, struct err *e)
{
    const struct verb *v =
        verbs_find(&cmd_audit, verbs, sizeof verbs / sizeof *verbs, sizeof *verbs, verb, e);
    return v && (v->dirless || find_dir(o, e)) && v->run(o, word, e);
}

static int main_audit(int argc, char **argv)
{
    struct err e = {0};
    const char *words[2] = {NULL, NULL};
    struct args args = {words, 0};
    struct audit_opts *o = mem_new(1, sizeof *o, &e);
    if (o)
        audit_settings_init(&o->settings);
    bool ok = o && parse_opts(o, argc, argv, &args, &e) &&
              (o->helped || dispatch(o, words[0], args.n > 1 ? words[1] : NULL, &e));
    mem_free(o);
    return ok ? 0 : opts_report(&e);
}

const struct command cmd_audit = {
    .name = "audit",
    .args = "keygen FILE|init|verify|list|export FILE|tail|stats|send|remove N",
    .summary = N_("keep, check and read the record of what was done here"),
    .detail =
        N_("init begins a log that is encrypted to auditors; from then on moat run, serve, pull, "
           "import, push, create, cp, rm and key write into it what they do, before and after, and "
           "do nothing that cannot be recorded. verify checks it, without any key: every record is "
           "there and unchanged, up to the last one that a witness knows. list, export and stats "
           "need an auditor's secret key (--identity); an export opens with age. tail says how far "
           "the log is, and --follow what is added. Other machines (--witness https://...) are "
           "told by moat serve and moat mirror while they run, and by send.\n\n"
           "moat audit keygen auditor.key\n"
           "moat audit init --auditor age1... --witness /mnt/other/moat.witness\n"
           "moat audit verify --witness /mnt/other/moat.witness\n"
           "moat audit list --identity auditor.key --last 20\n"
           "moat audit list --identity auditor.key --act key --act refused --since 7d\n"
           "moat audit tail --follow --identity auditor.key\n\n"
           "The format is in docs/AUDIT-FORMAT.md."),
    .run = main_audit,
};
