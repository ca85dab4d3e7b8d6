/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes ops/host and ops/verdict: the input is what every small file of a machine holds, cut at
 * 0xff into one part for each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "ops/doctor.h"

static const char *const files[] = {
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/swaps",
    "/proc/self/status",
    "/proc/self/cgroup",
    "/proc/self/limits",
    "/proc/self/mountinfo",
    "/proc/net/route",
    "/proc/net/ipv6_route",
    "/proc/7/status",
    "/proc/7/cgroup",
    "/sys/devices/system/cpu/online",
    "/sys/devices/system/cpu/cpu0/topology/thread_siblings_list",
    "/sys/devices/system/cpu/cpu0/cache/index3/size",
    "/sys/devices/system/node/online",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/bus/pci/devices/0000:00:02.0/class",
    "/sys/bus/pci/devices/0000:00:02.0/vendor",
    "/sys/class/drm/renderD128/device/uevent",
    "/etc/environment",
    "/etc/resolv.conf",
    "/measured.json",
};
enum { N_FILES = sizeof files / sizeof *files };

static const char *make_root(void)
{
    static char root[64];
    struct err e;
    if (root[0])
        return root;
    snprintf(root, sizeof root, "%s", "/dev/shm/moat-fuzz-XXXXXX");
    must(mkdtemp(root));
    for (int i = 0; i < N_FILES; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s%s", root, files[i]);
        *strrchr(path, '/') = '\0';
        must(os_mkdirs(path, &e));
    }
    return root;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *root = make_root();
    struct str rest = {(const char *)data, size}, part;
    for (int i = 0; i < N_FILES; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s%s", root, files[i]);
        FILE *f = str_cut(&rest, '\xff', &part) ? fopen(path, "we") : NULL;
        if (f) {
            fwrite(part.p, 1, part.n, f);
            fclose(f);
        } else {
            unlink(path);
        }
    }
    struct err e;
    struct doctor *d = mem_new(1, sizeof *d, &e);
    const struct doctor_params p = {.root = root, .store = "/var/lib/moat"};
    if (d && doctor_examine(d, &p, &e))
        must(d->verdict.n > 0 && d->host.cpu.usable > 0);
    mem_free(d);
    return 0;
}
