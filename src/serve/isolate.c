/* SPDX-License-Identifier: Apache-2.0 */
/* serve/isolate: see isolate.h. */
#include "serve/isolate.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/child.h"
#include "base/os.h"
#include "fetch/role.h"
#include "guard/attest.h"
#include "guard/audit.h"
#include "serve/log.h"
#include "store/store.h"

static void add(const char **list, const char *path)
{
    unsigned n = 0;
    while (n < SANDBOX_PATHS && list[n])
        n++;
    must(n < SANDBOX_PATHS);
    list[n] = path;
}

/* The folder a file lies in. */
static void add_folder(struct isolate *i, const char **list, const char *path)
{
    char *folder = i->folder[i->n_folders];
    if (snprintf(folder, sizeof i->folder[0], "%s", path) >= (int)sizeof i->folder[0])
        return; /* then it cannot be reached, and that is said when it is tried */
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    add(list, slash ? folder : ".");
    i->n_folders++;
}

/* The store is made first where it is not there: a folder that is absent cannot be allowed. */
static void find_store(struct isolate *i)
{
    struct store s;
    struct err ignored;
    if (store_open(&s, true, &ignored) && os_mkdirs(store_path(&s, i->packs, "packs"), &ignored))
        store_path(&s, i->store, "%s", "");
}

/* Where a policy was installed: the hashes of models (store/admit), which who writes them cannot
 * make wrong ones pass by. */
static void add_leaves(struct isolate *i)
{
    struct err ignored;
    int n = snprintf(i->leaves, sizeof i->leaves, "%s/policy", i->store);
    if (!i->store[0] || n >= (int)sizeof i->leaves - 16 || access(i->leaves, F_OK) != 0)
        return;
    snprintf(i->leaves + n, sizeof i->leaves - (size_t)n, "/leaves");
    if (os_mkdirs(i->leaves, &ignored))
        add(i->sandbox.write, i->leaves);
}

void isolate_init(struct isolate *i, enum sandbox_role role, bool airgap)
{
    *i = (struct isolate){.sandbox = {.role = role, .airgap = airgap}};
    const char **read = i->sandbox.read, **write = i->sandbox.write;
    if (role <= SANDBOX_AUDITOR && role != SANDBOX_FRONT)
        find_store(i);
    if (role == SANDBOX_SUPERVISOR || role == SANDBOX_STARTER || role >= SANDBOX_COMMAND)
        add(read, "/");
    if ((role == SANDBOX_SUPERVISOR || role == SANDBOX_AUDITOR) && i->store[0] &&
        snprintf(i->log, sizeof i->log, "%s/" AUDIT_FOLDER, i->store) < (int)sizeof i->log)
        add(write, i->log);
    if ((role == SANDBOX_SUPERVISOR || role == SANDBOX_KEEPER) && i->store[0])
        add(write, i->store);
    if (role == SANDBOX_ENGINE && i->packs[0])
        add(write, i->packs);
    if (role == SANDBOX_ENGINE && i->store[0])
        add(read, i->store);
    if (role == SANDBOX_ENGINE)
        add_leaves(i);
    if (role == SANDBOX_ENGINE || role == SANDBOX_KEEPER) {
        add(read, "/proc");
        add(read, "/sys");
        add(read, "/etc/ssl/openssl.cnf");
        add(read, "/usr/lib/ssl/openssl.cnf");
    }
}

void isolate_store(struct isolate *i)
{
    struct store s;
    struct err ignored;
    if (store_open(&s, true, &ignored))
        add(i->sandbox.write, store_path(&s, i->store, "%s", ""));
}

void isolate_audit(struct isolate *i)
{
    struct store s;
    struct err ignored;
    if (store_open(&s, false, &ignored) && audit_exists(store_path(&s, i->log, AUDIT_FOLDER)))
        add(i->sandbox.write, i->log);
}

void isolate_packs(struct isolate *i)
{
    find_store(i);
    if (i->packs[0])
        add(i->sandbox.write, i->packs);
    add_leaves(i);
}

void isolate_file(struct isolate *i, const char *path)
{
    add_folder(i, i->sandbox.write, path);
}

void isolate_terminal(struct isolate *i)
{
    add(i->sandbox.write, "/dev/tty");
    add(i->sandbox.write, "/dev/null");
}

static void log_refused(const struct sandbox *s)
{
    for (int layer = 0; layer < SANDBOX_LAYERS; layer++)
        if (s->state[layer].outcome == SANDBOX_REFUSED)
            log_event("not-isolated", "%s: layer %s: %s", sandbox_role_name(s->role),
                      sandbox_layer_name((enum sandbox_layer)layer), s->state[layer].why);
}

static bool enter(struct isolate *i, struct err *e)
{
    bool ok = sandbox_enter(&i->sandbox, e);
    log_refused(&i->sandbox);
    return ok;
}

/* --- helpers ------------------------------------------------------------------------------------
 */

static void ignore_terminal(void)
{
    signal(SIGINT, SIG_IGN); /* it ends with the supervisor, who drains first */
    signal(SIGHUP, SIG_IGN);
}

static _Noreturn void be_starter(int line, bool logs)
{
    struct isolate i;
    struct err e = {0};
    ignore_terminal();
    isolate_init(&i, SANDBOX_STARTER, false);
    if (logs ? enter(&i, &e) : sandbox_enter(&i.sandbox, &e))
        child_starter(line, FETCH_ROLE);
    else if (logs)
        log_event("starter-failed", "%s", e.msg);
    _exit(err_exit_status(e.code));
}

bool isolate_starter(bool logs, struct err *e)
{
    int line[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line) != 0)
        return fail(e, ERR_INTERNAL, "cannot make a line between two processes: %s",
                    strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        close(line[1]);
        be_starter(line[0], logs);
    }
    close(line[0]);
    if (pid < 0) {
        close(line[1]);
        return fail(e, ERR_LIMIT, "cannot start a process: %s", strerror(errno));
    }
    child_start_through(line[1]);
    return true;
}

/* Without a folder to test in nothing is known: that ends the service of an air gap only. */
static bool try_all_ways(bool airgap, struct err *e)
{
    struct isolate roles[SANDBOX_ROLES];
    struct attest a = {.quick = true};
    for (int r = 0; r < SANDBOX_ROLES; r++) {
        isolate_init(&roles[r], (enum sandbox_role)r, airgap);
        a.roles[r] = roles[r].sandbox;
    }
    bool ok = attest_run(&a, e) && attest_verdict(&a, e);
    log_event(ok ? "attest" : "attest-failed",
              "%s%s%u channels x %u roles, %u reached, %u not applied", ok ? "" : e->msg,
              ok ? "" : ": ", a.n_channels, a.n_roles, a.n_reached, a.n_refused);
    return ok || (!airgap && e->code != ERR_DENIED);
}

/* Nothing comes on the line but its end, which is that of the supervisor. */
static bool supervisor_ends_within(int line, uint32_t seconds)
{
    struct pollfd p = {line, POLLIN, 0};
    int n;
    while ((n = poll(&p, 1, (int)(seconds * 1000u))) < 0 && errno == EINTR)
        ;
    return n != 0;
}

/* It is outside of all sandboxes, as it must be to see what comes out of them, and reads nothing.
 */
static _Noreturn void be_attest(const struct config *c, int line)
{
    struct err e = {0};
    ignore_terminal();
    signal(SIGTERM, SIG_IGN); /* where all of a service are told */
    os_name_process("moat:attest");
    bool lives = try_all_ways(c->airgap, &e), goes_on = true;
    while (lives && goes_on) {
        (void)!write(line, "", 1); /* for the record */
        goes_on = c->airgap && !supervisor_ends_within(line, c->attest_seconds);
        lives = !goes_on || try_all_ways(true, &e);
    }
    _exit(lives ? 0 : err_exit_status(e.code));
}

static bool start_attest(const struct config *c, struct isolate_attest *a, struct err *e)
{
    int line[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line) != 0)
        return fail(e, ERR_INTERNAL, "cannot make a line between two processes: %s",
                    strerror(errno));
    a->pid = fork();
    if (a->pid == 0) {
        close(line[1]);
        be_attest(c, line[0]);
    }
    close(line[0]);
    a->line = line[1];
    return a->pid > 0 || fail(e, ERR_LIMIT, "cannot start a process: %s", strerror(errno));
}

void isolate_attest_close(struct isolate_attest *a)
{
    if (a->line >= 0)
        close(a->line);
    a->line = -1;
}

bool isolate_helpers(const struct config *c, struct isolate_attest *attest, struct err *e)
{
    if (!c->airgap && !fetch_is_built_in())
        return fail(e, ERR_USAGE, "this is the air-gap build of moat: airgap cannot be false");
    if (c->airgap && (c->upstream_hf[0] || c->upstream_registry[0]))
        return fail(e, ERR_USAGE,
                    "the air-gap profile fetches nothing; remove upstream_hf and upstream_registry "
                    "from the configuration");
    if (c->airgap && c->spill)
        return fail(e, ERR_USAGE,
                    "the air-gap profile keeps nothing of conversations on disk; remove spill from "
                    "the configuration");
    if (!c->airgap && !isolate_starter(true, e))
        return false;
    *attest = (struct isolate_attest){.line = -1};
    return !sandbox_is_built_in() || start_attest(c, attest, e); /* else there is nothing to try */
}

/* --- roles --------------------------------------------------------------------------------------
 */

bool isolate_supervisor(const struct listeners *l, const struct config *c, const char *witness,
                        struct err *e)
{
    struct isolate i;
    isolate_init(&i, SANDBOX_SUPERVISOR, c->airgap);
    for (uint32_t k = 0; k < l->n; k++) /* their files are removed at the end */
        if (l->v[k].local)
            add_folder(&i, i.sandbox.write, l->v[k].name + strlen("unix:"));
    if (witness[0]) /* a child has no more than its parent */
        add_folder(&i, i.sandbox.write, witness);
    return enter(&i, e);
}

bool isolate_auditor(const struct config *c, const char *witness, struct err *e)
{
    struct isolate i;
    isolate_init(&i, SANDBOX_AUDITOR, c->airgap);
    if (witness[0])
        add_folder(&i, i.sandbox.write, witness);
    return enter(&i, e);
}

bool isolate_teller(const struct config *c, const char *token, struct err *e)
{
    struct isolate i;
    isolate_init(&i, SANDBOX_AUDITOR, c->airgap);
    if (token[0])
        add(i.sandbox.read, token);
    return enter(&i, e);
}

bool isolate_front(const struct config *c, struct err *e)
{
    struct isolate i;
    os_memory_keep(); /* it decides which models have room */
    isolate_init(&i, SANDBOX_FRONT, c->airgap);
    return enter(&i, e);
}

bool isolate_keeper(const struct config *c, struct err *e)
{
    struct isolate i;
    isolate_init(&i, SANDBOX_KEEPER, c->airgap);
    return enter(&i, e);
}

bool isolate_engine(struct isolate *i, const struct served *model, const struct config *c,
                    struct err *e)
{
    isolate_init(i, SANDBOX_ENGINE, c->airgap);
    for (const struct served *m = model; m; m = m->draft)
        if (m->path[0])
            add_folder(i, i->sandbox.read, m->path);
    for (uint32_t j = 0; j < model->n_adapters; j++)
        if (model->adapters[j]->path[0])
            add_folder(i, i->sandbox.read, model->adapters[j]->path);
    return enter(i, e);
}

bool isolate_seal(void *arg, struct err *e)
{
    struct isolate *i = arg;
    bool ok = sandbox_seal(&i->sandbox, e);
    log_refused(&i->sandbox);
    return ok;
}
