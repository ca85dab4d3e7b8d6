/* SPDX-License-Identifier: Apache-2.0 */
/* base/cpus: see cpus.h. */
#include "base/cpus.h"

#include <limits.h>
#include <stdio.h>

#include "base/cgroup.h"
#include "base/os.h"

/* A part of a list of CPUs: "7", or "4-7". */
static bool read_range(struct str part, uint64_t *from, uint64_t *to)
{
    struct str first;
    if (!str_cut(&part, '-', &first) || !str_to_u64(first, from))
        return false;
    *to = *from;
    return part.n == 0 || str_to_u64(part, to);
}

bool cpus_add_list(struct cpus *c, struct str list)
{
    struct str rest = str_trim(list), part;
    uint64_t from, to;
    while (str_cut(&rest, ',', &part)) {
        if (!read_range(part, &from, &to) || to < from || to >= CPUS_MAX)
            return false;
        for (uint64_t cpu = from; cpu <= to; cpu++)
            cpus_add(c, (uint32_t)cpu);
    }
    return true;
}

uint32_t cpus_count(const struct cpus *c)
{
    uint32_t n = 0;
    for (size_t i = 0; i < sizeof c->bit / sizeof *c->bit; i++)
        n += (uint32_t)__builtin_popcountll(c->bit[i]);
    return n;
}

/* Whether an allowed CPU of a lower number is a thread of the same core. */
static bool core_is_counted(const struct cpus *c, const char *root, uint32_t cpu)
{
    char path[PATH_MAX], list[1024];
    snprintf(path, sizeof path, "%s/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list",
             root, cpu);
    struct str rest = str_trim(str_of(os_first_line(path, list, sizeof list))), part;
    uint64_t from, to;
    while (str_cut(&rest, ',', &part))
        if (read_range(part, &from, &to))
            for (uint64_t other = from; other <= to && other < cpu; other++)
                if (cpus_has(c, (uint32_t)other))
                    return true;
    return false;
}

uint32_t cpus_cores(const struct cpus *c, const char *root)
{
    uint32_t n = 0;
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++)
        n += cpus_has(c, cpu) && !core_is_counted(c, root, cpu);
    return n;
}

uint32_t cpus_usable(const struct cpus *c, const char *root)
{
    uint32_t n = cpus_cores(c, root);
    double quota = cgroup_bound(root).cpus;
    if (quota < n)
        n = (uint32_t)quota;
    return n < 1 ? 1 : n;
}
