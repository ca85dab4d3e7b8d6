/* SPDX-License-Identifier: Apache-2.0 */
/* ops/verdict_disk: the disk models are kept on. See verdict.h. */
#include <libintl.h>
#include <stdio.h>

#include "ops/verdict.h"

#define GIB (1024.0 * 1024 * 1024)

static const char *const kinds[] = {
    [DISK_UNKNOWN] = N_("a disk of unknown kind"),
    [DISK_NVME] = N_("an NVMe disk"),
    [DISK_SSD] = N_("a solid-state disk"),
    [DISK_ROTATING] = N_("a hard disk"),
    [DISK_CARD] = N_("a memory card"),
    [DISK_USB] = N_("a USB disk"),
    [DISK_VIRTUAL] = N_("a virtual disk"),
    [DISK_NETWORK] = N_("a file system of another machine"),
    [DISK_MEMORY] = N_("a file system in memory"),
    [DISK_LAYERS] = N_("a container's own layer"),
};

static bool is_too_slow(const struct host_disk *d, const struct disk_speed *s)
{
    if (s->read > 0)
        return s->read < GATE_DISK || s->write < GATE_DISK;
    return d->kind == DISK_ROTATING || d->kind == DISK_CARD || d->kind == DISK_USB ||
           d->kind == DISK_SSD;
}

/* "an NVMe disk nvme0n1 (Samsung SSD 990 PRO)" */
static void name_disk(const struct host_disk *d, char name[256])
{
    const char *kind = err_text(kinds[d->kind]);
    if (d->model[0])
        snprintf(name, 256, "%s %s (%s)", kind, d->device, d->model);
    else if (d->device[0])
        snprintf(name, 256, "%s %s", kind, d->device);
    else
        snprintf(name, 256, "%s", kind);
}

static void check_speed(struct verdict *v, const struct host_disk *d, const struct measured *m)
{
    char name[256];
    struct check *k = verdict_add(v, "disk", N_("disk"), CHECK_OK);
    name_disk(d, name);
    if (m->disk.read > 0) {
        snprintf(k->text, sizeof k->text,
                 gettext("%s: reads %.0f MB/s, writes %.0f MB/s, %.0f random reads a second"), name,
                 m->disk.read * 1e-6, m->disk.write * 1e-6, m->disk.random_reads);
    } else if (m->no_disk.code != ERR_NONE) {
        k->level = CHECK_NOTE;
        snprintf(k->text, sizeof k->text, "%s; %s", name, m->no_disk.msg);
    }
    if (!is_too_slow(d, &m->disk))
        return;
    k->level = CHECK_LOW;
    if (d->kind == DISK_ROTATING || d->kind == DISK_CARD || d->kind == DISK_USB)
        snprintf(k->advice, sizeof k->advice, "%s",
                 gettext("Asked for: 2000 MB/s, as of NVMe. Only the start of a model waits for "
                         "the disk; keep models on a faster one:"));
    else
        snprintf(k->advice, sizeof k->advice, "%s",
                 gettext("Asked for: 2000 MB/s read and written. Only the start of a model waits "
                         "for the disk; where there is a faster one, keep models there:"));
    snprintf(k->command, sizeof k->command, "export MOAT_HOME=/FASTER/DISK/moat");
}

/* A pulled model, and once more while it is packed. */
static void check_space(struct verdict *v, const struct measured *m,
                        const struct forecast f[FORECASTS])
{
    const struct forecast *best = forecast_best(f, 0);
    uint64_t want = 2 * (best ? best->weights : f[0].weights);
    if (m->disk_free == 0)
        return;
    struct check *k = verdict_add(v, "space", N_("free space"), CHECK_OK);
    snprintf(k->text, sizeof k->text, gettext("%.1f GiB; a %s model takes %.1f GiB with its pack"),
             (double)m->disk_free / GIB, best ? best->size : f[0].size, (double)want / GIB);
    if (m->disk_free >= want)
        return;
    k->level = CHECK_LOW;
    snprintf(k->advice, sizeof k->advice, "%s",
             gettext("Remove models that are not needed, or keep them elsewhere (MOAT_HOME):"));
    snprintf(k->command, sizeof k->command, "moat list; moat rm NAME");
}

void verdict_disk(struct verdict *v, const struct host *h, const struct measured *m,
                  const struct forecast f[FORECASTS])
{
    check_speed(v, &h->disk, m);
    check_space(v, m, f);
}
