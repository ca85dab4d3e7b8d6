/* SPDX-License-Identifier: Apache-2.0 */
/* ops/host_disk: which disk holds a folder. See host.h.
 *
 * /proc/self/mountinfo says which file system it is on and by which device number; /sys leads from
 * a partition, or from a mapped device, to the disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/host.h"
#include "ops/host_file.h"

enum { DISK_STEPS = 8 }; /* partition, mapped device, RAID and so on down to the disk */

struct mount {
    char number[32], point[PATH_MAX], fs[32], source[HOST_WORD];
};

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* Blanks and the like are written \040. */
static void copy_unescaped(char *out, size_t cap, struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n && n + 1 < cap; i++) {
        const char *p = s.p + i;
        bool escape =
            p[0] == '\\' && s.n - i >= 4 && is_octal(p[1]) && is_octal(p[2]) && is_octal(p[3]);
        out[n++] = escape ? (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + p[3] - '0') : *p;
        i += escape ? 3 : 0;
    }
    out[n] = '\0';
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw"; proc(5). */
static bool parse_mount(struct str line, struct mount *m)
{
    struct str word[5], tail[2];
    size_t dash = str_find(line, STR(" - "));
    if (dash == SIZE_MAX || host_words(str_sub(line, 0, dash), word, 5) < 5 ||
        host_words(str_from(line, dash + 3), tail, 2) < 2 || word[4].n >= sizeof m->point)
        return false;
    host_copy(m->number, sizeof m->number, word[2]);
    copy_unescaped(m->point, sizeof m->point, word[4]);
    host_copy(m->fs, sizeof m->fs, tail[0]);
    host_copy(m->source, sizeof m->source, tail[1]);
    return true;
}

static bool holds(const char *point, const char *path)
{
    size_t n = strlen(point);
    return strcmp(point, "/") == 0 ||
           (strncmp(point, path, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

/* The deepest one that holds path; of several on one point the last, which covers the others. */
static bool find_mount(const char *root, const char *path, struct mount *best)
{
    struct buf text;
    bool found = false;
    host_text(&text, root, "/proc/self/mountinfo");
    struct str rest = buf_view(&text), line;
    struct mount m;
    while (str_cut(&rest, '\n', &line))
        if (parse_mount(line, &m) && holds(m.point, path) &&
            (!found || strlen(m.point) >= strlen(best->point))) {
            *best = m;
            found = true;
        }
    buf_clear(&text);
    return found;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* A mapped device or a RAID stands on others: the first of them. */
static bool step_down(char dir[PATH_MAX])
{
    char path[PATH_MAX];
    struct host_names below;
    if (host_exists("", "%s/partition", dir)) {
        *strrchr(dir, '/') = '\0';
        return true;
    }
    if (snprintf(path, sizeof path, "%s/slaves", dir) >= (int)sizeof path)
        return false;
    host_names(&below, "", path);
    if (below.n == 0 ||
        snprintf(path, sizeof path, "%s/slaves/%s", dir, below.name[0]) >= (int)sizeof path)
        return false;
    return realpath(path, dir) != NULL;
}

static bool find_device(const char *root, const struct mount *m, char dir[PATH_MAX])
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/sys/dev/block/%s", root, m->number);
    if (!realpath(path, dir)) {
        snprintf(path, sizeof path, "%s/sys/class/block/%s", root, base_name(m->source));
        if (strncmp(m->source, "/dev/", 5) != 0 || !realpath(path, dir))
            return false;
    }
    for (int i = 0; i < DISK_STEPS && step_down(dir); i++)
        ;
    return true;
}

static bool is_one_of(const char *word, const char *words)
{
    return host_has_word(str_of(words), word);
}

static enum disk_kind kind_of_fs(const char *fs)
{
    if (is_one_of(fs, "nfs nfs4 cifs smb3 ceph glusterfs 9p virtiofs lustre") ||
        strncmp(fs, "fuse.", 5) == 0)
        return DISK_NETWORK;
    if (is_one_of(fs, "tmpfs ramfs"))
        return DISK_MEMORY;
    return strcmp(fs, "overlay") == 0 ? DISK_LAYERS : DISK_UNKNOWN;
}

/* Virtual disks come first: they say that they rotate, whatever they are made of. */
static enum disk_kind kind_of_device(const char *dir)
{
    const char *name = base_name(dir);
    if (strstr(dir, "/virtio") || strncmp(name, "vd", 2) == 0 || strncmp(name, "xvd", 3) == 0)
        return DISK_VIRTUAL;
    if (strncmp(name, "nvme", 4) == 0)
        return DISK_NVME;
    if (strncmp(name, "mmcblk", 6) == 0)
        return DISK_CARD;
    if (strstr(dir, "/usb"))
        return DISK_USB;
    uint64_t rotating = host_number("", "%s/queue/rotational", dir);
    return rotating == 1 ? DISK_ROTATING : rotating == 0 ? DISK_SSD : DISK_UNKNOWN;
}

void host_read_disk(struct host_disk *d, const char *root, const char *path)
{
    struct mount m;
    char dir[PATH_MAX];
    *d = (struct host_disk){0};
    if (!find_mount(root, path, &m))
        return;
    host_copy(d->mount, sizeof d->mount, str_of(m.point));
    host_copy(d->fs, sizeof d->fs, str_of(m.fs));
    d->kind = kind_of_fs(m.fs);
    if (d->kind != DISK_UNKNOWN || !find_device(root, &m, dir))
        return;
    d->kind = kind_of_device(dir);
    host_copy(d->device, sizeof d->device, str_of(base_name(dir)));
    host_line(d->model, sizeof d->model, "", "%s/device/model", dir);
    str_make_printable(d->model);
}
