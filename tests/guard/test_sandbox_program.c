/* SPDX-License-Identifier: Apache-2.0 */
/* guard/sandbox_program: what a program decides, run by an interpreter here, is what its rules say
 * one after another; and the programs of all roles, which take no memory. */
#include "alloc_fail.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "guard/sandbox_private.h"
#include "guard/sandbox_program.h"
#include "test.h"

#if defined(__x86_64__)
#define HERE AUDIT_ARCH_X86_64
#else
#define HERE AUDIT_ARCH_AARCH64
#endif

static struct program program;

/* As the kernel runs it: forwards only, so it ends. */
static uint32_t decide(const struct program *p, const struct seccomp_data *d)
{
    uint32_t a = 0, word;
    for (uint32_t at = 0; at < p->n_code; at++) {
        const struct sock_filter *c = &p->code[at];
        switch (c->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            assert_true(c->k + 4 <= sizeof *d && c->k % 4 == 0);
            memcpy(&word, (const char *)d + c->k, 4);
            a = word;
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= c->k;
            break;
        case BPF_JMP | BPF_JA:
            at += c->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            at += a == c->k ? c->jt : c->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            at += a >= c->k ? c->jt : c->jf;
            break;
        case BPF_RET | BPF_K:
            return c->k;
        default:
            fail_msg("instruction %x", c->code);
        }
    }
    fail_msg("the program has no end");
    return 0;
}

static uint32_t dice(uint32_t n)
{
    static uint64_t x = 20261128;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (uint32_t)(x >> 11) % n;
}

static uint64_t any_value(void)
{
    static const uint64_t values[] = {0,          1,           2,          0x20000000,
                                      0xffffffff, 0x100000000, UINT64_MAX, 1ull << 63};
    return values[dice(8)];
}

/* What the rules say, in the order in which they were added. */
static uint32_t said(const struct program_rule *r, uint32_t n, const struct seccomp_data *d,
                     uint32_t other)
{
    for (uint32_t i = 0; i < n; i++) {
        bool fits = r[i].call == (uint32_t)d->nr;
        for (uint32_t k = 0; k < r[i].n_arg; k++)
            fits = fits && (d->args[r[i].arg[k].arg] & r[i].arg[k].mask) == r[i].arg[k].value;
        if (fits)
            return r[i].action;
    }
    return other;
}

static void test_rules(void **state)
{
    (void)state;
    static const uint32_t actions[] = {SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | EPERM,
                                       SECCOMP_RET_KILL_PROCESS};
    static struct program_rule rules[PROGRAM_RULES];
    unsigned allowed = 0;
    for (int round = 0; round < 300; round++) {
        uint32_t n = dice(120), calls = 1 + dice(60);
        program_init(&program);
        for (uint32_t i = 0; i < n; i++) {
            struct program_arg arg[PROGRAM_ARGS];
            uint32_t n_arg = dice(PROGRAM_ARGS + 1);
            for (uint32_t k = 0; k < n_arg; k++) {
                uint64_t mask = dice(2) ? UINT64_MAX : any_value();
                arg[k] = (struct program_arg){dice(6), mask, any_value() & mask};
            }
            program_rule(&program, dice(calls), actions[dice(3)], arg, n_arg);
        }
        memcpy(rules, program.rule, n * sizeof *rules);
        program_make(&program, SECCOMP_RET_ERRNO | ENOSYS);
        for (int i = 0; i < 500; i++) {
            struct seccomp_data d = {.nr = (int)dice(calls + 2), .arch = HERE};
            for (int k = 0; k < 6; k++)
                d.args[k] = any_value();
            uint32_t found = decide(&program, &d);
            assert_int_equal(found, said(rules, n, &d, SECCOMP_RET_ERRNO | ENOSYS));
            allowed += found == SECCOMP_RET_ALLOW;
        }
    }
    assert_true(allowed > 1000);
}

static uint32_t of(enum sandbox_role role, bool sealed, long call)
{
    const struct sandbox s = {.role = role};
    sandbox_make_calls(&s, sealed, &program);
    return decide(&program, &(struct seccomp_data){.nr = (int)call, .arch = HERE});
}

static void test_roles(void **state)
{
    (void)state;
    for (int role = 0; role < SANDBOX_ROLES; role++)
        for (int sealed = 0; sealed < 2; sealed++) {
            enum sandbox_role r = (enum sandbox_role)role;
            bool dials = r == SANDBOX_FETCH || r == SANDBOX_STARTER;
            assert_int_equal(of(r, sealed, SYS_exit_group), SECCOMP_RET_ALLOW);
            assert_int_equal(of(r, sealed, SYS_futex), SECCOMP_RET_ALLOW);
            assert_int_equal(of(r, sealed, SYS_clone3), SECCOMP_RET_ERRNO | ENOSYS);
            assert_true(of(r, sealed, 425) != SECCOMP_RET_ALLOW); /* io_uring_setup */
            if (!sealed)
                assert_int_equal(of(r, false, SYS_connect) == SECCOMP_RET_ALLOW, dials);
            assert_int_equal(
                decide(&program, &(struct seccomp_data){.nr = SYS_exit_group, .arch = 1}),
                SECCOMP_RET_KILL_PROCESS);
#if defined(__x86_64__)
            assert_int_equal(
                decide(&program, &(struct seccomp_data){.nr = 0x40000000 | SYS_read, .arch = HERE}),
                SECCOMP_RET_KILL_PROCESS);
#endif
        }
}

/* Masks look at what they are to look at: the upper half of a register, a flag. */
static void test_arguments(void **state)
{
    (void)state;
    struct seccomp_data d = {.nr = SYS_mmap, .arch = HERE, .args = {0, 4096, 1}};
    (void)of(SANDBOX_ENGINE, true, 0);
    assert_int_equal(decide(&program, &d), SECCOMP_RET_ALLOW);
    d.args[2] = 5; /* PROT_READ | PROT_EXEC */
    assert_true(decide(&program, &d) != SECCOMP_RET_ALLOW);
    (void)of(SANDBOX_FRONT, false, 0);
    d = (struct seccomp_data){.nr = SYS_sendto, .arch = HERE};
    assert_int_equal(decide(&program, &d), SECCOMP_RET_ALLOW);
    d.args[3] = 0x20000000; /* MSG_FASTOPEN */
    assert_true(decide(&program, &d) != SECCOMP_RET_ALLOW);
    d.args[3] = 0;
    d.args[4] = 1ull << 32; /* an address */
    assert_true(decide(&program, &d) != SECCOMP_RET_ALLOW);
}

static void test_no_memory_is_taken(void **state)
{
    (void)state;
#if ALLOC_FAIL_WORKS
    (void)of(SANDBOX_SUPERVISOR, false, 0); /* the library's own tables */
    alloc_fail_arm(1, false);
    (void)of(SANDBOX_SUPERVISOR, false, 0);
    alloc_fail_disarm();
    assert_int_equal(alloc_fail.n, 0);
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_no_memory_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
