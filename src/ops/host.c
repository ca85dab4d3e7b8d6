/* SPDX-License-Identifier: Apache-2.0 */
/* ops/host: see host.h. */
#include "ops/host.h"

#include <stdio.h>
#include <string.h>

#include "ops/host_file.h"

/* "Max open files            1024                 1048576              files" */
static void read_limit(struct str limits, const char *name, uint64_t *soft, uint64_t *hard)
{
    struct str line, word[2];
    *soft = *hard = UINT64_MAX;
    while (str_cut(&limits, '\n', &line)) {
        if (!str_starts(line, str_of(name)) ||
            host_words(str_from(line, strlen(name)), word, 2) < 2)
            continue;
        if (!str_to_u64(word[0], soft)) /* "unlimited" */
            *soft = UINT64_MAX;
        if (!str_to_u64(word[1], hard))
            *hard = UINT64_MAX;
    }
}

static void read_limits(struct host_limits *l, const char *root)
{
    struct buf text;
    uint64_t hard;
    host_text(&text, root, "/proc/self/limits");
    read_limit(buf_view(&text), "Max open files", &l->files_soft, &l->files_hard);
    read_limit(buf_view(&text), "Max address space", &l->address_space, &hard);
    buf_clear(&text);
}

static bool in_container(const char *root)
{
    struct buf text;
    host_text(&text, root, "/proc/1/cgroup");
    struct str groups = buf_view(&text);
    bool named = str_find(groups, STR("docker")) != SIZE_MAX ||
                 str_find(groups, STR("kubepods")) != SIZE_MAX ||
                 str_find(groups, STR("containerd")) != SIZE_MAX ||
                 str_find(groups, STR("libpod")) != SIZE_MAX ||
                 str_find(groups, STR("lxc")) != SIZE_MAX;
    buf_clear(&text);
    return named || host_exists(root, "/.dockerenv") || host_exists(root, "/run/.containerenv");
}

void host_read(struct host *h, const char *root, const char *store)
{
    char init[32];
    *h = (struct host){0};
    host_read_cpu(&h->cpu, root);
    host_read_memory(&h->memory, root);
    host_read_disk(&h->disk, root, store);
    host_read_devices(h, root);
    host_read_network(&h->network, root);
    host_read_services(h, root);
    read_limits(&h->limits, root);
    h->container = in_container(root);
    h->systemd = strcmp(host_line(init, sizeof init, root, "/proc/1/comm"), "systemd") == 0;
    h->pool = host_exists(root, "/etc/systemd/system/moat.slice");
}
