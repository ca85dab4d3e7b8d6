/* SPDX-License-Identifier: Apache-2.0 */
/* guard/attest: see attest.h.
 *
 * (I1) What is found is in memory that all processes of the test share; each cell is written by one
 *      attempt, and read when that has ended.
 * (I2) An attempt that is ended by a signal, or hangs until its alarm, has not got out; what it
 *      may have sent before is at a peer. */
#include "guard/attest.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard/attest_private.h"

enum { ALARM_S = 2, GOT_OUT = 0, STAYED_IN = 1 };

struct shared {
    struct attest_cell cell[ATTEST_COLUMNS][ATTEST_CHANNELS];
    struct sandbox_state layer[ATTEST_COLUMNS][SANDBOX_LAYERS];
    struct err failed; /* a sandbox that the air-gap profile could not have */
};

const char *attest_channel(unsigned i)
{
    return i < attest_n_ways ? attest_ways[i].name : NULL;
}

const char *attest_column(unsigned column)
{
    if (column < SANDBOX_ROLES)
        return sandbox_role_name((enum sandbox_role)column);
    return column == ATTEST_LOADING ? "loading" : "none";
}

bool attest_has_column(const struct attest *a, unsigned column)
{
    bool airgap = a->roles[SANDBOX_FETCH].airgap;
    if (column == ATTEST_CONTROL)
        return !a->quick;
    return !airgap || (column != SANDBOX_FETCH && column != SANDBOX_STARTER);
}

/* --- one attempt --------------------------------------------------------------------------------
 */

/* The rest of the sandbox, whose space the parent has entered. */
static bool enter_rest(struct sandbox *s, unsigned column, struct err *e)
{
    bool seals = column == SANDBOX_ENGINE || column == SANDBOX_COMMAND;
    return sandbox_enter_calls(s, e) && (!seals || sandbox_seal(s, e));
}

static _Noreturn void attempt(const struct attest_world *w, struct sandbox *s, unsigned column,
                              uint32_t channel, struct shared *to)
{
    const struct attest_token t = {"moatout", column, channel};
    const struct itimerval limit = {.it_value.tv_sec = ALARM_S};
    struct attest_cell *cell = &to->cell[column][channel];
    struct err e = {0};
    (void)setitimer(ITIMER_REAL, &limit, NULL);
    if (s && !enter_rest(s, column, &e)) {
        to->failed = e;
        _exit(STAYED_IN);
    }
    if (s)
        for (int layer = 0; layer < SANDBOX_LAYERS; layer++)
            to->layer[column][layer] = s->state[layer];
    errno = 0;
    cell->error = -attest_ways[channel].fn(w, &t);
    _exit(cell->error ? STAYED_IN : GOT_OUT);
}

static void judge(struct attest_cell *cell, unsigned channel, int status)
{
    bool out = WIFEXITED(status) && WEXITSTATUS(status) == GOT_OUT;
    cell->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    /* What must arrive at a peer is out only there: attest_run sees it. */
    cell->outcome = out && !attest_ways[channel].at_peer ? ATTEST_REACHED : ATTEST_BLOCKED;
}

/* --- one role -----------------------------------------------------------------------------------
 */

/* All at once: most wait for something. */
static void try_all(struct attest_world *w, struct sandbox *s, unsigned column, struct shared *to)
{
    pid_t pid[ATTEST_CHANNELS];
    for (unsigned i = 0; i < attest_n_ways; i++) {
        pid[i] = fork();
        if (pid[i] == 0)
            attempt(w, s, column, i, to);
    }
    for (unsigned i = 0; i < attest_n_ways; i++) {
        int status = 0;
        while (pid[i] > 0 && waitpid(pid[i], &status, 0) < 0 && errno == EINTR)
            ;
        if (pid[i] > 0)
            judge(&to->cell[column][i], i, status);
    }
}

static _Noreturn void be_role(struct attest_world *w, struct sandbox *s, unsigned column,
                              struct shared *to)
{
    struct err e = {0};
    signal(SIGINT, SIG_DFL);
    (void)attest_world_renew(w); /* without a loopback device its ways are absent */
    if (s && !sandbox_enter_space(s, &e)) {
        to->failed = e;
        _exit(1);
    }
    try_all(w, s, column, to);
    _exit(0);
}

static bool run_column(struct attest *a, struct attest_world *w, unsigned column, struct shared *to,
                       struct err *e)
{
    struct sandbox *s = NULL;
    if (column != ATTEST_CONTROL)
        s = &a->roles[column == ATTEST_LOADING ? SANDBOX_ENGINE : column];
    pid_t pid = fork();
    if (pid == 0)
        be_role(w, s, column, to);
    if (pid < 0)
        return fail(e, ERR_LIMIT, "cannot start a process: %s", strerror(errno));
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    struct attest_token t;
    while (attest_world_take(w, &t))
        if (memcmp(t.magic, "moatout", sizeof t.magic) == 0 && t.column < ATTEST_COLUMNS &&
            t.channel < attest_n_ways)
            to->cell[t.column][t.channel].outcome = ATTEST_REACHED;
    if (to->failed.code == ERR_NONE)
        return true;
    *e = to->failed;
    return false;
}

/* --- the whole ----------------------------------------------------------------------------------
 */

static void sum_up(struct attest *a)
{
    a->n_channels = attest_n_ways;
    for (unsigned c = 0; c < ATTEST_CONTROL; c++) {
        if (!attest_has_column(a, c))
            continue;
        a->n_roles++;
        for (int layer = 0; layer < SANDBOX_LAYERS; layer++)
            a->n_refused += a->layer[c][layer].outcome == SANDBOX_REFUSED;
        for (unsigned i = 0; i < attest_n_ways; i++) {
            struct attest_cell *cell = &a->cell[c][i];
            if (cell->outcome != ATTEST_REACHED)
                continue;
            bool refused = a->layer[c][SANDBOX_FILES].outcome == SANDBOX_REFUSED;
            if (attest_ways[i].may >> c & 1)
                cell->outcome = ATTEST_MAY;
            else if (attest_ways[i].by_files && refused)
                cell->outcome = ATTEST_NOT_APPLIED;
            a->n_reached += cell->outcome == ATTEST_REACHED;
        }
    }
}

bool attest_run(struct attest *a, struct err *e)
{
    struct attest_world w;
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return fail(e, ERR_LIMIT, "memory is short: %s", strerror(errno));
    bool ok = attest_world_open(&w, e);
    for (unsigned c = 0; ok && c < ATTEST_COLUMNS; c++)
        if (attest_has_column(a, c))
            ok = run_column(a, &w, c, shared, e);
    if (ok) {
        memcpy(a->cell, shared->cell, sizeof a->cell);
        memcpy(a->layer, shared->layer, sizeof a->layer);
        sum_up(a);
    }
    attest_world_close(&w);
    munmap(shared, sizeof *shared);
    return ok;
}

bool attest_verdict(const struct attest *a, struct err *e)
{
    for (unsigned c = 0; c < ATTEST_CONTROL; c++)
        for (unsigned i = 0; i < attest_n_ways; i++)
            if (a->cell[c][i].outcome == ATTEST_REACHED)
                return fail(e, ERR_DENIED,
                            "the sandbox of the role %s is open: %s got out of it; moat attest "
                            "shows them all",
                            attest_column(c), err_text(attest_ways[i].name));
    return true;
}
