/* SPDX-License-Identifier: Apache-2.0 */
/* base/cgroup: see cgroup.h. */
#include "base/cgroup.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/str.h"

/* Is `word` one of the words of a list separated by commas? */
static bool in_list(const char *list, const char *word)
{
    struct str rest = str_of(list), one;
    while (str_cut(&rest, ',', &one))
        if (str_is(one, word))
            return true;
    return false;
}

/* Path of this process's group below the mount of `controller` ("" for the v2 hierarchy). */
static bool cgroup_path(const char *root, const char *controller, char *out, size_t cap)
{
    char file[PATH_MAX], text[4 * PATH_MAX];
    snprintf(file, sizeof file, "%s/proc/self/cgroup", root);
    (void)os_read_small(file, text, sizeof text);
    bool found = false;
    for (char *line = text, *next; line && !found; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        char *name = strchr(line, ':'), *path = name ? strchr(name + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        name++;
        bool match = in_list(name, controller); /* v2: one empty name */
        if (match)
            found = snprintf(out, cap, "%s", path) < (int)cap;
    }
    return found;
}

static uint64_t read_number(const char *dir, const char *file)
{
    char path[PATH_MAX + 64], line[64];
    uint64_t v;
    snprintf(path, sizeof path, "%s/%s", dir, file);
    return str_to_u64(str_of(os_first_line(path, line, sizeof line)), &v) ? v : UINT64_MAX;
}

static void bound_memory(struct cgroup_bound *b, uint64_t limit, uint64_t used)
{
    if (limit >= (uint64_t)1 << 60) /* "max", or v1's page-rounded infinity */
        return;
    uint64_t left = used == UINT64_MAX || used > limit ? 0 : limit - used;
    b->limit = limit < b->limit ? limit : b->limit;
    b->left = left < b->left ? left : b->left;
}

static void bound_cpus(struct cgroup_bound *b, double quota, double period)
{
    if (quota > 0 && period > 0 && quota / period < b->cpus)
        b->cpus = quota / period;
}

static void read_level_v2(const char *dir, struct cgroup_bound *b)
{
    char path[PATH_MAX + 64], line[64];
    bound_memory(b, read_number(dir, "memory.max"), read_number(dir, "memory.current"));
    snprintf(path, sizeof path, "%s/cpu.max", dir);
    struct str rest = str_of(os_first_line(path, line, sizeof line)), quota;
    uint64_t us, period;
    if (str_cut(&rest, ' ', &quota) && str_to_u64(quota, &us) && str_to_u64(rest, &period))
        bound_cpus(b, (double)us, (double)period);
}

static void read_level_v1_memory(const char *dir, struct cgroup_bound *b)
{
    bound_memory(b, read_number(dir, "memory.limit_in_bytes"),
                 read_number(dir, "memory.usage_in_bytes"));
}

static void read_level_v1_cpu(const char *dir, struct cgroup_bound *b)
{
    uint64_t quota = read_number(dir, "cpu.cfs_quota_us"); /* -1 (no limit) does not parse */
    if (quota != UINT64_MAX)
        bound_cpus(b, (double)quota, (double)read_number(dir, "cpu.cfs_period_us"));
}

/* Calls read_level for the process's group and each of its ancestors under `mount`. */
static void walk_levels(const char *root, const char *mount, const char *controller,
                        struct cgroup_bound *b,
                        void (*read_level)(const char *dir, struct cgroup_bound *b))
{
    char group[PATH_MAX - 128], dir[PATH_MAX];
    if (!cgroup_path(root, controller, group, sizeof group))
        return;
    for (;;) {
        snprintf(dir, sizeof dir, "%s%s%s", root, mount, group);
        read_level(dir, b);
        char *slash = strrchr(group, '/');
        if (!slash || group[0] == '\0')
            return;
        *slash = '\0';
    }
}

struct cgroup_bound cgroup_bound(const char *root)
{
    struct cgroup_bound b = {UINT64_MAX, UINT64_MAX, 1e9};
    walk_levels(root, "/sys/fs/cgroup", "", &b, read_level_v2);
    walk_levels(root, "/sys/fs/cgroup/memory", "memory", &b, read_level_v1_memory);
    walk_levels(root, "/sys/fs/cgroup/cpu", "cpu", &b, read_level_v1_cpu);
    return b;
}
