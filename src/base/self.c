/* SPDX-License-Identifier: Apache-2.0 */
/* base/self: see self.h. */
#include "base/self.h"

#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

/* "55d0c0a00000-55d0c0b00000 r-xp 00001000 fe:00 1234    /usr/bin/moat": whether it holds address,
 * and the file. */
static bool holds(char *line, uintptr_t address, char path[PATH_MAX])
{
    char *end, *slash = strchr(line, '/');
    uintptr_t from = (uintptr_t)strtoull(line, &end, 16);
    uintptr_t to = *end == '-' ? (uintptr_t)strtoull(end + 1, NULL, 16) : 0;
    if (address < from || address >= to || !slash)
        return false;
    slash[strcspn(slash, "\n")] = '\0';
    return snprintf(path, PATH_MAX, "%s", slash) < PATH_MAX;
}

bool self_find(struct self *s, struct err *e)
{
    char line[PATH_MAX + 128], exe[PATH_MAX];
    bool found = false;
    FILE *f = fopen("/proc/self/maps", "re");
    while (f && !found && fgets(line, sizeof line, f))
        found = holds(line, (uintptr_t)self_find, s->program);
    if (f)
        fclose(f);
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (!found || n < 0)
        return fail(e, ERR_IO, "this program cannot find its own file: is /proc there?");
    exe[n] = '\0';
    s->by_loader = strcmp(exe, s->program) != 0;
    return true;
}

struct visit {
    self_library_fn *fn;
    void *arg;
    struct err *e;
    const char *program;
};

static int visit_one(struct dl_phdr_info *info, size_t size, void *arg)
{
    const struct visit *v = arg;
    (void)size;
    bool is_file = info->dlpi_name && strchr(info->dlpi_name, '/');
    if (!is_file || strcmp(info->dlpi_name, v->program) == 0) /* the program, the kernel's part */
        return 0;
    return v->fn(v->arg, info->dlpi_name, v->e) ? 0 : 1;
}

bool self_each_library(self_library_fn *fn, void *arg, struct err *e)
{
    struct self self;
    struct visit v = {fn, arg, e, self.program};
    return self_find(&self, e) && dl_iterate_phdr(visit_one, &v) == 0;
}
