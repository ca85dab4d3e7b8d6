/* SPDX-License-Identifier: Apache-2.0 */
/* cli/audited: see audited.h. */
#include "cli/audited.h"

#include <string.h>
#include <unistd.h>

#include "guard/audit_act.h"
#include "store/manifest.h"
#include "store/name.h"
#include "store/store.h"

#define ARG_BYTES 4096u

static struct {
    struct audit *log; /* NULL: there is none, or a server's auditor has it */
    bool serves;       /* likewise: the log is opened again at the end */
    char act[AUDIT_ID], answer[AUDIT_ID];
    const char *what;
} now;

enum recorded {
    NOT,   /* it looks and changes nothing */
    NAME,  /* its arguments may hold what a user says to a model */
    ARGS,  /* its arguments too, without passwords */
    SERVER /* likewise, but its processes have the log between its start and its end */
};

/* `word`: with that argument it is as it is otherwise not. A command that is not named here may be
 * anything: it is on record, without arguments. docs/AUDIT-FORMAT.md lists them for auditors. */
static const struct {
    const char *command;
    enum recorded how;
    const char *word;
    enum recorded then;
} rows[] = {
    {"list", NOT, NULL, NOT},         {"show", NOT, NULL, NOT},
    {"verify", NOT, NULL, NOT},       {"config", NOT, NULL, NOT},
    {"completion", NOT, NULL, NOT},   {"audit", NOT, NULL, NOT},
    {"tokenize", NOT, NULL, NOT},     {"template", NOT, NULL, NOT},
    {"grammar", NOT, NULL, NOT},      {"ps", NOT, NULL, NOT},
    {"doctor", NOT, "--fix", ARGS},   {"doctor", NOT, "--undo", ARGS},
    {"mirror", SERVER, "stats", NOT}, {"serve", SERVER, NULL, NOT},
    {"pull", ARGS, NULL, NOT},        {"import", ARGS, NULL, NOT},
    {"create", ARGS, NULL, NOT},      {"export", ARGS, NULL, NOT},
    {"push", ARGS, NULL, NOT},        {"catalog", ARGS, NULL, NOT},
    {"cp", ARGS, NULL, NOT},          {"rm", ARGS, NULL, NOT},
    {"gc", ARGS, NULL, NOT},          {"pack", ARGS, NULL, NOT},
    {"bundle", ARGS, NULL, NOT},      {"key", ARGS, NULL, NOT},
    {"sign", ARGS, NULL, NOT},        {"policy", ARGS, NULL, NOT},
    {"stop", ARGS, NULL, NOT},        {"attest", ARGS, NULL, NOT},
};

static bool has_word(int argc, char **argv, const char *word)
{
    for (int i = 1; word && i < argc; i++)
        if (strcmp(argv[i], word) == 0)
            return true;
    return false;
}

static enum recorded how_recorded(const char *command, int argc, char **argv)
{
    enum recorded how = NAME;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(command, rows[i].command) != 0)
            continue;
        if (has_word(argc, argv, rows[i].word))
            return rows[i].then;
        how = rows[i].how;
    }
    return how;
}

/* The log of this store; true with now.log == NULL where there is none. */
static bool open_log(const char *role, struct err *e)
{
    struct store s;
    struct err none;
    char dir[STORE_PATH];
    if (!store_open(&s, false, &none)) /* no home, or a newer store: the command says so */
        return true;
    store_path(&s, dir, AUDIT_FOLDER);
    return !audit_exists(dir) || audit_open(&now.log, dir, role, e);
}

static json_t *arguments(int argc, char **argv)
{
    json_t *list = json_array();
    struct buf clean;
    buf_init(&clean, ARG_BYTES);
    for (int i = 1; i < argc; i++) {
        buf_reset(&clean);
        audit_act_clean(str_sub(str_of(argv[i]), 0, ARG_BYTES / 2), &clean);
        json_array_append_new(list, json_stringn(buf_c(&clean), clean.n));
    }
    buf_clear(&clean);
    return list;
}

static json_t *who(void)
{
    return json_pack("{si}", "uid", (int)getuid());
}

static bool only_asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--help", 6) == 0)
            return true;
    return false;
}

static bool record_begin(enum recorded how, int argc, char **argv, struct err *e)
{
    if (!audit_act_id(now.act, e))
        return false;
    json_t *j = audit_act("command", now.act, "begin");
    json_object_set_new(j, "what", json_string(now.what));
    json_object_set_new(j, "who", who());
    if (how != NAME)
        json_object_set_new(j, "args", arguments(argc, argv));
    return audit_record(now.log, j, e);
}

static void close_log(void)
{
    audit_close(now.log);
    now.log = NULL;
}

bool audited_begin(const char *command, int argc, char **argv, struct err *e)
{
    enum recorded how = how_recorded(command, argc, argv);
    if (how == NOT || only_asks_for_help(argc, argv))
        return true;
    now.what = command;
    if (!open_log(command, e))
        return false;
    if (!now.log)
        return true;
    bool ok = record_begin(how, argc, argv, e);
    now.serves = how == SERVER;
    if (now.serves)
        close_log();
    return ok;
}

bool audited_end(int status, struct err *e)
{
    if (now.serves && !open_log(now.what, e))
        return false;
    if (!now.log)
        return true;
    enum err_code code = ERR_NONE;
    while (code < ERR_INTERNAL && err_exit_status(code) != status)
        code++;
    json_t *j = audit_act("command", now.act, "end");
    json_object_set_new(j, "what", json_string(now.what));
    json_object_set_new(j, "outcome", json_string(err_name(code)));
    json_object_set_new(j, "status", json_integer(status));
    bool ok = audit_record(now.log, j, e);
    close_log();
    return ok;
}

/* --- answers -------------------------------------------------------------------------------------
 */

/* The SHA-256 of a model of the store; a file that is run where it lies has none that is known. */
static void add_digest(json_t *j, const char *model)
{
    struct store s;
    struct name name;
    struct manifest m;
    struct err ignored;
    if (name_is_path(str_of(model)) || !name_parse(&name, str_of(model), &ignored) ||
        !store_open(&s, false, &ignored) || !manifest_exists(&s, &name) ||
        !manifest_read(&s, &name, &m, &ignored))
        return;
    json_object_set_new(j, "digest", json_string(m.digest.hex));
    manifest_clear(&m);
}

bool audited_answer_begin(const char *model, struct str prompt, struct err *e)
{
    if (!now.log)
        return true;
    if (!audit_act_id(now.answer, e))
        return false;
    json_t *j = audit_act("answer", now.answer, "begin");
    json_object_set_new(j, "of", json_string(now.act));
    json_object_set_new(j, "who", who());
    json_object_set_new(j, "model", json_string(model));
    add_digest(j, model);
    bool ok = audit_act_hash(j, audit_settings_of(now.log)->content, "prompt", prompt, e) &&
              audit_append(now.log, j, e) &&
              audit_act_content(now.log, now.answer, "prompt", prompt, e) &&
              audit_commit(now.log, e);
    json_decref(j);
    return ok;
}

bool audited_answer_end(const struct generation *r, struct str text, bool ok, enum err_code code,
                        struct err *e)
{
    if (!now.log)
        return true;
    json_t *j = audit_act("answer", now.answer, "end");
    json_object_set_new(j, "outcome", json_string(ok ? "ok" : err_name(code)));
    json_object_set_new(j, "finish", json_string(ok ? finish_name(r->finish) : ""));
    json_object_set_new(j, "prompt_tokens", json_integer(r->n_prompt));
    json_object_set_new(j, "answer_tokens", json_integer(r->n_generated));
    bool done = audit_act_hash(j, audit_settings_of(now.log)->content, "answer", text, e) &&
                audit_act_content(now.log, now.answer, "answer", text, e) &&
                audit_append(now.log, j, e) && audit_commit(now.log, e);
    json_decref(j);
    return done;
}
