/* SPDX-License-Identifier: Apache-2.0 */
/* guard/sandbox_program: see sandbox_program.h. Sources: seccomp(2), the kernel's
 * Documentation/networking/filter.rst.
 *
 * (I1) A conditional jump reaches 255 instructions: what one call needs is shorter, which is
 *      checked; the tree jumps by BPF_JA, whose distance has no such bound.
 * (I2) The accumulator holds the number of the call until its rules begin, which always return. */
#include "guard/sandbox_program.h"

#include <endian.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define X32          0x40000000u
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "guard/sandbox_program: this architecture has no name here yet"
#endif
_Static_assert(__BYTE_ORDER == __LITTLE_ENDIAN, "halves of arguments are taken in this order");

enum { LEAF = 4, NEAR = 255 };

void program_init(struct program *p)
{
    p->n_rule = p->n_code = 0;
}

void program_rule(struct program *p, long call, uint32_t action, const struct program_arg *arg,
                  unsigned n)
{
    must(p->n_rule < PROGRAM_RULES && n <= PROGRAM_ARGS && call >= 0);
    struct program_rule *r = &p->rule[p->n_rule++];
    *r = (struct program_rule){.call = (uint32_t)call, .action = action, .n_arg = n};
    for (unsigned i = 0; i < n; i++)
        r->arg[i] = arg[i];
}

/* --- instructions ------------------------------------------------------------------------------
 */

static uint32_t put(struct program *p, unsigned code, uint32_t k)
{
    must(p->n_code < PROGRAM_CODES);
    p->code[p->n_code] = (struct sock_filter){.code = (uint16_t)code, .k = k};
    return p->n_code++;
}

static void load(struct program *p, size_t offset)
{
    put(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

static void give(struct program *p, uint32_t action)
{
    put(p, BPF_RET | BPF_K, action);
}

/* The jump at `from`, where it does not fit, goes to what comes next. */
static void else_here(struct program *p, uint32_t from)
{
    uint32_t distance = p->n_code - from - 1;
    must(distance <= NEAR);
    p->code[from].jf = (uint8_t)distance;
}

/* --- the rules of one call ---------------------------------------------------------------------
 */

/* Half of an argument; returns where to jump from where it differs. */
static uint32_t compare(struct program *p, unsigned arg, bool high, uint64_t mask, uint64_t value)
{
    uint32_t m = (uint32_t)(high ? mask >> 32 : mask), v = (uint32_t)(high ? value >> 32 : value);
    load(p, offsetof(struct seccomp_data, args) + arg * sizeof(uint64_t) + (high ? 4 : 0));
    if (m != UINT32_MAX)
        put(p, BPF_ALU | BPF_AND | BPF_K, m);
    return put(p, BPF_JMP | BPF_JEQ | BPF_K, v);
}

/* Whether it was one without conditions: none after it counts. */
static bool put_rule(struct program *p, const struct program_rule *r)
{
    uint32_t differs[2 * PROGRAM_ARGS], n = 0;
    for (unsigned i = 0; i < r->n_arg; i++)
        for (int high = 0; high < 2; high++)
            if ((high ? r->arg[i].mask >> 32 : r->arg[i].mask & UINT32_MAX) != 0)
                differs[n++] = compare(p, r->arg[i].arg, high, r->arg[i].mask, r->arg[i].value);
    give(p, r->action);
    for (uint32_t i = 0; i < n; i++)
        else_here(p, differs[i]);
    return n == 0;
}

/* Rules [from, to) are of one call. */
static void put_call(struct program *p, uint32_t from, uint32_t to, uint32_t other)
{
    uint32_t is_another = put(p, BPF_JMP | BPF_JEQ | BPF_K, p->rule[from].call);
    bool settled = false;
    for (uint32_t i = from; i < to && !settled; i++)
        settled = put_rule(p, &p->rule[i]);
    if (!settled)
        give(p, other);
    else_here(p, is_another);
}

/* --- the tree ----------------------------------------------------------------------------------
 */

static uint32_t end_of_call(const struct program *p, uint32_t from)
{
    uint32_t to = from;
    while (to < p->n_rule && p->rule[to].call == p->rule[from].call)
        to++;
    return to;
}

/* Calls [from, to) of those that begin at starts[]. Its depth is that of the binary logarithm. */
static void put_tree(struct program *p, const uint32_t *starts, uint32_t from, uint32_t to,
                     uint32_t other)
{
    if (to - from <= LEAF) {
        for (uint32_t i = from; i < to; i++)
            put_call(p, starts[i], end_of_call(p, starts[i]), other);
        give(p, other);
        return;
    }
    uint32_t middle = from + (to - from) / 2;
    uint32_t below = put(p, BPF_JMP | BPF_JGE | BPF_K, p->rule[starts[middle]].call);
    uint32_t above = put(p, BPF_JMP | BPF_JA, 0);
    else_here(p, below);
    put_tree(p, starts, from, middle, other);
    p->code[above].k = p->n_code - above - 1;
    put_tree(p, starts, middle, to, other);
}

/* By call; those of one call stay in their order. */
static void sort_rules(struct program *p)
{
    for (uint32_t i = 1; i < p->n_rule; i++) {
        struct program_rule r = p->rule[i];
        uint32_t k = i;
        for (; k > 0 && p->rule[k - 1].call > r.call; k--)
            p->rule[k] = p->rule[k - 1];
        p->rule[k] = r;
    }
}

void program_make(struct program *p, uint32_t other)
{
    uint32_t starts[PROGRAM_RULES], n = 0;
    sort_rules(p);
    for (uint32_t i = 0; i < p->n_rule; i = end_of_call(p, i))
        starts[n++] = i;
    p->n_code = 0;
    load(p, offsetof(struct seccomp_data, arch));
    uint32_t foreign = put(p, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE);
    p->code[foreign].jt = 1;
    give(p, SECCOMP_RET_KILL_PROCESS);
    load(p, offsetof(struct seccomp_data, nr));
#ifdef X32
    uint32_t native = put(p, BPF_JMP | BPF_JGE | BPF_K, X32);
    give(p, SECCOMP_RET_KILL_PROCESS);
    else_here(p, native);
#endif
    put_tree(p, starts, 0, n, other);
}

bool program_load(const struct program *p)
{
    const struct sock_fprog all = {.len = (unsigned short)p->n_code,
                                   .filter = (struct sock_filter *)(uintptr_t)p->code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return false;
    /* SPEC_ALLOW: no slower loads by the way; kernels before 4.17 do not know it */
    const unsigned flags[] = {SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW,
                              SECCOMP_FILTER_FLAG_TSYNC};
    long rc = -1;
    for (int i = 0; i < 2 && rc < 0 && (i == 0 || errno == EINVAL); i++)
        rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags[i], &all);
    if (rc > 0) /* a thread that has another filter */
        errno = ESRCH;
    return rc == 0;
}
