/* SPDX-License-Identifier: Apache-2.0 */
/* ops/measure: see measure.h. */
#include "ops/measure.h"

#include <limits.h>
#include <stdio.h>

#include "base/limits.h"
#include "lab/machine.h"

/* Of a made-up model: what no cache holds, and less than a small machine has. */
#define LEAST_BYTES (128ull << 20)
#define MOST_BYTES  (768ull << 20)

static void say(measure_note_fn *note, void *arg, const char *what)
{
    if (note)
        note(arg, err_text(what));
}

static bool measure_reads(struct measured *m, struct err *e)
{
    struct machine_reads reads;
    struct workers *team = workers_new(os_cpu_count(), e);
    bool ok = team && machine_measure_reads(&reads, team, e);
    workers_free(team);
    m->memory_read = ok ? machine_best_read(&reads) : 0;
    return ok;
}

void measure_memory(struct measured *m, const struct decode_work *w, uint64_t l3_bytes,
                    measure_note_fn *note, void *arg)
{
    uint64_t bytes = 3 * l3_bytes > LEAST_BYTES ? 3 * l3_bytes : LEAST_BYTES;
    bytes = bytes < MOST_BYTES ? bytes : MOST_BYTES;
    say(note, arg, N_("measuring how fast memory is read"));
    m->no_memory.code = ERR_NONE;
    bool ok = measure_reads(m, &m->no_memory);
    say(note, arg, N_("measuring how fast tokens are written"));
    for (int t = 0; t < DTYPE_COUNT && ok; t++)
        if (w->bytes[t] && m->decode.rate[t] <= 0)
            ok = decode_speed_measure(&m->decode, (enum dtype)t, os_cpu_count(), bytes,
                                      &m->no_memory);
}

void measure_disk(struct measured *m, const char *store, measure_note_fn *note, void *arg)
{
    char dir[PATH_MAX];
    if (!disk_existing(store, dir, sizeof dir))
        return;
    say(note, arg, N_("measuring the disk"));
    m->disk_free = disk_free(dir);
    m->no_disk.code = ERR_NONE;
    if (!disk_speed_measure(&m->disk, dir, &m->no_disk))
        m->disk = (struct disk_speed){0};
}

json_t *measured_json(const struct measured *m)
{
    json_t *rates = json_object();
    for (int t = 0; t < DTYPE_COUNT; t++)
        if (m->decode.rate[t] > 0)
            json_object_set_new(rates, dtype_name((enum dtype)t), json_real(m->decode.rate[t]));
    return json_pack("{s:f, s:{s:f, s:o}, s:{s:f, s:f, s:f, s:I}}", "memory_read_bytes_per_s",
                     m->memory_read, "decode", "layer_seconds", m->decode.layer_s, "bytes_per_s",
                     rates, "disk", "write_bytes_per_s", m->disk.write, "read_bytes_per_s",
                     m->disk.read, "random_reads_per_s", m->disk.random_reads, "free_bytes",
                     (json_int_t)m->disk_free);
}

/* A number that is none, or below zero, is as good as not measured. */
static double number(const json_t *object, const char *key)
{
    double v = json_number_value(json_object_get(object, key));
    return v > 0 && v < 1e18 ? v : 0;
}

static void take_rates(struct measured *m, const json_t *rates)
{
    const char *name;
    json_t *value;
    enum dtype t;
    json_object_foreach((json_t *)(uintptr_t)rates, name,
                        value) if (dtype_from_name(str_of(name), &t)) m->decode.rate[t] =
        number(rates, name);
}

bool measured_read(struct measured *m, const char *root, struct err *e)
{
    char path[PATH_MAX];
    struct err why;
    *m = (struct measured){.recorded = true};
    fail(&m->no_memory, ERR_NOT_FOUND, "not measured: %s has no measured.json that says it", root);
    m->no_disk = m->no_memory;
    if (snprintf(path, sizeof path, "%s/measured.json", root) >= (int)sizeof path)
        return fail(e, ERR_USAGE, "path is too long: %s", root);
    json_t *j = json_read_file(path, LIMIT_CONFIG_BYTES, &why);
    if (!j && why.code == ERR_NOT_FOUND)
        return true;
    if (!j) {
        *e = why;
        return false;
    }
    const json_t *decode = json_object_get(j, "decode"), *disk = json_object_get(j, "disk");
    m->memory_read = number(j, "memory_read_bytes_per_s");
    m->decode.layer_s = number(decode, "layer_seconds");
    take_rates(m, json_object_get(decode, "bytes_per_s"));
    m->disk =
        (struct disk_speed){number(disk, "write_bytes_per_s"), number(disk, "read_bytes_per_s"),
                            number(disk, "random_reads_per_s")};
    m->disk_free = (uint64_t)number(disk, "free_bytes");
    if (m->memory_read > 0)
        m->no_memory = (struct err){0};
    if (m->disk.read > 0)
        m->no_disk = (struct err){0};
    json_decref(j);
    return true;
}
