/* SPDX-License-Identifier: Apache-2.0 */
/* guard/sandbox_user: namespaces, user ids and capabilities of a role. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guard/sandbox_private.h"

/* systemd keeps 65520 to 65533 free of users, and containers with 65536 ids have them too. */
#define FIRST_USER 65520u

static bool write_line(const char *path, const char *line)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line);
    int why = errno;
    if (fd >= 0)
        close(fd);
    errno = why;
    return ok;
}

/* As itself in a user namespace of its own, and so allowed to make others. Files are reached as
 * before: it is the same user to them. */
static bool by_user_namespace(uid_t user, gid_t group)
{
    char users[64], groups[64];
    snprintf(users, sizeof users, "%u %u 1", user, user);
    snprintf(groups, sizeof groups, "%u %u 1", group, group);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        return false;
    return write_line("/proc/self/setgroups", "deny") && write_line("/proc/self/uid_map", users) &&
           write_line("/proc/self/gid_map", groups);
}

bool sandbox_network(void)
{
    uid_t user = geteuid();
    gid_t group = getegid();
    return unshare(CLONE_NEWNET) == 0 || by_user_namespace(user, group);
}

bool sandbox_own_user(enum sandbox_role role)
{
    uid_t user = FIRST_USER + (uid_t)role;
    return setgroups(0, NULL) == 0 && setresgid(user, user, user) == 0 &&
           setresuid(user, user, user) == 0;
}

static bool set_capabilities(uint64_t kept)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct has[2], data[2] = {{0}, {0}};
    if (syscall(SYS_capget, &head, has) != 0)
        return false;
    for (int i = 0; i < 2; i++)
        data[i].effective = data[i].permitted = has[i].permitted & (uint32_t)(kept >> (32 * i));
    return syscall(SYS_capset, &head, data) == 0;
}

bool sandbox_rights(unsigned kept)
{
    const struct rlimit none = {0, 0};
    bool may_drop = prctl(PR_CAPBSET_READ, CAP_SETPCAP, 0, 0, 0) == 1 && geteuid() == 0;
    for (unsigned long cap = 0; may_drop && cap < 64 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0;
         cap++)
        if (cap >= 32 || !(kept >> cap & 1))
            (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); /* not allowed: there is none to drop */
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return set_capabilities(kept) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}
