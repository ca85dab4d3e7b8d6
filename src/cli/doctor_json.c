/* SPDX-License-Identifier: Apache-2.0 */
/* cli/doctor_json: an examination as one JSON object. See doctor_show.h. */
#include <stdio.h>

#include "base/json.h"
#include "cli/doctor_show.h"

enum { JSON_BYTES = 1 << 20 };

/* "No bound" is null. */
static json_t *bound(uint64_t v)
{
    return v == UINT64_MAX ? json_null() : json_integer((json_int_t)v);
}

static json_t *cpu_json(const struct host_cpu *c)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:I}", "name",
                     c->name, "arch", c->arch, "isa", c->isa, "governor", c->governor, "online",
                     (int)c->online, "allowed", (int)c->allowed, "cores", (int)c->cores, "threads",
                     (int)c->usable, "sockets", (int)c->sockets, "numa_nodes", (int)c->nodes,
                     "quota", c->quota > 0 ? json_real(c->quota) : json_null(), "cache_bytes",
                     (json_int_t)c->l3_bytes);
}

static json_t *memory_json(const struct host_memory *m)
{
    return json_pack("{s:I, s:I, s:o, s:o, s:I, s:I, s:s}", "total", (json_int_t)m->total,
                     "available", (json_int_t)m->available, "cgroup_limit", bound(m->limit),
                     "cgroup_left", bound(m->left), "swap", (json_int_t)m->swap_total,
                     "swap_compressed", (json_int_t)m->swap_compressed, "huge_pages", m->huge_mode);
}

static json_t *disk_json(const struct host_disk *d)
{
    static const char *const kinds[] = {
        [DISK_UNKNOWN] = "unknown", [DISK_NVME] = "nvme",       [DISK_SSD] = "ssd",
        [DISK_ROTATING] = "hdd",    [DISK_CARD] = "card",       [DISK_USB] = "usb",
        [DISK_VIRTUAL] = "virtual", [DISK_NETWORK] = "network", [DISK_MEMORY] = "memory",
        [DISK_LAYERS] = "overlay"};
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", kinds[d->kind], "device", d->device,
                     "model", d->model, "mount", d->mount, "fs", d->fs);
}

static json_t *devices_json(const struct host *h)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < h->n_devices; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b}", "kind",
                                              h->device[i].npu ? "npu" : "gpu", "name",
                                              h->device[i].name, "where", h->device[i].where,
                                              "display_only", h->device[i].display_only));
    return list;
}

static json_t *network_json(const struct host_network *n)
{
    json_t *proxies = json_array();
    for (uint32_t i = 0; i < n->n_proxies; i++)
        json_array_append_new(proxies, json_string(n->proxy[i]));
    return json_pack("{s:b, s:b, s:o}", "route", n->route, "name_server", n->resolver, "proxies",
                     proxies);
}

static json_t *services_json(const struct host *h)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < h->n_services; i++)
        json_array_append_new(list, json_pack("{s:s, s:I, s:b, s:b}", "unit", h->service[i].unit,
                                              "memory_bytes", (json_int_t)h->service[i].bytes,
                                              "worth_stopping", h->service[i].why != NULL,
                                              "enabled", h->service[i].enabled));
    return list;
}

static json_t *checks_json(const struct verdict *v)
{
    static const char *const levels[] = {
        [CHECK_OK] = "ok", [CHECK_NOTE] = "note", [CHECK_LOW] = "low"};
    json_t *list = json_array();
    for (uint32_t i = 0; i < v->n; i++) {
        const struct check *c = &v->check[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "id", c->id,
                                              "level", levels[c->level], "text", c->text, "advice",
                                              c->advice, "command", c->command, "fixable",
                                              c->remedy != REMEDY_NONE));
    }
    return list;
}

static json_t *forecast_json(const struct forecast *f)
{
    static const char *const fits[] = {
        [FITS_NOW] = "now", [FITS_FREED] = "when-freed", [FITS_NOT] = "no"};
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:f, s:s}", "model", f->size, "format",
                     f->quant ? f->quant : "", "weight_bytes", (json_int_t)f->weights,
                     "memory_bytes", (json_int_t)f->memory, "bytes_per_token",
                     (json_int_t)decode_work_bytes(&f->work), "tokens_per_s", f->tokens_per_s,
                     "runs", fits[f->fits]);
}

static json_t *verdict_json(const struct doctor *d)
{
    const struct forecast *best = forecast_best(d->sizes, 0);
    const struct forecast *fast = forecast_best(d->sizes, FORECAST_SLOW);
    json_t *low = json_array();
    for (uint32_t i = 0; i < d->verdict.n; i++)
        if (d->verdict.check[i].level == CHECK_LOW)
            json_array_append_new(low, json_string(d->verdict.check[i].id));
    return json_pack("{s:s, s:s, s:s, s:o}", "largest", best ? best->size : "", "largest_fast",
                     fast ? fast->size : "", "tier", doctor_tier(&d->host.memory), "low", low);
}

static json_t *whole(const struct doctor *d)
{
    json_t *models = json_array();
    for (uint32_t i = 0; i < d->n_files; i++)
        json_array_append_new(models, forecast_json(&d->files[i]));
    for (uint32_t i = 0; i < FORECASTS; i++)
        json_array_append_new(models, forecast_json(&d->sizes[i]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "verdict",
                     verdict_json(d), "checks", checks_json(&d->verdict), "models", models, "cpu",
                     cpu_json(&d->host.cpu), "memory", memory_json(&d->host.memory), "disk",
                     disk_json(&d->host.disk), "devices", devices_json(&d->host), "network",
                     network_json(&d->host.network), "services", services_json(&d->host),
                     "measured", measured_json(&d->measured));
}

bool doctor_print_json(const struct doctor *d, struct err *e)
{
    struct buf out;
    buf_init(&out, JSON_BYTES);
    json_t *j = whole(d);
    bool ok = j ? json_write(j, JSON_COMPACT | JSON_REAL_PRECISION(8), &out, e)
                : fail(e, ERR_LIMIT, "there is no memory for the report");
    if (ok)
        puts(buf_c(&out));
    json_decref(j);
    buf_clear(&out);
    return ok;
}
