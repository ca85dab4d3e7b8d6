/* SPDX-License-Identifier: Apache-2.0 */
/* ops/verdict_around: accelerators, network, services and limits. See verdict.h. */
#include <libintl.h>
#include <stdio.h>
#include <string.h>

#include "ops/verdict.h"

/* Adds "a, b, c" up to what there is room for; a name is whole or left out. */
static void join(char *list, size_t cap, const char *item)
{
    size_t n = strlen(list);
    if (n + strlen(item) + 3 < cap)
        snprintf(list + n, cap - n, "%s%s", n ? ", " : "", item);
}

static void check_devices(struct verdict *v, const struct host *h)
{
    char list[256] = "";
    for (uint32_t i = 0; i < h->n_devices; i++)
        if (!h->device[i].display_only) {
            char item[HOST_WORD + 80];
            snprintf(item, sizeof item, "%s %s (%s)", h->device[i].npu ? "NPU" : "GPU",
                     h->device[i].name, h->device[i].where);
            join(list, sizeof list, item);
        }
    struct check *k = verdict_add(v, "accelerators", N_("accelerators"), CHECK_OK);
    if (list[0])
        snprintf(k->text, sizeof k->text, gettext("%s: not used, moat computes on the processor"),
                 list);
    else
        snprintf(k->text, sizeof k->text, "%s", gettext("none, and none is needed"));
}

static void check_network(struct verdict *v, const struct host *h)
{
    const struct host_network *n = &h->network;
    char list[400] = "";
    for (uint32_t i = 0; i < n->n_proxies; i++)
        join(list, sizeof list, n->proxy[i]);
    struct check *k = verdict_add(v, "network", N_("network"), CHECK_OK);
    const char *way = !n->route     ? gettext("no way out")
                      : n->resolver ? gettext("there is a way out")
                                    : gettext("there is a way out, but no name server");
    snprintf(k->text, sizeof k->text, "%s%s%s", way, list[0] ? "; " : "", list);
    if (n->route)
        return;
    k->level = CHECK_NOTE;
    snprintf(k->advice, sizeof k->advice, "%s",
             gettext("Models come from a file or from a server of the intranet:"));
    snprintf(k->command, sizeof k->command, "moat import FILE.gguf --name NAME");
}

static void describe_service(struct check *k, const struct host_service *s)
{
    char item[2 * HOST_WORD + 128];
    size_t n = strlen(k->text);
    double mib = (double)s->bytes / (1 << 20);
    if (s->why)
        snprintf(item, sizeof item, "%s (%.0f MiB): %s", s->unit, mib, err_text(s->why));
    else
        snprintf(item, sizeof item, gettext("%s holds %.0f MiB"), s->unit, mib);
    if (n + strlen(item) + 3 < sizeof k->text)
        snprintf(k->text + n, sizeof k->text - n, "%s%s", n ? "\n" : "", item);
}

/* One command a line. */
static bool add_command(struct check *k, const struct host_service *s)
{
    size_t n = strlen(k->command);
    char item[HOST_WORD + 64];
    snprintf(item, sizeof item, "%ssystemctl %s%s %s", s->user ? "" : "sudo ",
             s->user ? "--user " : "", s->enabled ? "disable --now" : "stop", s->unit);
    if (n + strlen(item) + 3 >= sizeof k->command)
        return false;
    snprintf(k->command + n, sizeof k->command - n, "%s%s", n ? "\n" : "", item);
    return true;
}

static void check_services(struct verdict *v, const struct host *h)
{
    struct check *k = verdict_add(v, "services", N_("services"), CHECK_OK);
    for (uint32_t i = 0; i < h->n_services; i++) {
        describe_service(k, &h->service[i]);
        if (h->service[i].why)
            add_command(k, &h->service[i]);
    }
    if (h->n_services == 0) {
        snprintf(k->text, sizeof k->text, "%s", gettext("none that should make way"));
        return;
    }
    k->level = CHECK_NOTE;
    if (k->command[0])
        snprintf(k->advice, sizeof k->advice, "%s",
                 gettext("Where this machine does not need them, they can make way:"));
}

static void check_limits(struct verdict *v, const struct host *h)
{
    const struct host_limits *l = &h->limits;
    struct check *k = verdict_add(v, "limits", N_("limits"), CHECK_OK);
    if (l->address_space != UINT64_MAX) {
        k->level = CHECK_LOW;
        snprintf(k->text, sizeof k->text,
                 gettext("address space is limited to %.1f GiB, and models are mapped into it"),
                 (double)l->address_space / (1024.0 * 1024 * 1024));
        snprintf(k->command, sizeof k->command, "ulimit -v unlimited");
    } else if (l->files_hard < GATE_OPEN_FILES) {
        k->level = CHECK_LOW;
        k->remedy = h->container ? REMEDY_NONE : REMEDY_OPEN_FILES;
        snprintf(k->text, sizeof k->text,
                 gettext("%llu open files at most: too few for a server of many clients"),
                 (unsigned long long)l->files_hard);
        snprintf(k->command, sizeof k->command, "%s",
                 h->container ? "docker run --ulimit nofile=65536"
                              : "sudo moat doctor --fix --only files");
    } else {
        snprintf(k->text, sizeof k->text, "%s", gettext("open files and address space: enough"));
    }
}

void verdict_surroundings(struct verdict *v, const struct host *h)
{
    check_devices(v, h);
    check_network(v, h);
    check_services(v, h);
    check_limits(v, h);
}
