/* SPDX-License-Identifier: Apache-2.0 */
/* ops/host: what a machine says of itself, read from /proc, /sys and /etc.
 *
 * Reads only, and works below a root that holds the files of another machine (host_file.h). What is
 * not said is zero or "". Text comes from files, cleaned for printing. Everything here is read;
 * what has to be measured is in ops/measure. */
#ifndef MOAT_OPS_HOST_H
#define MOAT_OPS_HOST_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum { HOST_DEVICES = 16, HOST_SERVICES = 12, HOST_PROXIES = 4, HOST_WORD = 128 };

struct host_cpu {
    char name[HOST_WORD]; /* of the chip, and of the board where it says so */
    char arch[16];        /* "x86-64", "aarch64", or "" */
    char isa[16];         /* the strongest level of compute/kernel it has */
    char governor[32];    /* of its frequency; "": none, or the processor itself governs */
    uint32_t online;      /* logical CPUs */
    uint32_t allowed;     /* of those, what this process may use */
    uint32_t cores;       /* distinct cores of all that are online */
    uint32_t usable;      /* threads moat computes with: cores, affinity and quota together */
    uint32_t sockets, nodes;
    double quota;      /* CPUs a cgroup leaves; 0: no bound */
    uint64_t l3_bytes; /* of the largest cache; 0: not known */
};

struct host_memory {
    uint64_t total, available;            /* of the machine */
    uint64_t limit, left;                 /* of the cgroups; UINT64_MAX: no bound */
    uint64_t swap_total, swap_compressed; /* of which in memory (zram) */
    char huge_mode[16]; /* of transparent huge pages: always, madvise, never; "": none */
};

enum disk_kind {
    DISK_UNKNOWN,
    DISK_NVME,
    DISK_SSD,
    DISK_ROTATING,
    DISK_CARD, /* SD or eMMC */
    DISK_USB,
    DISK_VIRTUAL,
    DISK_NETWORK, /* a file system of another machine */
    DISK_MEMORY,  /* a file system in memory */
    DISK_LAYERS,  /* an overlay: a container's own layer */
};

struct host_disk {
    enum disk_kind kind;
    char mount[HOST_WORD], fs[32];
    char device[64], model[64]; /* the whole disk, not a partition */
};

struct host_device {
    char name[HOST_WORD]; /* "NVIDIA 10de:2684", "DRIVER rknpu" */
    char where[64];       /* PCI slot, or name in /sys/class */
    bool npu;             /* else a GPU */
    bool display_only;    /* of a server's management chip or a virtual machine */
};

struct host_network {
    bool route;                              /* a default route, of either family */
    bool resolver;                           /* a name server is configured */
    char proxy[HOST_PROXIES][2 * HOST_WORD]; /* "https_proxy=http://host:port", credentials out */
    uint32_t n_proxies;
};

/* A background service that runs now. */
struct host_service {
    char unit[HOST_WORD];
    uint64_t bytes;  /* resident memory of its processes, shared pages counted in each */
    const char *why; /* gettext id: why it is worth stopping; NULL: only large */
    bool user;       /* of a user's own session */
    bool enabled;    /* starts again with the machine */
};

struct host_limits {
    uint64_t files_soft, files_hard; /* open files; UINT64_MAX: no bound */
    uint64_t address_space;          /* bytes; UINT64_MAX: no bound */
};

struct host {
    struct host_cpu cpu;
    struct host_memory memory;
    struct host_disk disk; /* of the store */
    struct host_device device[HOST_DEVICES];
    uint32_t n_devices;
    struct host_network network;
    struct host_service service[HOST_SERVICES]; /* worth stopping first, then by size */
    uint32_t n_services;
    struct host_limits limits;
    bool container; /* this process runs in one */
    bool systemd;   /* is what starts services here */
    bool pool;      /* moat.slice is there */
};

/* store: the folder models are kept in, or will be. */
void host_read(struct host *h, const char *root, const char *store);

void host_read_cpu(struct host_cpu *c, const char *root);
void host_read_memory(struct host_memory *m, const char *root);
void host_read_disk(struct host_disk *d, const char *root, const char *path);
void host_read_devices(struct host *h, const char *root);
void host_read_network(struct host_network *n, const char *root);
void host_read_services(struct host *h, const char *root);

/* The memory moat may count on, all and free now. */
uint64_t host_memory_total(const struct host_memory *m);
uint64_t host_memory_free(const struct host_memory *m);

#endif
