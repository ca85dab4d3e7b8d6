/* SPDX-License-Identifier: Apache-2.0 */
/* ops/host_devices: graphics and neural processors. See host.h.
 *
 * moat computes on the CPU; they are listed so that nobody wonders whether they are used. */
#include <stdio.h>
#include <string.h>

#include "ops/host.h"
#include "ops/host_file.h"

/* PCI base classes; PCI Code and ID Assignment Specification. */
enum { CLASS_DISPLAY = 0x03, CLASS_ACCELERATOR = 0x12 };

static const struct {
    uint32_t id;
    const char *name;
    bool display_only;
} vendors[] = {
    {0x10de, "NVIDIA", false},    {0x1002, "AMD", false},           {0x8086, "Intel", false},
    {0x19e5, "Huawei", false},    {0x1ed5, "Moore Threads", false}, {0x1d94, "Hygon", false},
    {0xcabc, "Cambricon", false}, {0x1e3e, "Iluvatar", false},      {0x1a03, "ASPEED", true},
    {0x102b, "Matrox", true},     {0x1013, "Cirrus", true},         {0x1234, "QEMU", true},
    {0x1af4, "virtio", true},     {0x1b36, "QEMU", true},           {0x15ad, "VMware", true},
    {0x1414, "Hyper-V", true},
};

static struct host_device *next_device(struct host *h)
{
    return h->n_devices < HOST_DEVICES ? &h->device[h->n_devices++] : NULL;
}

static void add_pci(struct host *h, const char *root, const char *slot)
{
    uint64_t class = host_number(root, "/sys/bus/pci/devices/%s/class", slot);
    uint64_t vendor = host_number(root, "/sys/bus/pci/devices/%s/vendor", slot);
    uint64_t device = host_number(root, "/sys/bus/pci/devices/%s/device", slot);
    bool display = class >> 16 == CLASS_DISPLAY, npu = class >> 16 == CLASS_ACCELERATOR;
    struct host_device *d = (display || npu) && class < 1u << 24 ? next_device(h) : NULL;
    if (!d)
        return;
    const char *name = "PCI";
    d->npu = npu;
    for (size_t i = 0; i < sizeof vendors / sizeof *vendors; i++)
        if (vendors[i].id == vendor) {
            name = vendors[i].name;
            d->display_only = vendors[i].display_only;
        }
    snprintf(d->name, sizeof d->name, "%s %04x:%04x", name, (unsigned)(vendor & 0xffff),
             (unsigned)(device & 0xffff));
    host_copy(d->where, sizeof d->where, str_of(slot));
}

/* Those without a PCI slot, as on a board: what has one was counted there. */
static void add_class(struct host *h, const char *root, const char *class, const char *name,
                      bool npu)
{
    struct buf text;
    char driver[64] = "";
    host_text(&text, root, "/sys/class/%s/%s/device/uevent", class, name);
    struct str rest = buf_view(&text), line;
    bool pci = false;
    while (str_cut(&rest, '\n', &line)) {
        if (str_starts(line, STR("DRIVER=")))
            host_copy(driver, sizeof driver, str_from(line, 7));
        pci = pci || str_starts(line, STR("PCI_SLOT_NAME="));
    }
    buf_clear(&text);
    struct host_device *d = driver[0] && !pci ? next_device(h) : NULL;
    if (!d)
        return;
    d->npu = npu || strstr(driver, "npu") || strstr(driver, "NPU");
    snprintf(d->name, sizeof d->name, "%s", driver);
    host_copy(d->where, sizeof d->where, str_of(name));
}

void host_read_devices(struct host *h, const char *root)
{
    struct host_names names;
    h->n_devices = 0;
    host_names(&names, root, "/sys/bus/pci/devices");
    for (uint32_t i = 0; i < names.n; i++)
        add_pci(h, root, names.name[i]);
    host_names(&names, root, "/sys/class/drm");
    for (uint32_t i = 0; i < names.n; i++)
        if (strncmp(names.name[i], "renderD", 7) == 0)
            add_class(h, root, "drm", names.name[i], false);
    host_names(&names, root, "/sys/class/accel");
    for (uint32_t i = 0; i < names.n; i++)
        add_class(h, root, "accel", names.name[i], true);
}
