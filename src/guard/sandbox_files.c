/* SPDX-License-Identifier: Apache-2.0 */
/* guard/sandbox_files: Landlock, by system call. As much of it as the kernel knows (its ABI):
 * 1 files, 2 moving them between folders, 3 truncating, 4 TCP ports, 5 devices' ioctl, 6 signals
 * and abstract sockets of others. Below 2 the keeper cannot work, so there is no layer then. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guard/sandbox_private.h"

#define FS(bit)  (1ull << (bit))
#define EXECUTE  FS(0)
#define OF_FILES (EXECUTE | FS(1) | FS(2) | FS(14) | FS(15)) /* the others are of folders */
#define READ     (FS(2) | FS(3))
#define NO_RIGHT                                                                                   \
    (EXECUTE | FS(6) | FS(9) | FS(10) | FS(11)) /* nodes, sockets, pipes: for nobody               \
                                                 */
#define TCP    3ull                             /* bind, connect */
#define SCOPES 3ull                             /* abstract Unix sockets, signals */

struct ruleset { /* as newer kernels have it; an older one takes its front */
    uint64_t fs, net, scoped;
};

static uint64_t known_rights(long abi)
{
    uint64_t known = FS(13) - 1; /* ABI 1: bits 0 to 12 */
    known |= abi >= 2 ? FS(13) : 0;
    known |= abi >= 3 ? FS(14) : 0;
    known |= abi >= 5 ? FS(15) : 0;
    return known;
}

/* What is not there needs no rule. */
static bool add_path(int rules, const char *path, uint64_t rights)
{
    struct stat st;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES;
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rights &= OF_FILES;
    struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = fd};
    bool ok = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    int why = errno;
    close(fd);
    errno = why;
    return ok;
}

static bool add_paths(int rules, const char *const *paths, uint64_t rights)
{
    for (unsigned i = 0; i < SANDBOX_PATHS && paths[i]; i++)
        if (!add_path(rules, paths[i], rights))
            return false;
    return true;
}

static int make_rules(const struct sandbox *s, long abi)
{
    bool starts = s->role == SANDBOX_STARTER;
    bool dials = starts || (s->role == SANDBOX_FETCH && !s->local);
    uint64_t known = known_rights(abi), run = starts ? EXECUTE : 0;
    struct ruleset all = {.fs = known, .net = dials ? 0 : TCP, .scoped = SCOPES};
    size_t bytes = abi >= 6 ? sizeof all : abi >= 4 ? 2 * sizeof all.fs : sizeof all.fs;
    int rules = (int)syscall(SYS_landlock_create_ruleset, &all, bytes, 0);
    if (rules < 0)
        return -1;
    if (add_paths(rules, s->read, (READ | run) & known) &&
        add_paths(rules, s->write, known & ~NO_RIGHT))
        return rules;
    int why = errno;
    close(rules);
    errno = why;
    return -1;
}

bool sandbox_files(const struct sandbox *s)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 2) {
        errno = abi < 0 ? errno : ENOSYS;
        return false;
    }
    int rules = make_rules(s, abi);
    if (rules < 0)
        return false;
    bool ok = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
              syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    int why = errno;
    close(rules);
    errno = why;
    return ok;
}
