/* SPDX-License-Identifier: Apache-2.0 */
/* ops/host_memory: memory and swap of a machine. See host.h. */
#include <stdio.h>

#include "base/cgroup.h"
#include "ops/host.h"
#include "ops/host_file.h"

/* "always [madvise] never": the word in brackets. */
static void read_huge_mode(struct host_memory *m, const char *root)
{
    char line[128];
    struct str rest, mode;
    host_line(line, sizeof line, root, "/sys/kernel/mm/transparent_hugepage/enabled");
    rest = str_of(line);
    if (str_cut(&rest, '[', &mode) && str_cut(&rest, ']', &mode))
        host_copy(m->huge_mode, sizeof m->huge_mode, mode);
}

/* Lines of /proc/swaps: name, type, KiB, used, priority. */
static void read_swaps(struct host_memory *m, const char *root)
{
    struct buf text;
    host_text(&text, root, "/proc/swaps");
    struct str rest = buf_view(&text), line, word[3];
    uint64_t kb;
    while (str_cut(&rest, '\n', &line))
        if (host_words(line, word, 3) == 3 && str_find(word[0], STR("zram")) != SIZE_MAX &&
            str_to_u64(word[2], &kb) && kb < UINT64_MAX / 4096)
            m->swap_compressed += kb * 1024;
    buf_clear(&text);
}

void host_read_memory(struct host_memory *m, const char *root)
{
    struct buf text;
    host_text(&text, root, "/proc/meminfo");
    struct cgroup_bound bound = cgroup_bound(root);
    *m = (struct host_memory){.total = host_field_kb(buf_view(&text), "MemTotal"),
                              .available = host_field_kb(buf_view(&text), "MemAvailable"),
                              .swap_total = host_field_kb(buf_view(&text), "SwapTotal"),
                              .limit = bound.limit,
                              .left = bound.left};
    read_huge_mode(m, root);
    read_swaps(m, root);
    buf_clear(&text);
}

uint64_t host_memory_total(const struct host_memory *m)
{
    return m->limit < m->total ? m->limit : m->total;
}

uint64_t host_memory_free(const struct host_memory *m)
{
    return m->left < m->available ? m->left : m->available;
}
