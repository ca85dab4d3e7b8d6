/* SPDX-License-Identifier: Apache-2.0 */
/* ops/host_services: background services that take memory or the disk from a model. See host.h.
 *
 * Cautious: only services of a short list are called worth stopping, each with the reason; any
 * other is named only when it holds much memory. Which service a process belongs to is what its
 * cgroup says. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/host.h"
#include "ops/host_file.h"

enum { MOST_PROCESSES = 32768, MOST_UNITS = 512 };
#define LARGE_BYTES (1ull << 30)

static const struct {
    const char *unit, *why; /* a unit ends where the name goes on with '-', '.' or '@' */
} known[] = {
    {"tracker-miner-fs", N_("indexes files: reads the disk in the background")},
    {"tracker-extract", N_("indexes files: reads the disk in the background")},
    {"baloo_file", N_("indexes files: reads the disk in the background")},
    {"kde-baloo", N_("indexes files: reads the disk in the background")},
    {"plocate-updatedb", N_("indexes files: reads the disk in the background")},
    {"mlocate-updatedb", N_("indexes files: reads the disk in the background")},
    {"packagekit", N_("looks for updates in the background")},
    {"snapd", N_("looks for updates in the background")},
    {"fwupd", N_("looks for updates in the background")},
    {"unattended-upgrades", N_("installs updates in the background")},
    {"apt-daily", N_("installs updates in the background")},
    {"dnf-makecache", N_("looks for updates in the background")},
    {"gnome-software", N_("looks for updates in the background")},
    {"whoopsie", N_("sends crash reports")},
    {"apport", N_("collects crash reports")},
    {"cups", N_("prints; needed only where a printer is")},
    {"cups-browsed", N_("looks for printers")},
    {"bluetooth", N_("serves Bluetooth devices")},
    {"ModemManager", N_("serves mobile modems")},
    {"ollama", N_("another model server: it holds memory for its own models")},
    {"llama-server", N_("another model server: it holds memory for its own models")},
};

struct units {
    struct host_service of[MOST_UNITS];
    uint32_t n;
};

static const char *why_stop(const char *unit)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t n = strlen(known[i].unit);
        if (strncmp(unit, known[i].unit, n) == 0 &&
            (unit[n] == '.' || unit[n] == '@' || (unit[n] == '-' && unit[n + 1] <= '9')))
            return known[i].why;
    }
    return NULL;
}

/* The last part of the cgroup's path that is a service: "/system.slice/cups.service". */
static bool unit_of(const char *root, const char *pid, struct host_service *s)
{
    struct buf text;
    bool found = false;
    host_text(&text, root, "/proc/%s/cgroup", pid);
    struct str rest = buf_view(&text), line, part;
    while (str_cut(&rest, '\n', &line)) {
        bool user = str_find(line, STR("user.slice")) != SIZE_MAX;
        while (str_cut(&line, '/', &part))
            if (str_ends(part, STR(".service")) && part.n < sizeof s->unit &&
                !str_starts(part, STR("user@"))) {
                host_copy(s->unit, sizeof s->unit, part);
                s->user = user;
                found = true;
            }
    }
    buf_clear(&text);
    return found;
}

static void count_process(struct units *units, const char *root, const char *pid)
{
    struct host_service s = {0};
    struct buf status;
    if (!unit_of(root, pid, &s))
        return;
    host_text(&status, root, "/proc/%s/status", pid);
    uint64_t bytes = host_field_kb(buf_view(&status), "VmRSS");
    buf_clear(&status);
    uint32_t i = 0;
    while (i < units->n && strcmp(units->of[i].unit, s.unit) != 0)
        i++;
    if (i == MOST_UNITS)
        return;
    if (i == units->n) {
        s.why = why_stop(s.unit);
        units->of[units->n++] = s;
    }
    units->of[i].bytes += bytes;
}

/* Wanted by a target: it starts again with the machine. */
static bool is_enabled(const char *root, const struct host_service *s)
{
    static const char *const targets[] = {"multi-user", "graphical", "default",  "sockets",
                                          "printer",    "timers",    "bluetooth"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        if (host_exists(root, "/etc/systemd/system/%s.target.wants/%s", targets[i], s->unit))
            return true;
    return false;
}

static int worth_first(const void *a, const void *b)
{
    const struct host_service *x = a, *y = b;
    if (!x->why != !y->why)
        return !x->why - !y->why;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return strcmp(x->unit, y->unit);
}

static void keep_notable(struct host *h, struct units *units, const char *root)
{
    uint64_t large = h->memory.total / 10 > LARGE_BYTES ? h->memory.total / 10 : LARGE_BYTES;
    qsort(units->of, units->n, sizeof *units->of, worth_first);
    for (uint32_t i = 0; i < units->n && h->n_services < HOST_SERVICES; i++)
        if (units->of[i].why || units->of[i].bytes >= large) {
            h->service[h->n_services] = units->of[i];
            h->service[h->n_services++].enabled = is_enabled(root, &units->of[i]);
        }
}

void host_read_services(struct host *h, const char *root)
{
    char path[PATH_MAX];
    static struct units units; /* too large for the stack */
    units.n = 0;
    h->n_services = 0;
    snprintf(path, sizeof path, "%s/proc", root);
    DIR *d = opendir(path);
    uint32_t n = 0;
    for (struct dirent *entry; d && n < MOST_PROCESSES && (entry = readdir(d));)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && strlen(entry->d_name) < 16) {
            count_process(&units, root, entry->d_name);
            n++;
        }
    if (d)
        closedir(d);
    keep_notable(h, &units, root);
}
