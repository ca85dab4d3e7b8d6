/* SPDX-License-Identifier: Apache-2.0 */
/* serve/supervisor: see supervisor.h. Signals come through a pipe that only this process writes. */
#include "serve/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "serve/auditor.h"
#include "serve/control.h"
#include "serve/engine_process.h"
#include "serve/keeper.h"
#include "serve/log.h"
#include "serve/loop.h"
#include "serve/packet.h"
#include "serve/supervisor_private.h"
#include "serve/witness.h"

enum { TELLER_TRIES = 150 }; /* of 20 ms: other machines are not waited for longer at the end */

static int signal_fd = -1; /* of this process only; -1 in its children */
static pid_t signal_pid;

/* A child that has just been forked has this handler still, and the pipe: what is meant for it must
 * not end the server. */
static void on_signal(int signo)
{
    int saved = errno;
    if (getpid() != signal_pid) {
        if (signo == SIGTERM) {
            signal(signo, SIG_DFL);
            kill(getpid(), signo);
        }
        errno = saved;
        return;
    }
    unsigned char byte = (unsigned char)signo;
    ssize_t n = signal_fd >= 0 ? write(signal_fd, &byte, 1) : 0;
    (void)n; /* the pipe is full: enough of them are waiting */
    errno = saved;
}

static const int caught[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
enum { N_CAUGHT = sizeof caught / sizeof *caught };

static bool catch_signals(struct supervisor *s, struct err *e)
{
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    if (pipe2(s->pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        return fail(e, ERR_INTERNAL, "cannot make a pipe: %s", strerror(errno));
    signal_fd = s->pipe[1];
    signal_pid = getpid();
    for (int i = 0; i < N_CAUGHT; i++)
        sigaction(caught[i], &a, NULL);
    signal(SIGPIPE, SIG_IGN);
    return true;
}

/* --- starting roles ------------------------------------------------------------------------------
 */

static void close_audit(struct supervisor *s)
{
    for (int i = 0; i < 2; i++) {
        if (s->audit[i] >= 0)
            close(s->audit[i]);
        s->audit[i] = -1;
    }
}

/* What a child does not share. Terminal signals are for the supervisor, who tells its children. */
static void become_child(struct supervisor *s, bool starts)
{
    close_audit(s);
    if (!starts)
        child_start_nothing();
    if (s->telling >= 0)
        close(s->telling);
    s->telling = -1;
    signal_fd = -1;
    ledger_book_close(&s->book);
    close(s->pipe[0]);
    close(s->pipe[1]);
    isolate_attest_close(&s->attest);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
}

static bool make_line(int line[2], struct err *e)
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line) == 0 ||
           fail(e, ERR_INTERNAL, "cannot make a line between two processes: %s", strerror(errno));
}

static void close_line(struct supervisor *s)
{
    if (s->line >= 0)
        close(s->line);
    s->line = -1;
}

/* In a child that is not the front: what only that has to do with. */
static void close_front(struct supervisor *s)
{
    close_line(s);
    for (uint32_t i = 0; i < s->listeners.n; i++)
        close(s->listeners.v[i].fd);
}

static bool start_front(struct supervisor *s, struct err *e)
{
    int line[2], ledger;
    if (!ledger_book_open(&s->book, &ledger, e))
        return false;
    if (!make_line(line, e)) {
        close(ledger);
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        become_child(s, false);
        audit_syslog_close();
        close(line[0]);
        _exit(front_main(&s->listeners, line[1], ledger, s->p->config, s->p->access, s->p->models,
                         s->p->routes));
    }
    close(line[1]);
    close(ledger);
    if (pid < 0) {
        close(line[0]);
        return fail(e, ERR_LIMIT, "cannot start a process: %s", strerror(errno));
    }
    s->front.pid = pid;
    s->front.started_ns = os_now_ns();
    s->line = line[0];
    return true;
}

void supervisor_record(const struct supervisor *s, const char *what, const struct served *m,
                       const char *outcome)
{
    struct err e;
    json_t *j = json_pack("{s{ss ss ss ss* ss* ss*}}", "record", "act", "server", "phase", "note",
                          "what", what, "model", m ? m->id : NULL, "digest",
                          m && m->digest[0] ? m->digest : NULL, "outcome", outcome);
    if (s->audit[1] >= 0 && !packet_send(s->audit[1], j, -1, false, &e))
        log_event("audit-note-lost", "%s", what);
    json_decref(j);
}

static bool start_engine(struct supervisor *s, uint32_t i, struct err *e)
{
    struct engine *g = &s->engines[i];
    int line[2];
    if (!make_line(line, e))
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        become_child(s, false);
        audit_syslog_close();
        close_front(s);
        close(line[0]);
        _exit(engine_process(s->p->models->v[i], s->p->config, line[1]));
    }
    close(line[1]);
    g->pid = pid > 0 ? pid : 0;
    g->started_ns = os_now_ns();
    supervisor_record(s, "load", s->p->models->v[i], NULL);
    struct control m = {.kind = CONTROL_ENGINE, .model = i, .pid = (uint32_t)g->pid};
    bool ok = pid > 0 ? control_send(s->line, &m, STR(""), line[0], e)
                      : fail(e, ERR_LIMIT, "cannot start a process: %s", strerror(errno));
    close(line[0]);
    return ok;
}

/* The process that opens what is in the store for the front. */
static bool start_keeper(struct supervisor *s, struct err *e)
{
    int line[2];
    if (!packet_pair(line, e))
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        become_child(s, true);
        audit_syslog_close();
        close_front(s);
        close(line[0]);
        _exit(keeper_main(line[1], s->p->config));
    }
    close(line[1]);
    s->keeper.pid = pid > 0 ? pid : 0;
    s->keeper.started_ns = os_now_ns();
    struct control m = {.kind = CONTROL_KEEPER, .pid = (uint32_t)s->keeper.pid};
    bool ok = pid > 0 ? control_send(s->line, &m, STR(""), line[0], e)
                      : fail(e, ERR_LIMIT, "cannot start a process: %s", strerror(errno));
    close(line[0]);
    return ok;
}

static bool tell_auditor(struct supervisor *s, struct err *e)
{
    struct control m = {.kind = CONTROL_AUDITOR, .pid = (uint32_t)s->auditor.pid};
    return control_send(s->line, &m, STR(""), s->audit[0], e);
}

/* The process that writes the audit log. Its line to the front outlives the front. */
static bool start_auditor(struct supervisor *s, struct err *e)
{
    int front[2], own[2];
    close_audit(s);
    if (!packet_pair(front, e))
        return false;
    if (!packet_pair(own, e)) {
        close(front[0]);
        close(front[1]);
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        become_child(s, false);
        close_front(s);
        close(front[0]);
        close(own[0]);
        const char *role = s->p->routes == &route_mirror ? "mirror" : "serve";
        _exit(auditor_main(front[1], own[1], s->p->config, role, s->witness));
    }
    close(front[1]);
    close(own[1]);
    s->audit[0] = front[0];
    s->audit[1] = own[0];
    s->auditor.pid = pid > 0 ? pid : 0;
    s->auditor.started_ns = os_now_ns();
    return pid > 0 ? tell_auditor(s, e)
                   : fail(e, ERR_LIMIT, "cannot start a process: %s", strerror(errno));
}

/* The process that takes checkpoints to other machines. */
static bool start_teller(struct supervisor *s, struct err *e)
{
    int line[2];
    if (!make_line(line, e))
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        become_child(s, true);
        audit_syslog_close();
        close_front(s);
        close(line[0]);
        _exit(witness_main(line[1], s->p->config, s->token));
    }
    close(line[1]);
    if (pid < 0) {
        close(line[0]);
        return fail(e, ERR_LIMIT, "cannot start a process: %s", strerror(errno));
    }
    s->telling = line[0];
    s->teller.pid = pid;
    s->teller.started_ns = os_now_ns();
    return true;
}

/* --- what falls ----------------------------------------------------------------------------------
 */

static void stop(struct supervisor *s, int status)
{
    if (!s->done)
        s->status = status;
    s->done = true;
}

static uint64_t pause_ns(struct engine *g)
{
    bool soon = os_now_ns() - g->started_ns < SUPERVISOR_SOON_S * 1000000000ull;
    g->falls = soon ? g->falls + 1 : 0;
    uint64_t ms = g->falls ? 50ull << (g->falls < 6 ? g->falls : 6) : 0;
    return (ms < SUPERVISOR_PAUSE_MS ? ms : SUPERVISOR_PAUSE_MS) * 1000000u;
}

/* Nothing can be answered without it, so one that never stays up is no matter for patience. */
static bool gives_up(struct supervisor *s, const struct engine *g, const char *name)
{
    if (g->falls < SUPERVISOR_FALLS)
        return false;
    log_event("given-up",
              "%s: it has fallen %u times, each within %u s of its start; what this machine gives "
              "it (memory, files, the kernel) is too little, or moat has a bug",
              name, g->falls, SUPERVISOR_SOON_S);
    stop(s, err_exit_status(ERR_INTERNAL));
    return true;
}

/* The name of the error that a role ended with. */
static const char *outcome_of(int status)
{
    enum err_code code = ERR_NONE;
    while (code < ERR_INTERNAL && err_exit_status(code) != status)
        code++;
    return err_name(code);
}

static void engine_fell(struct supervisor *s, uint32_t i, int status)
{
    struct engine *g = &s->engines[i];
    const char *id = s->p->models->v[i]->id;
    g->pid = 0;
    if (s->draining || s->done)
        return;
    if (!g->wanted) {
        supervisor_record(s, "unload", s->p->models->v[i], NULL);
        log_event("engine-unloaded", "%s", id);
        return;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) { /* it has said why, and would again */
        supervisor_record(s, "load", s->p->models->v[i], outcome_of(WEXITSTATUS(status)));
        log_event("engine-ended", "%s: exit status %d", id, WEXITSTATUS(status));
        g->wanted = false;
        if (g->fatal)
            stop(s, WEXITSTATUS(status));
        return;
    }
    g->due_ns = os_now_ns() + pause_ns(g);
    supervisor_record(s, "load", s->p->models->v[i], "fell");
    log_event("engine-fell", "%s: signal %d; starting another", id,
              WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void keeper_fell(struct supervisor *s, int status)
{
    s->keeper.pid = 0;
    if (s->draining || s->done)
        return;
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
        stop(s, WEXITSTATUS(status)); /* it has said why, and would say it again */
        return;
    }
    bool replaced = WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
    s->keeper.due_ns = replaced ? 0 : os_now_ns() + pause_ns(&s->keeper);
    log_event("keeper-fell", "signal %d; starting another",
              WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

/* Meanwhile nothing begins: the front refuses it. */
static void auditor_fell(struct supervisor *s, int status)
{
    s->auditor.pid = 0;
    close_audit(s);
    if (s->done)
        return;
    s->auditor.due_ns = os_now_ns() + pause_ns(&s->auditor);
    log_event("auditor-fell", "status %d, signal %d; starting another",
              WIFEXITED(status) ? WEXITSTATUS(status) : 0,
              WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

/* The log goes on; what other machines do not know yet waits in the spool. */
static void teller_fell(struct supervisor *s, int status)
{
    s->teller.pid = 0;
    if (s->telling >= 0)
        close(s->telling);
    s->telling = -1;
    if (s->done)
        return;
    s->teller.due_ns = os_now_ns() + pause_ns(&s->teller) + 1000000000u;
    log_event("witness-fell", "status %d, signal %d; starting another",
              WIFEXITED(status) ? WEXITSTATUS(status) : 0,
              WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void front_fell(struct supervisor *s, int status)
{
    s->front.pid = 0;
    close_line(s);
    if (s->done)
        return;
    if (s->draining || (WIFEXITED(status) && WEXITSTATUS(status) != 0)) {
        if (!s->draining)
            log_event("front-ended", "exit status %d", WEXITSTATUS(status));
        stop(s, s->draining ? 0 : WEXITSTATUS(status));
        return;
    }
    supervisor_record(s, "front", NULL, "fell"); /* what it had begun has no end of its own */
    s->front.due_ns = os_now_ns() + pause_ns(&s->front);
    if (!gives_up(s, &s->front, "front"))
        log_event("front-fell", "signal %d; starting another",
                  WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void obey(struct supervisor *s, const struct control *m)
{
    if (m->model >= s->p->models->n)
        return;
    struct engine *g = &s->engines[m->model];
    if (m->kind == CONTROL_LOAD) {
        g->wanted = true;
    } else if (m->kind == CONTROL_UNLOAD) { /* it was there, or nobody needs it to be */
        g->wanted = g->fatal = false;
        g->falls = 0;
    } else if (m->kind == CONTROL_KILL_ENGINE && g->pid) {
        kill(g->pid, SIGKILL);
    }
}

/* What the front wants. */
static void take_control(struct supervisor *s)
{
    struct control m;
    ssize_t n;
    while ((n = recv(s->line, &m, sizeof m, MSG_DONTWAIT)) == sizeof m)
        obey(s, &m);
    if (n >= 0 || (errno != EAGAIN && errno != EINTR))
        close_line(s); /* its end is told by SIGCHLD */
}

static void attest_ended(struct supervisor *s, int status)
{
    bool said = WIFEXITED(status) && status != 0;
    if (status != 0)
        supervisor_record(s, "attest", NULL, said ? outcome_of(WEXITSTATUS(status)) : "fell");
    if (status != 0 || s->p->config->airgap)
        stop(s, said ? WEXITSTATUS(status) : err_exit_status(ERR_DENIED));
}

/* Nothing got out, once more. */
static void take_attest(struct supervisor *s)
{
    char byte;
    if (recv(s->attest.line, &byte, 1, MSG_DONTWAIT) == 1)
        supervisor_record(s, "attest", NULL, outcome_of(0));
    else
        isolate_attest_close(&s->attest); /* it has ended, which SIGCHLD tells */
}

static void reap(struct supervisor *s)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid == s->attest.pid)
            attest_ended(s, status);
        if (s->line >= 0)
            take_control(s); /* was its end wanted? That was said before it was told to end */
        if (pid == s->front.pid)
            front_fell(s, status);
        if (pid == s->keeper.pid)
            keeper_fell(s, status);
        if (pid == s->auditor.pid)
            auditor_fell(s, status);
        if (pid == s->teller.pid)
            teller_fell(s, status);
        for (uint32_t i = 0; i < s->p->models->n; i++)
            if (pid == s->engines[i].pid)
                engine_fell(s, i, status);
    }
}

/* Who keeps the record, and who tells others of it; how long until one is due, in ns. */
static uint64_t start_recorders(struct supervisor *s, uint64_t now)
{
    const struct {
        bool wanted;
        struct engine *role;
        bool (*start)(struct supervisor *s, struct err *e);
    } rows[] = {{audit_line_expected(), &s->auditor, start_auditor},
                {s->tells, &s->teller, start_teller}};
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct engine *g = rows[i].role;
        struct err e = {0};
        if (!rows[i].wanted || g->pid)
            continue;
        if (g->due_ns <= now && !rows[i].start(s, &e)) {
            log_event("start-failed", "%s", e.msg);
            g->due_ns = now + 500000000u;
        }
        if (!g->pid && g->due_ns - now < least)
            least = g->due_ns > now ? g->due_ns - now : 0;
    }
    return least;
}

/* Starts what is due; how long until something else is, in ms, or -1. */
static int start_due(struct supervisor *s)
{
    struct err e = {0};
    uint64_t now = os_now_ns(), least = UINT64_MAX;
    if (s->draining)
        return 200;
    if (!s->front.pid && s->front.due_ns > now)
        return (int)((s->front.due_ns - now) / 1000000u) + 1;
    if (!s->front.pid && (!start_front(s, &e) || (s->auditor.pid && !tell_auditor(s, &e)))) {
        log_event("start-failed", "%s", e.msg);
        return 500;
    }
    uint64_t wait = start_recorders(s, now);
    least = wait < least ? wait : least;
    bool keeps = s->p->routes == &route_mirror || keys_have_operator(&s->p->access->keys);
    for (uint32_t i = 0; i < s->p->models->n + keeps; i++) {
        bool keeper = i == s->p->models->n;
        struct engine *g = keeper ? &s->keeper : &s->engines[i];
        if (g->pid || !s->front.pid || (!keeper && !g->wanted))
            continue;
        if (g->due_ns > now) {
            least = g->due_ns - now < least ? g->due_ns - now : least;
        } else if (keeper ? !start_keeper(s, &e) : !start_engine(s, i, &e)) {
            log_event("start-failed", "%s", e.msg);
            g->due_ns = now + 500000000u;
            least = 500000000u;
        }
    }
    return least == UINT64_MAX ? -1 : (int)(least / 1000000u) + 1;
}

/* --- signals -------------------------------------------------------------------------------------
 */

static void kill_all(struct supervisor *s, int signo)
{
    for (uint32_t i = 0; i < s->p->models->n; i++)
        if (s->engines[i].pid)
            kill(s->engines[i].pid, signo);
    if (s->keeper.pid)
        kill(s->keeper.pid, signo);
    if (s->front.pid)
        kill(s->front.pid, signo);
}

static void begin_drain(struct supervisor *s)
{
    struct err e;
    if (s->draining) { /* the second time: now */
        stop(s, 0);
        return;
    }
    s->draining = true;
    s->drain_ns = os_now_ns();
    if (s->line < 0 ||
        !control_send(s->line, &(struct control){.kind = CONTROL_DRAIN}, STR(""), -1, &e))
        stop(s, 0);
}

static void take_signals(struct supervisor *s)
{
    unsigned char signo;
    while (read(s->pipe[0], &signo, 1) == 1) {
        if (signo == SIGCHLD)
            reap(s);
        else if (signo == SIGHUP)
            supervisor_reload(s);
        else
            begin_drain(s);
    }
}

/* --- the whole -----------------------------------------------------------------------------------
 */

static bool open_listeners(struct supervisor *s, struct err *e)
{
    const struct config_list *l = &s->p->config->listen;
    for (uint32_t i = 0; i < l->n; i++)
        if (!listen_open(&s->listeners, l->v[i], e))
            return false;
    for (uint32_t i = 0; i < s->listeners.n; i++)
        log_event("listening", "%s", s->listeners.v[i].name);
    return true;
}

static void watch(struct supervisor *s)
{
    while (!s->done) {
        int wait = start_due(s);
        int most = (int)(s->p->store.add ? SUPERVISOR_STORE_MS : SUPERVISOR_KEYS_MS);
        wait = wait < 0 || wait > most ? most : wait;
        struct pollfd p[] = {
            {s->pipe[0], POLLIN, 0}, {s->line, POLLIN, 0}, {s->attest.line, POLLIN, 0}};
        poll(p, 3, wait); /* -1 is none */
        supervisor_watch_keys(s);
        supervisor_watch_store(s);
        ledger_book_keep(&s->book, &s->p->access->keys, false);
        if (p[0].revents)
            take_signals(s);
        if (s->line >= 0 && p[1].revents)
            take_control(s);
        if (p[2].revents)
            take_attest(s);
        if (s->draining && os_now_ns() - s->drain_ns > SUPERVISOR_DRAIN_S * 1000000000ull)
            stop(s, 0);
    }
}

static void end_children(struct supervisor *s)
{
    kill_all(s, SIGTERM);
    close_line(s);
    for (int tries = 0; tries < 200; tries++) {
        bool left = s->front.pid || s->keeper.pid;
        reap(s);
        for (uint32_t i = 0; i < s->p->models->n; i++)
            left |= s->engines[i].pid != 0;
        if (!left)
            return;
        poll(NULL, 0, 10);
    }
    kill_all(s, SIGKILL);
}

static void note_witnesses(struct supervisor *s, const struct audit_settings *settings)
{
    const struct config *c = s->p->config;
    snprintf(s->witness, sizeof s->witness, "%s", settings->witness_file);
    snprintf(s->token, sizeof s->token, "%s", settings->token_file);
    s->tells = settings->n_urls > 0 && !c->airgap;
    if (settings->n_urls && c->airgap)
        log_event("witness-untold", "the air-gap profile dials nowhere: carry the spool by hand");
}

/* Where a log was begun, everything is on record, or the server does not start. */
static bool expect_audit(struct supervisor *s, struct err *e)
{
    const struct supervisor_params *p = s->p;
    char dir[4096];
    struct audit *a;
    if (!auditor_folder(dir, e))
        return false;
    if (!audit_exists(dir))
        return !p->config->require_audit ||
               fail(e, ERR_DENIED,
                    "require_audit is set, and no audit log was begun; moat audit init --auditor "
                    "age1... begins one");
    if (!audit_open(&a, dir, "serve", e)) /* it opens syslog too, which no role may later */
        return false;
    audit_line_expect(audit_settings_of(a)->content);
    note_witnesses(s, audit_settings_of(a));
    audit_close(a);
    return true;
}

/* After all others have ended: what they sent last is written first, and told last. */
static void end_recorders(struct supervisor *s)
{
    int status;
    supervisor_record(s, "end", NULL, NULL);
    close_audit(s);
    if (s->auditor.pid)
        waitpid(s->auditor.pid, &status, 0);
    if (s->telling >= 0)
        close(s->telling);
    s->telling = -1;
    for (int tries = 0; s->teller.pid && tries < TELLER_TRIES; tries++) {
        if (waitpid(s->teller.pid, &status, WNOHANG) == s->teller.pid)
            return;
        poll(NULL, 0, 20);
    }
    if (s->teller.pid) {
        kill(s->teller.pid, SIGKILL);
        waitpid(s->teller.pid, &status, 0);
    }
}

bool supervisor_run(struct supervisor_params *p, int *status, struct err *e)
{
    struct supervisor s = {.p = p,
                           .line = -1,
                           .telling = -1,
                           .book.line = -1,
                           .pipe = {-1, -1},
                           .audit = {-1, -1},
                           .attest.line = -1};
    for (uint32_t i = 0; i < p->models->n; i++)
        s.engines[i].wanted = s.engines[i].fatal = p->models->v[i]->at_start;
    bool ok = expect_audit(&s, e) && isolate_helpers(p->config, &s.attest, e) &&
              open_listeners(&s, e) && catch_signals(&s, e) &&
              isolate_supervisor(&s.listeners, p->config, s.witness, e);
    if (ok) {
        watch(&s);
        end_children(&s);
        ledger_book_keep(&s.book, &p->access->keys, true);
        end_recorders(&s);
        *status = s.status;
        log_event("ended", "exit status %d", s.status);
    }
    for (int i = 0; i < N_CAUGHT; i++)
        signal(caught[i], SIG_DFL);
    signal_fd = -1;
    isolate_attest_close(&s.attest);
    ledger_book_close(&s.book);
    listen_close(&s.listeners);
    for (int i = 0; i < 2; i++)
        if (s.pipe[i] >= 0)
            close(s.pipe[i]);
    return ok;
}
