/* SPDX-License-Identifier: Apache-2.0 */
/* guard/attest against guard/sandbox: with all layers nothing gets out; with a layer left out, what
 * only that one closes does (so this test can fail); a process that is sealed makes no code, opens
 * no file, starts no thread. */
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard/attest.h"
#include "guard/sandbox_private.h"
#include "test.h"

#define WITHOUT(layer) (1u << (layer))

static bool instrumented(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return true;
#else
    return false;
#endif
}

static unsigned channel(const char *name)
{
    unsigned i = 0;
    while (attest_channel(i) && strcmp(attest_channel(i), name) != 0)
        i++;
    assert_non_null(attest_channel(i));
    return i;
}

static struct attest *run(unsigned without, bool airgap, bool quick)
{
    static struct attest a;
    struct err e = {0};
    memset(&a, 0, sizeof a);
    a.quick = quick;
    for (int r = 0; r < SANDBOX_ROLES; r++) {
        a.roles[r] = (struct sandbox){.role = (enum sandbox_role)r, .airgap = airgap};
        a.roles[r].without = without;
        if (r == SANDBOX_STARTER)
            a.roles[r].read[0] = "/";
    }
    if (!attest_run(&a, &e))
        fail_msg("%s", e.msg);
    return &a;
}

static bool reached(const struct attest *a, unsigned column, const char *name)
{
    return a->cell[column][channel(name)].outcome == ATTEST_REACHED;
}

static void test_nothing_gets_out(void **state)
{
    (void)state;
    if (instrumented())
        skip();
    for (int airgap = 0; airgap < 2; airgap++) {
        struct attest *a = run(0, airgap, false);
        struct err e = {0};
        assert_true(attest_verdict(a, &e));
        assert_int_equal(a->n_reached, 0);
        assert_int_equal(a->n_roles, airgap ? 8 : 10);
        assert_true(a->n_channels >= 30);
        /* and without a sandbox it does: the peers are there */
        assert_true(reached(a, ATTEST_CONTROL, "TCP connection"));
        assert_true(reached(a, ATTEST_CONTROL, "listener turned round"));
        assert_true(reached(a, ATTEST_CONTROL, "reading a foreign file"));
        assert_true(reached(a, ATTEST_CONTROL, "making code at run time"));
    }
}

static void test_without_calls(void **state)
{
    static const char *const open[] = {"Unix socket of a path", "io_uring",
                                       "listener, Fast Open by sendto", "making code at run time"};
    static const char *const turned[] = {"listener turned round", "accepted socket turned round"};
    struct err e = {0};
    (void)state;
    if (instrumented())
        skip();
    struct attest *a = run(WITHOUT(SANDBOX_CALLS), false, true);
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        assert_true(reached(a, SANDBOX_ENGINE, open[i]));
    /* the empty network alone closes these */
    if (a->layer[SANDBOX_ENGINE][SANDBOX_NETWORK].outcome == SANDBOX_APPLIED)
        assert_false(reached(a, SANDBOX_ENGINE, "TCP connection"));
    assert_false(attest_verdict(a, &e));
    assert_int_equal(e.code, ERR_DENIED);
    a = run(WITHOUT(SANDBOX_CALLS) | WITHOUT(SANDBOX_FILES), false, true);
    for (size_t i = 0; i < sizeof turned / sizeof *turned; i++) /* Landlock knows TCP */
        assert_true(reached(a, SANDBOX_ENGINE, turned[i]));
}

static void test_without_network_and_calls(void **state)
{
    static const char *const open[] = {"TCP connection", "TCP Fast Open, sendto", "UDP"};
    (void)state;
    if (instrumented())
        skip();
    struct attest *a = run(
        WITHOUT(SANDBOX_CALLS) | WITHOUT(SANDBOX_NETWORK) | WITHOUT(SANDBOX_FILES), false, true);
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        assert_true(reached(a, SANDBOX_FRONT, open[i]));
    /* each of the two alone closes them */
    a = run(WITHOUT(SANDBOX_NETWORK), false, true);
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        assert_false(reached(a, SANDBOX_FRONT, open[i]));
}

static void test_without_files(void **state)
{
    (void)state;
    if (instrumented())
        skip();
    struct attest *a = run(WITHOUT(SANDBOX_FILES), false, true);
    assert_true(reached(a, SANDBOX_KEEPER, "reading a foreign file"));
    assert_true(reached(a, SANDBOX_KEEPER, "writing a foreign file"));
    assert_false(reached(a, SANDBOX_ENGINE, "writing a foreign file")); /* sealed: it opens none */
}

/* --- T11: random calls from inside --------------------------------------------------------------
 */

enum { DEADLY_CALLS = 300 };

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    return *x ^= *x << 17;
}

/* One call of a number and with arguments that nobody chose; how the process ended. */
static int try_call(struct sandbox *s, long number, uint64_t seed, int *error)
{
    int pipes[2], status = 0;
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct err e;
        long a[6];
        for (int i = 0; i < 6; i++)
            a[i] = (long)(next_random(&seed) % 4 ? next_random(&seed) % 64 : next_random(&seed));
        if (!sandbox_enter(s, &e) || !sandbox_seal(s, &e))
            _exit(9);
        errno = 0;
        long got = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
        int why = got < 0 ? errno : 0;
        (void)!write(pipes[1], &why, sizeof why);
        _exit(0);
    }
    close(pipes[1]);
    *error = -1;
    (void)!read(pipes[0], error, sizeof *error);
    close(pipes[0]);
    waitpid(pid, &status, 0);
    return status;
}

/* Is it one of these names? */
static bool names_have(const char *names, long number)
{
    char name[64];
    for (const char *p = names; *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        snprintf(name, sizeof name, "%.*s", (int)n, p);
        if (seccomp_syscall_resolve_name(name) == number)
            return true;
        p += n;
    }
    return false;
}

/* Listed, or told apart by its arguments. */
static bool is_listed(long number)
{
    for (unsigned i = 0; i < sandbox_n_rows; i++)
        if (sandbox_rows[i].roles & sandbox_rows_of(SANDBOX_ENGINE, true) &&
            names_have(sandbox_rows[i].names, number))
            return true;
    return names_have("mmap mprotect clone clone3 kill tgkill prlimit64 prctl ioctl fcntl", number);
}

/* Every call that no role has ends the process. */
static void test_calls_that_end_it(void **state)
{
    (void)state;
    if (instrumented())
        skip();
    for (long number = 0; number < 600; number++) {
        if (!names_have(sandbox_fatal, number))
            continue;
        struct sandbox s = {.role = SANDBOX_ENGINE};
        int error, status = try_call(&s, number, (uint64_t)number + 1, &error);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    }
}

/* In the air-gap profile every call outside the list does. */
static void test_unknown_calls(void **state)
{
    uint64_t seed = 20261128;
    (void)state;
    if (instrumented())
        skip();
    for (int i = 0; i < DEADLY_CALLS; i++) {
        long number = (long)(next_random(&seed) % (i % 2 ? 600 : 100000));
        struct sandbox s = {.role = SANDBOX_ENGINE, .airgap = true};
        if (is_listed(number))
            continue;
        int error, status = try_call(&s, number, seed, &error);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    }
}

/* In the standard profile they fail: n of them in a row, numbers and arguments by chance. */
static _Noreturn void hammer(uint64_t n)
{
    bool passed_over[1024];
    struct sandbox s = {.role = SANDBOX_ENGINE};
    struct err e;
    uint64_t seed = 99;
    for (long i = 0; i < 1024; i++)
        passed_over[i] = is_listed(i) || names_have(sandbox_fatal, i) ||
                         names_have("socket connect listen", i) || (i == 335 || i == 336);
    /* 335, 336: the kernel's own return from probes that root has set; no filter sees them */
    if (!sandbox_enter(&s, &e) || !sandbox_seal(&s, &e))
        _exit(9);
    while (n) {
        long a[6], number = (long)(next_random(&seed) % 1024);
        for (int i = 0; i < 6; i++)
            a[i] = (long)(next_random(&seed) >> next_random(&seed) % 64);
        if (passed_over[number])
            continue;
        errno = 0;
        if (syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]) != -1 || errno != EPERM) {
            dprintf(2, "call %ld: errno %d\n", number, errno);
            _exit(1);
        }
        n--;
    }
    _exit(0);
}

static void test_random_calls(void **state)
{
    const char *more = getenv("MOAT_RANDOM_CALLS");
    uint64_t n = more ? strtoull(more, NULL, 10) : 100000;
    int status = 0;
    (void)state;
    if (instrumented())
        skip();
    pid_t pid = fork();
    if (pid == 0)
        hammer(n);
    waitpid(pid, &status, 0);
    if (status != 0)
        fail_msg("status %x", (unsigned)status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_gets_out),
        cmocka_unit_test(test_without_calls),
        cmocka_unit_test(test_without_network_and_calls),
        cmocka_unit_test(test_without_files),
        cmocka_unit_test(test_calls_that_end_it),
        cmocka_unit_test(test_unknown_calls),
        cmocka_unit_test(test_random_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
