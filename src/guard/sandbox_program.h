/* SPDX-License-Identifier: Apache-2.0 */
/* guard/sandbox_program: rules of system calls -> a program of classic BPF for seccomp.
 *
 * Made in the memory of the struct alone: libseccomp, which could do it, allocates thousands of
 * times, and where one of these fails it leaves rules out without a word, or frees twice (seen with
 * 2.5.4). The program looks for the number of the call in a tree of comparisons, then at its rules
 * in the order in which they were added: the first that fits says what happens. A call of another
 * architecture (x86-64: or of x32) ends the process. */
#ifndef MOAT_GUARD_SANDBOX_PROGRAM_H
#define MOAT_GUARD_SANDBOX_PROGRAM_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    PROGRAM_RULES = 640,
    PROGRAM_ARGS = 3,
    PROGRAM_CODES = 4096 /* of the kernel: BPF_MAXINSNS */
};

/* (argument & mask) == value */
struct program_arg {
    unsigned arg;
    uint64_t mask, value;
};

struct program_rule {
    uint32_t call, action; /* SECCOMP_RET_x */
    uint32_t n_arg;        /* all of them must fit */
    struct program_arg arg[PROGRAM_ARGS];
};

struct program {
    uint32_t n_rule, n_code;
    struct program_rule rule[PROGRAM_RULES];
    struct sock_filter code[PROGRAM_CODES];
};

void program_init(struct program *p);
/* What does not fit is a bug of ours, for which must() is there. */
void program_rule(struct program *p, long call, uint32_t action, const struct program_arg *arg,
                  unsigned n);
/* `other`: for calls without a rule that fits. Sorts the rules. */
void program_make(struct program *p, uint32_t other);
/* For all threads of the process, and for good. False: errno says why. */
bool program_load(const struct program *p);

#endif
