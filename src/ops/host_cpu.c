/* SPDX-License-Identifier: Apache-2.0 */
/* ops/host_cpu: the processors of a machine. See host.h. */
#include <stdio.h>
#include <string.h>

#include "base/cgroup.h"
#include "base/cpus.h"
#include "ops/host.h"
#include "ops/host_file.h"

/* Words of /proc/cpuinfo for the levels of compute/kernel, weakest first: the last one whose words
 * are all there is what kernel_init picks. */
static const struct {
    const char *arch, *isa, *words;
} levels[] = {
    {"x86-64", "ref", ""},
    {"x86-64", "avx2", "avx2 fma f16c"},
    {"x86-64", "avxvnni", "avx2 fma f16c avx_vnni"},
    {"x86-64", "avx512", "avx2 fma f16c avx512f avx512bw avx512vl avx512dq avx512_vnni"},
    {"x86-64", "avx512bf16",
     "avx2 fma f16c avx512f avx512bw avx512vl avx512dq avx512_vnni avx512_bf16"},
    {"x86-64", "amx",
     "avx2 fma f16c avx512f avx512bw avx512vl avx512dq avx512_vnni avx512_bf16 amx_bf16 amx_tile"},
    {"aarch64", "neon", ""},
    {"aarch64", "dotprod", "asimddp"},
    {"aarch64", "i8mm", "asimddp i8mm"},
};

/* Names of cores that only have numbers; the Arm Architecture Reference Manual, MIDR_EL1. */
static const struct {
    const char *implementer, *part, *name;
} arm_cores[] = {
    {"0x41", "0xd03", "Cortex-A53"},  {"0x41", "0xd05", "Cortex-A55"},
    {"0x41", "0xd08", "Cortex-A72"},  {"0x41", "0xd0b", "Cortex-A76"},
    {"0x41", "0xd41", "Cortex-A78"},  {"0x41", "0xd0c", "Neoverse-N1"},
    {"0x41", "0xd40", "Neoverse-V1"}, {"0x41", "0xd49", "Neoverse-N2"},
    {"0x41", "0xd4f", "Neoverse-V2"}, {"0x48", "0xd01", "Kunpeng-920"},
    {"0x70", "0x662", "FTC662"},      {"0x70", "0x663", "FTC663"},
    {"0x70", "0x664", "FTC664"},
};

static bool has_all(struct str have, const char *words)
{
    struct str rest = str_of(words), one;
    char word[32];
    while (str_cut(&rest, ' ', &one)) {
        snprintf(word, sizeof word, "%.*s", STR_ARG(one));
        if (one.n && !host_has_word(have, word))
            return false;
    }
    return true;
}

static void choose_level(struct host_cpu *c, struct str cpuinfo)
{
    struct str flags = host_field(cpuinfo, "flags"), features = host_field(cpuinfo, "Features");
    const char *arch = flags.n ? "x86-64" : features.n ? "aarch64" : "";
    snprintf(c->arch, sizeof c->arch, "%s", arch);
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (strcmp(levels[i].arch, arch) == 0 &&
            has_all(flags.n ? flags : features, levels[i].words))
            snprintf(c->isa, sizeof c->isa, "%s", levels[i].isa);
}

static const char *arm_core(struct str cpuinfo)
{
    struct str maker = host_field(cpuinfo, "CPU implementer");
    struct str part = host_field(cpuinfo, "CPU part");
    for (size_t i = 0; i < sizeof arm_cores / sizeof *arm_cores; i++)
        if (str_is(maker, arm_cores[i].implementer) && str_is(part, arm_cores[i].part))
            return arm_cores[i].name;
    return "";
}

static void read_name(struct host_cpu *c, const char *root, struct str cpuinfo)
{
    char board[80];
    struct str name = host_field(cpuinfo, "model name");
    host_line(board, sizeof board, root, "/proc/device-tree/model");
    if (name.n == 0)
        name = str_of(arm_core(cpuinfo));
    if (board[0])
        snprintf(c->name, sizeof c->name, "%s%s%.*s", board, name.n ? ", " : "", STR_ARG(name));
    else
        snprintf(c->name, sizeof c->name, "%.*s", STR_ARG(name));
    str_make_printable(c->name);
}

static uint32_t count_sockets(const struct cpus *online, const char *root)
{
    uint64_t seen = 0;
    for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        uint64_t id = cpus_has(online, cpu) ? host_number(root,
                                                          "/sys/devices/system/cpu/cpu%u/topology/"
                                                          "physical_package_id",
                                                          cpu)
                                            : UINT64_MAX;
        if (id < 64)
            seen |= (uint64_t)1 << id;
    }
    return seen ? (uint32_t)__builtin_popcountll(seen) : 1;
}

static uint64_t cache_bytes(const char *root)
{
    char size[32];
    uint64_t kb, most = 0;
    for (uint32_t i = 0; i < 8; i++) {
        host_line(size, sizeof size, root, "/sys/devices/system/cpu/cpu0/cache/index%u/size", i);
        struct str s = str_of(size);
        if (str_ends(s, STR("K")) && str_to_u64(str_sub(s, 0, s.n - 1), &kb) && kb > most)
            most = kb;
    }
    return most * 1024;
}

static uint32_t count_nodes(const char *root)
{
    struct cpus nodes = {0};
    char list[256];
    host_line(list, sizeof list, root, "/sys/devices/system/node/online");
    uint32_t n = cpus_add_list(&nodes, str_of(list)) ? cpus_count(&nodes) : 0;
    return n ? n : 1;
}

/* With a driver such as intel_pstate a governor of the name powersave is no brake. */
static void read_governor(struct host_cpu *c, const char *root)
{
    char driver[64];
    host_line(driver, sizeof driver, root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver");
    if (!strstr(driver, "pstate"))
        host_line(c->governor, sizeof c->governor, root,
                  "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    str_make_printable(c->governor);
}

void host_read_cpu(struct host_cpu *c, const char *root)
{
    struct buf cpuinfo, status;
    struct cpus online = {0}, allowed = {0};
    char list[1024];
    *c = (struct host_cpu){0};
    host_text(&cpuinfo, root, "/proc/cpuinfo");
    host_text(&status, root, "/proc/self/status");
    choose_level(c, buf_view(&cpuinfo));
    read_name(c, root, buf_view(&cpuinfo));
    host_line(list, sizeof list, root, "/sys/devices/system/cpu/online");
    if (!cpus_add_list(&online, str_of(list)) || cpus_count(&online) == 0)
        cpus_add(&online, 0);
    if (!cpus_add_list(&allowed, host_field(buf_view(&status), "Cpus_allowed_list")) ||
        cpus_count(&allowed) == 0)
        allowed = online;
    c->online = cpus_count(&online);
    c->allowed = cpus_count(&allowed);
    c->cores = cpus_cores(&online, root);
    c->usable = cpus_usable(&allowed, root);
    c->sockets = count_sockets(&online, root);
    c->nodes = count_nodes(root);
    double quota = cgroup_bound(root).cpus;
    c->quota = quota < CPUS_MAX ? quota : 0;
    c->l3_bytes = cache_bytes(root);
    read_governor(c, root);
    buf_clear(&cpuinfo);
    buf_clear(&status);
}
