/* SPDX-License-Identifier: Apache-2.0 */
/* cli/interrupt: see interrupt.h. */
#include "cli/interrupt.h"

#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"

static atomic_bool flag;          /* an answer is to stop, or a line was given up */
static atomic_bool ending;        /* the program is to end */
static atomic_bool resized;       /* the terminal has another size */
static atomic_int presses;        /* Ctrl-C during this answer */
static bool hushed;               /* the terminal's echo is off */
static struct termios saved_mode; /* as it was before */
static unsigned depth;            /* begin and watch nest */

static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
enum { N_WATCHED = sizeof watched / sizeof *watched };
static struct sigaction old_action[N_WATCHED];

/* Only lock-free atomics and async-signal-safe calls. */
static void on_signal(int number)
{
    if (number == SIGWINCH) {
        atomic_store(&resized, true);
        return;
    }
    if (number != SIGINT)
        atomic_store(&ending, true);
    atomic_store(&flag, true);
    if (number == SIGINT && atomic_fetch_add(&presses, 1) >= 2) {
        if (hushed)
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

void interrupt_begin(bool hush)
{
    atomic_store(&flag, false);
    atomic_store(&presses, 0);
    install();
    struct termios quiet;
    if (hush && tcgetattr(STDIN_FILENO, &saved_mode) == 0) {
        quiet = saved_mode;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        hushed = tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet) == 0;
    }
}

void interrupt_end(void)
{
    if (hushed)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &saved_mode);
    hushed = false;
    uninstall();
}

const atomic_bool *interrupt_flag(void)
{
    return &flag;
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

void interrupt_watch(bool on)
{
    if (on)
        install();
    else
        uninstall();
}
