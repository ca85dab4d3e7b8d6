/* SPDX-License-Identifier: Apache-2.0 */
/* moat audit: the record of what was done on this machine. */
#include "cli/audit_opts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/audit_show.h"
#include "cli/commands.h"
#include "guard/audit.h"
#include "guard/audit_key.h"
#include "guard/audit_verify.h"
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
        {"witness", 'w', OPT_CALL, o, "FILE",
         N_("of init: a second file that notes how far the log is; of verify: such a file, or "
            "lines from syslog or paper; may be given several times"),
         0, 0, take_witness},
        {"syslog", 0, OPT_FLAG, &o->settings.syslog, NULL,
         N_("of init: each minute, tell syslog how far the log is"), 0, 0, NULL},
        {"spool", 0, OPT_FLAG, &o->settings.spool, NULL,
         N_("of init: likewise, into a file for another machine to fetch"), 0, 0, NULL},
        {"identity", 'i', OPT_TEXT, &o->identity, "FILE",
         N_("an auditor's secret key, as moat audit keygen or age-keygen writes it"), 0, 0, NULL},
        {"key", 'k', OPT_TEXT, &o->key, "FILE", N_("of remove: a remover's secret key"), 0, 0,
         NULL},
        {"reason", 0, OPT_TEXT, &o->reason, "TEXT", N_("of remove: why"), 0, 0, NULL},
        {"log", 0, OPT_TEXT, &o->log, "ID", N_("of verify: the id that the log must have"), 0, 0,
         NULL},
        {"dir", 0, OPT_TEXT, &o->dir, "DIR",
         N_("the folder of the log (default: audit in $MOAT_HOME)"), 0, 0, NULL},
        {"last", 'n', OPT_U32, &o->last, "N", N_("of list: only the last N records"), 1, 1e9, NULL},
        {"line", 0, OPT_FLAG, &o->line, NULL,
         N_("of tail: the line that a witness keeps, to be written down"), 0, 0, NULL},
        {"json", 0, OPT_FLAG, &o->json, NULL, N_("print JSON"), 0, 0, NULL},
        {0}};
    return opts_parse(&cmd_audit, (const struct opt *const[]){table, NULL}, argc, argv, args, 1, 2,
                      &o->helped, e);
}

static bool find_dir(struct audit_opts *o, struct err *e)
{
    struct store s;
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

static bool keygen(const struct audit_opts *o, const char *file, struct err *e)
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
    if (o->n_witnesses > 1)
        return fail(e, ERR_USAGE, "an audit log has one second file");
    if (o->n_witnesses)
        snprintf(set->witness_file, sizeof set->witness_file, "%s", o->witnesses[0]);
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
} verbs[] = {{"init", init},
             {"verify", audit_show_verify},
             {"list", audit_show_list},
             {"export", audit_show_export},
             {"tail", audit_show_tail},
             {"stats", audit_show_stats},
             {"remove", remove_old}};

static bool dispatch(struct audit_opts *o, const char *verb, const char *word, struct err *e)
{
    if (strcmp(verb, "keygen") == 0)
        return keygen(o, word, e);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, verb) == 0)
            return find_dir(o, e) && verbs[i].run(o, word, e);
    return fail(e, ERR_USAGE,
                "moat audit does not know \"%s\"; it has keygen, init, verify, list, export, tail, "
                "stats and remove",
                verb);
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
    .args = "keygen FILE|init|verify|list|export FILE|tail|stats|remove N",
    .summary = N_("keep, check and read the record of what was done here"),
    .detail =
        N_("init begins a log that is encrypted to auditors; from then on moat run, serve, pull, "
           "import, push, create, cp, rm and key write into it what they do, before and after, and "
           "do nothing that cannot be recorded. verify checks it, without any key: every record is "
           "there and unchanged, up to the last one that a witness knows. list, export and stats "
           "need an auditor's secret key (--identity); an export opens with age. tail says how far "
           "the log is.\n\n"
           "moat audit keygen auditor.key\n"
           "moat audit init --auditor age1... --witness /mnt/other/moat.witness\n"
           "moat audit verify --witness /mnt/other/moat.witness\n"
           "moat audit list --identity auditor.key --last 20\n\n"
           "The format is in docs/AUDIT-FORMAT.md."),
    .run = main_audit,
};
