/* SPDX-License-Identifier: Apache-2.0 */
/* cli/interrupt: see interrupt.h. */
#include "cli/interrupt.h"

#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"
#include "cli/progress.h"

static atomic_bool flag;          /* an answer is to stop, or a line was given up */
static atomic_bool ending;        /* the program is to end */
static atomic_bool resized;       /* the terminal has another size */
static atomic_bool resumed;       /* it was stopped, and runs again */
static atomic_int presses;        /* Ctrl-C during this answer */
static struct termios saved_mode; /* of the terminal, before it was edited on */
static bool watching;
static unsigned depth; /* begin and watch nest */

static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP};
enum { N_WATCHED = sizeof watched / sizeof *watched };
static struct sigaction old_action[N_WATCHED];

/* The shell gets the terminal as it was, and we get it as it is now when we go on. */
static void stop_here(void)
{
    struct termios now;
    bool known = watching && tcgetattr(STDIN_FILENO, &now) == 0;
    if (known)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &saved_mode);
    raise(SIGSTOP);
    if (known)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &now);
    atomic_store(&resumed, true);
}

/* Only lock-free atomics and async-signal-safe calls. */
static void on_signal(int number)
{
    if (number == SIGWINCH) {
        atomic_store(&resized, true);
        return;
    }
    if (number == SIGTSTP) {
        stop_here();
        return;
    }
    if (number != SIGINT)
        atomic_store(&ending, true);
    atomic_store(&flag, true);
    if (number == SIGINT && atomic_fetch_add(&presses, 1) >= 2) {
        if (watching)
            tcsetattr(STDIN_FILENO, TCSANOW, &saved_mode);
        _exit(err_exit_status(ERR_CANCELLED));
    }
}

static void install(void)
{
    if (depth++)
        return;
    struct sigaction a;
    memset(&a, 0, sizeof a);
    a.sa_handler = on_signal;
    for (size_t i = 0; i < N_WATCHED; i++) {
        sigaction(watched[i], NULL, &old_action[i]);
        if (old_action[i].sa_handler != SIG_IGN) /* nohup stays nohup */
            sigaction(watched[i], &a, NULL);
    }
}

static void uninstall(void)
{
    if (--depth)
        return;
    for (size_t i = 0; i < N_WATCHED; i++)
        sigaction(watched[i], &old_action[i], NULL);
}

void interrupt_begin(void)
{
    atomic_store(&flag, false);
    atomic_store(&presses, 0);
    install();
}

void interrupt_end(void)
{
    uninstall();
}

const atomic_bool *interrupt_flag(void)
{
    return &flag;
}

bool interrupt_progress(void *arg, uint64_t done, uint64_t total)
{
    struct progress *p = arg;
    p->total = total;
    progress_update(p, done);
    return !atomic_load(interrupt_flag());
}

bool interrupt_ending(void)
{
    return atomic_load(&ending);
}

bool interrupt_take(void)
{
    atomic_store(&presses, 0);
    return atomic_exchange(&flag, false);
}

bool interrupt_resized(void)
{
    return atomic_exchange(&resized, false);
}

bool interrupt_resumed(void)
{
    return atomic_exchange(&resumed, false);
}

void interrupt_watch(bool on)
{
    if (on) {
        watching = tcgetattr(STDIN_FILENO, &saved_mode) == 0;
        install();
    } else {
        uninstall();
        watching = false;
    }
}
