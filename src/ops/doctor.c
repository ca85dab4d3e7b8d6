/* SPDX-License-Identifier: Apache-2.0 */
/* ops/doctor: see doctor.h. */
#include "ops/doctor.h"

#include <stdio.h>
#include <string.h>

#include "compute/kernel.h"

/* All formats that any forecast reads. */
static struct decode_work all_work(const struct doctor *d)
{
    struct decode_work w = {0};
    for (int t = 0; t < DTYPE_COUNT; t++) {
        for (uint32_t i = 0; i < FORECASTS; i++)
            w.bytes[t] += d->sizes[i].work.bytes[t];
        for (uint32_t i = 0; i < d->n_files; i++)
            w.bytes[t] += d->files[i].work.bytes[t];
    }
    return w;
}

static void measure_here(struct doctor *d, const struct doctor_params *p)
{
    struct measured *m = &d->measured;
    *m = (struct measured){0};
    char dir[PATH_MAX];
    fail(&m->no_memory, ERR_CANCELLED, "not measured");
    m->no_disk = m->no_memory;
    m->disk_free = disk_existing(p->store, dir, sizeof dir) ? disk_free(dir) : 0;
    struct decode_work w = all_work(d);
    if (p->measure)
        measure_memory(m, &w, d->host.cpu.l3_bytes, p->note, p->note_arg);
    if (p->measure && p->measure_disk)
        measure_disk(m, p->store, p->note, p->note_arg);
}

/* What this process picks counts, which MOAT_ISA or the kernel's permission may have lowered. */
static void use_own_level(struct host_cpu *c)
{
    struct err ignored;
    const struct kernels *k = kernel_init(&ignored);
    if (k)
        snprintf(c->isa, sizeof c->isa, "%s", k->isa);
}

bool doctor_examine(struct doctor *d, const struct doctor_params *p, struct err *e)
{
    host_read(&d->host, p->root, p->store);
    forecast_sizes(d->sizes);
    if (p->root[0]) {
        if (!measured_read(&d->measured, p->root, e))
            return false;
    } else {
        use_own_level(&d->host.cpu);
        measure_here(d, p);
    }
    for (uint32_t i = 0; i < FORECASTS; i++)
        forecast_judge(&d->sizes[i], &d->host, &d->measured);
    for (uint32_t i = 0; i < d->n_files; i++)
        forecast_judge(&d->files[i], &d->host, &d->measured);
    verdict_of(&d->verdict, &d->host, &d->measured, d->sizes);
    return true;
}
