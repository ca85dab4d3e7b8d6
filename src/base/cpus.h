/* SPDX-License-Identifier: Apache-2.0 */
/* base/cpus: how many threads compute best on a set of CPUs.
 *
 * One for each physical core: two threads of a core share its vector units and its road to memory.
 * And no more than the quota of the cgroups, rounded down: a team that waits at barriers is as fast
 * as its slowest, and one that is stopped for a quota stops all. */
#ifndef MOAT_BASE_CPUS_H
#define MOAT_BASE_CPUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define CPUS_MAX 4096u

/* The CPUs a process may use. Zeroed: none. */
struct cpus {
    uint64_t bit[CPUS_MAX / 64];
};

static inline void cpus_add(struct cpus *c, uint32_t cpu)
{
    c->bit[cpu / 64] |= (uint64_t)1 << cpu % 64;
}

static inline bool cpus_has(const struct cpus *c, uint32_t cpu)
{
    return cpu < CPUS_MAX && (c->bit[cpu / 64] >> cpu % 64 & 1);
}

/* Adds those of a list such as "0-3,8,10-11", as the kernel writes it; false: it is none. */
bool cpus_add_list(struct cpus *c, struct str list);
uint32_t cpus_count(const struct cpus *c);

/* Distinct cores among them; a CPU whose core is not known is one of its own. root: "", or a folder
 * that holds /sys and /proc for a test. */
uint32_t cpus_cores(const struct cpus *c, const char *root);
/* The same, within the quota; at least 1. */
uint32_t cpus_usable(const struct cpus *c, const char *root);

#endif
