/* SPDX-License-Identifier: Apache-2.0 */
/* base/cgroup: what the groups this process is in (v1 or v2, all levels) leave it.
 *
 * A level whose files cannot be read bounds nothing. Under a container's own mount the path in
 * /proc/self/cgroup may not exist: the levels above it, up to the mount, still count. */
#ifndef MOAT_BASE_CGROUP_H
#define MOAT_BASE_CGROUP_H

#include <stdint.h>

struct cgroup_bound {
    uint64_t limit, left; /* bytes of memory, UINT64_MAX: no bound */
    double cpus;          /* a quota, as CPUs; a large number: none */
};

/* root: "", or a folder that holds /proc and /sys for a test. */
struct cgroup_bound cgroup_bound(const char *root);

#endif
