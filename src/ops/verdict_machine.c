/* SPDX-License-Identifier: Apache-2.0 */
/* ops/verdict_machine: processors, memory, swap. See verdict.h. */
#include <libintl.h>
#include <stdio.h>
#include <string.h>

#include "ops/verdict.h"

#define GIB          (1024.0 * 1024 * 1024)
#define SWAP_MACHINE (16ull << 30) /* up to so much memory swap is asked for */
#define MEMORY_SLOW  10e9          /* bytes a second */
#define POOL_MACHINE (6ull << 30)  /* with less there is nothing to set aside */
#define POOL_REST    (4ull << 30)  /* left to the rest of the machine */
#define POOL_WANTED  (16ull << 30)

static double gib(uint64_t bytes)
{
    return (double)bytes / GIB;
}

static void check_cpu(struct verdict *v, const struct host *h)
{
    const struct host_cpu *c = &h->cpu;
    struct check *k = verdict_add(v, "cpu", N_("processor"), CHECK_OK);
    const char *name = c->name[0] ? c->name : c->arch;
    if (c->online > c->cores)
        snprintf(k->text, sizeof k->text,
                 gettext("%s: %u cores of 2 threads or more; moat computes with %u threads, "
                         "instruction set %s"),
                 name, c->cores, c->usable, c->isa);
    else
        snprintf(k->text, sizeof k->text,
                 gettext("%s: %u cores; moat computes with %u threads, instruction set %s"), name,
                 c->cores, c->usable, c->isa);
    if (strcmp(c->isa, "ref") == 0) {
        k->level = CHECK_LOW;
        snprintf(k->advice, sizeof k->advice, "%s",
                 gettext("The processor has no AVX2, or the virtual machine hides it: answers come "
                         "many times slower. In a virtual machine choose the CPU type \"host\"."));
    } else if (strcmp(c->isa, "neon") == 0) {
        k->level = CHECK_NOTE;
        snprintf(
            k->advice, sizeof k->advice, "%s",
            gettext("The processor has no dot product instructions (ARMv8.2): prompts are read "
                    "more slowly."));
    }
}

static void check_quota(struct verdict *v, const struct host *h)
{
    const struct host_cpu *c = &h->cpu;
    if (c->quota <= 0 || c->quota >= c->cores)
        return;
    struct check *k = verdict_add(v, "quota", N_("CPU quota"), CHECK_NOTE);
    snprintf(k->text, sizeof k->text, gettext("a cgroup leaves %.1f CPUs of %u cores"), c->quota,
             c->cores);
    snprintf(k->advice, sizeof k->advice, "%s",
             gettext("Raise it where the container or the service was started: docker run --cpus, "
                     "resources.limits.cpu of Kubernetes, or CPUQuota= of systemd."));
}

static void check_governor(struct verdict *v, const struct host *h)
{
    if (strcmp(h->cpu.governor, "powersave") != 0 && strcmp(h->cpu.governor, "conservative") != 0)
        return;
    struct check *k = verdict_add(v, "governor", N_("CPU frequency"), CHECK_NOTE);
    snprintf(k->text, sizeof k->text, gettext("governor %s: cores may stay at a low frequency"),
             h->cpu.governor);
    snprintf(k->command, sizeof k->command, "sudo cpupower frequency-set -g performance");
}

static void check_nodes(struct verdict *v, const struct host *h)
{
    if (h->cpu.nodes < 2)
        return;
    struct check *k = verdict_add(v, "numa", N_("NUMA"), CHECK_NOTE);
    snprintf(k->text, sizeof k->text,
             gettext("%u nodes on %u sockets: memory of another node is slower"), h->cpu.nodes,
             h->cpu.sockets);
    snprintf(k->advice, sizeof k->advice, "%s",
             gettext("Spread a model over the memory of all nodes, or one server for each node."));
    snprintf(k->command, sizeof k->command, "numactl --interleave=all moat serve --model NAME");
}

static void check_memory(struct verdict *v, const struct host *h)
{
    const struct host_memory *m = &h->memory;
    uint64_t total = host_memory_total(m);
    struct check *k = verdict_add(v, "memory", N_("memory"), CHECK_OK);
    bool bounded = m->limit < m->total;
    if (bounded)
        snprintf(k->text, sizeof k->text,
                 gettext("a cgroup leaves %.1f GiB of %.1f GiB, %.1f GiB of it are free"),
                 gib(total), gib(m->total), gib(host_memory_free(m)));
    else
        snprintf(k->text, sizeof k->text, gettext("%.1f GiB, %.1f GiB of it are free"), gib(total),
                 gib(host_memory_free(m)));
    if (total >= GATE_MEMORY)
        return;
    k->level = CHECK_LOW;
    if (bounded && m->total >= GATE_MEMORY)
        snprintf(k->advice, sizeof k->advice, "%s",
                 gettext("Asked for: 16 GB. Raise the limit where the container or the service was "
                         "started: docker run --memory 16g, resources.limits.memory of Kubernetes, "
                         "or MemoryMax= of systemd."));
    else
        snprintf(k->advice, sizeof k->advice, "%s",
                 gettext("Asked for: 16 GB. The models that run here all the same are below."));
}

static void check_memory_speed(struct verdict *v, const struct measured *m)
{
    struct check *k = verdict_add(v, "memory-speed", N_("memory speed"), CHECK_OK);
    if (m->memory_read <= 0) {
        k->level = CHECK_NOTE;
        snprintf(k->text, sizeof k->text, "%s", m->no_memory.msg);
        return;
    }
    snprintf(k->text, sizeof k->text,
             gettext("%.1f GB/s are read, which bounds how fast answers "
                     "are written"),
             m->memory_read * 1e-9);
    if (m->memory_read < MEMORY_SLOW) {
        k->level = CHECK_NOTE;
        snprintf(k->advice, sizeof k->advice, "%s",
                 gettext("Slow: see that all channels have a module, or take a smaller model."));
    }
}

/* In whole GiB. */
static uint64_t swap_wanted(uint64_t total)
{
    uint64_t want = total + total / 2, unit = 1ull << 30;
    return (want + unit - 1) / unit * unit;
}

static void check_swap(struct verdict *v, const struct host *h)
{
    const struct host_memory *m = &h->memory;
    struct check *k = verdict_add(v, "swap", N_("swap"), CHECK_OK);
    uint64_t disk =
        m->swap_total - (m->swap_compressed < m->swap_total ? m->swap_compressed : m->swap_total);
    if (m->total > SWAP_MACHINE || h->container) {
        snprintf(k->text, sizeof k->text,
                 h->container ? gettext("%.1f GiB; in a container that is the host's affair")
                              : gettext("%.1f GiB; with so much memory none is asked for"),
                 gib(m->swap_total));
        return;
    }
    snprintf(k->text, sizeof k->text, gettext("%.1f GiB on disk, %.1f GiB compressed in memory"),
             gib(disk), gib(m->swap_total - disk));
    if (2 * disk >= 3 * m->total)
        return;
    k->level = CHECK_LOW;
    k->remedy = REMEDY_SWAP;
    v->swap_wanted = swap_wanted(m->total) - disk / (1ull << 30) * (1ull << 30);
    snprintf(k->advice, sizeof k->advice,
             gettext("Asked for: 1.5 times the memory, so that other programs can make room. A "
                     "swap file of %.0f GiB more:"),
             gib(v->swap_wanted));
    snprintf(k->command, sizeof k->command, "sudo moat doctor --fix --only swap");
}

static void check_huge_pages(struct verdict *v, const struct host *h)
{
    const char *mode = h->memory.huge_mode;
    struct check *k = verdict_add(v, "huge-pages", N_("huge pages"), CHECK_OK);
    if (strcmp(mode, "always") == 0 || strcmp(mode, "madvise") == 0) {
        snprintf(k->text, sizeof k->text, gettext("given to programs that ask (%s)"), mode);
    } else if (mode[0]) {
        k->level = CHECK_LOW;
        snprintf(k->text, sizeof k->text, gettext("not given to programs (%s)"), mode);
        if (!h->container) {
            k->remedy = REMEDY_HUGE_PAGES;
            snprintf(k->command, sizeof k->command, "sudo moat doctor --fix --only huge-pages");
        }
    } else {
        k->level = CHECK_NOTE;
        snprintf(k->text, sizeof k->text, "%s", gettext("this kernel has none, or does not say"));
    }
}

static void check_pool(struct verdict *v, const struct host *h)
{
    uint64_t total = h->memory.total;
    if (!h->systemd || h->container || total < POOL_MACHINE)
        return;
    struct check *k = verdict_add(v, "pool", N_("memory pool"), CHECK_OK);
    if (h->pool) {
        snprintf(k->text, sizeof k->text, "%s",
                 gettext("moat.slice keeps memory for what runs in it"));
        snprintf(k->command, sizeof k->command,
                 "sudo systemd-run --slice=moat.slice moat serve --model NAME");
        return;
    }
    uint64_t most = total - POOL_REST;
    v->pool_bytes = (most < POOL_WANTED ? most : POOL_WANTED) >> 30 << 30;
    k->level = CHECK_NOTE;
    k->remedy = REMEDY_POOL;
    snprintf(k->text, sizeof k->text, "%s", gettext("none is kept for a service"));
    snprintf(
        k->advice, sizeof k->advice,
        gettext("For a server: a systemd slice whose %.0f GiB other programs do not push out."),
        gib(v->pool_bytes));
    snprintf(k->command, sizeof k->command, "sudo moat doctor --fix --only pool");
}

void verdict_machine(struct verdict *v, const struct host *h, const struct measured *m)
{
    check_cpu(v, h);
    check_quota(v, h);
    check_governor(v, h);
    check_nodes(v, h);
    check_memory(v, h);
    check_memory_speed(v, m);
    check_swap(v, h);
    check_huge_pages(v, h);
    check_pool(v, h);
}
