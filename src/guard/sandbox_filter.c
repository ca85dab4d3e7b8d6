/* SPDX-License-Identifier: Apache-2.0 */
/* guard/sandbox_filter: the table of guard/sandbox_calls as a seccomp filter, by libseccomp.
 *
 * Arguments decide here where a call is needed for one thing and leads out by another. A filter
 * sees registers and no memory: so sendto, sendmsg and sendmmsg are told from each other by their
 * flags, clone3 (whose flags lie in memory) does not exist, and no socket address is ever checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guard/sandbox_private.h"

#define FASTOPEN 0x20000000u /* MSG_FASTOPEN: connects while it sends */
#define FICLONE_ 0x40049409u /* of linux/fs.h, which clashes with sys/mount.h */
#define NAMESPACES                                                                                 \
    ((unsigned)CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |       \
     CLONE_NEWPID | CLONE_NEWNET)

struct filter {
    scmp_filter_ctx ctx;
    unsigned rows;  /* whose rows of the table */
    unsigned roles; /* who this is, or starts */
    bool sealed, local;
    int error; /* the first, as -errno */
};

static void note(struct filter *f, int rc)
{
    if (rc < 0 && rc != -EEXIST && !f->error)
        f->error = rc;
}

static bool is(const struct filter *f, unsigned roles)
{
    return (f->roles & roles) != 0;
}

static void allow_if(struct filter *f, int call, const struct scmp_arg_cmp *arg, unsigned n)
{
    note(f, seccomp_rule_add_array(f->ctx, SCMP_ACT_ALLOW, call, n, arg));
}

static void allow_value(struct filter *f, int call, unsigned arg, uint64_t value)
{
    allow_if(f, call, &SCMP_CMP64(arg, SCMP_CMP_EQ, value), 1);
}

/* All of these bits of the argument are as in `value`. */
static void allow_bits(struct filter *f, int call, unsigned arg, uint64_t mask, uint64_t value)
{
    allow_if(f, call, &SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, mask, value), 1);
}

static void each_name(struct filter *f, const char *names, uint32_t action)
{
    char name[64];
    for (const char *p = names; *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        snprintf(name, sizeof name, "%.*s", (int)n, p);
        int call = seccomp_syscall_resolve_name(name);
        if (call >= 0) /* else this architecture has it not */
            note(f, seccomp_rule_add(f->ctx, action, call, 0));
        p += n;
    }
}

/* --- calls that arguments decide ------------------------------------------------------------- */

static void add_memory(struct filter *f)
{
    bool seals_later = !f->sealed && is(f, CALLS_ENGINE | CALLS_COMMAND);
    bool loads = is(f, CALLS_FETCH | CALLS_STARTER); /* shared libraries, while it works */
    for (unsigned i = 0; i < 2; i++) {
        int call = i ? SCMP_SYS(mprotect) : SCMP_SYS(mmap);
        if (seals_later)
            note(f, seccomp_rule_add(f->ctx, SCMP_ACT_ALLOW, call, 0));
        else
            allow_bits(f, call, 2, PROT_EXEC, 0);
    }
    if (!seals_later && loads) {
        allow_bits(f, SCMP_SYS(mmap), 2, PROT_WRITE | PROT_EXEC, PROT_EXEC);
        if (is(f, CALLS_STARTER)) /* the loader of the program that it starts */
            allow_bits(f, SCMP_SYS(mprotect), 2, PROT_WRITE | PROT_EXEC, PROT_EXEC);
    }
}

static void add_processes(struct filter *f)
{
    const uint64_t thread = CLONE_VM | CLONE_THREAD;
    if (is(f, CALLS_SUPERVISOR | CALLS_KEEPER | CALLS_STARTER)) {
        allow_bits(f, SCMP_SYS(clone), 0, NAMESPACES, 0);
    } else {
        if (!f->sealed || !is(f, CALLS_ENGINE))
            allow_bits(f, SCMP_SYS(clone), 0, NAMESPACES | thread, thread);
        for (unsigned i = 0; i < 2; i++) /* a signal to itself */
            allow_value(f, i ? SCMP_SYS(tgkill) : SCMP_SYS(kill), 0, (uint64_t)getpid());
    }
    note(f, seccomp_rule_add(f->ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0));
    allow_value(f, SCMP_SYS(prlimit64), 0, 0); /* its own limits */
    allow_value(f, SCMP_SYS(prctl), 0, PR_SET_NAME);
    if (f->sealed)
        return;
    static const int set_up[] = {PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP, PR_CAPBSET_READ,
                                 PR_GET_DUMPABLE,     PR_SET_SECCOMP,  PR_GET_SECCOMP,
                                 PR_CAP_AMBIENT};
    for (size_t i = 0; i < sizeof set_up / sizeof *set_up; i++)
        allow_value(f, SCMP_SYS(prctl), 0, (uint64_t)set_up[i]);
    allow_if(f, SCMP_SYS(prctl),
             (struct scmp_arg_cmp[]){SCMP_CMP64(0, SCMP_CMP_EQ, PR_SET_DUMPABLE),
                                     SCMP_CMP64(1, SCMP_CMP_EQ, 0)},
             2);
}

static void add_descriptors(struct filter *f)
{
    static const struct {
        unsigned roles;
        unsigned long request;
    } rows[] = {
        {~0u, FIONBIO},
        {~0u, FIOCLEX},
        {~0u, FIONREAD},
        {~0u, TCGETS},
        {CALLS_SUPERVISOR | CALLS_KEEPER | CALLS_COMMAND | CALLS_ENGINE, FICLONE_},
        {CALLS_FRONT, TIOCOUTQ}, /* what a client has not yet taken */
        {CALLS_COMMAND, TIOCGWINSZ},
        {CALLS_COMMAND, TCSETS},
        {CALLS_COMMAND, TCSETSW},
        {CALLS_COMMAND, TCSETSF},
        {CALLS_COMMAND, TIOCGPGRP},
        {CALLS_COMMAND, TCFLSH},
        {CALLS_COMMAND, TCXONC},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (is(f, rows[i].roles))
            allow_if(f, SCMP_SYS(ioctl),
                     &SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, 0xffffffffu, rows[i].request), 1);
    /* F_SETOWN and F_SETSIG send signals to others, and leases hold them up. */
    static const int commands[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD,     F_SETFD,
                                   F_GETFL, F_SETFL,         F_ADD_SEALS, F_GET_SEALS,
                                   F_SETLK, F_SETLKW,        F_GETLK,     F_OFD_SETLK};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        allow_bits(f, SCMP_SYS(fcntl), 1, 0xffffffffu, (uint64_t)commands[i]);
    if (!is(f, CALLS_STARTER))
        allow_if(f, SCMP_SYS(fcntl),
                 (struct scmp_arg_cmp[]){SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, 0xffffffffu, F_SETOWN),
                                         SCMP_CMP64(2, SCMP_CMP_EQ, (uint64_t)getpid())},
                 2);
    else /* of those it starts */
        allow_bits(f, SCMP_SYS(fcntl), 1, 0xffffffffu, F_SETOWN);
}

static void add_socket_options(struct filter *f)
{
    static const struct {
        int level, name;
    } rows[] = {
        {SOL_SOCKET, SO_KEEPALIVE},   {SOL_SOCKET, SO_LINGER},         {SOL_SOCKET, SO_SNDBUF},
        {SOL_SOCKET, SO_RCVBUF},      {SOL_SOCKET, SO_REUSEADDR},      {IPPROTO_TCP, TCP_NODELAY},
        {IPPROTO_TCP, TCP_KEEPIDLE},  {IPPROTO_TCP, TCP_KEEPINTVL},    {IPPROTO_TCP, TCP_KEEPCNT},
        {IPPROTO_TCP, TCP_CORK},      {IPPROTO_TCP, TCP_USER_TIMEOUT}, {IPPROTO_IP, IP_RECVERR},
        {IPPROTO_IPV6, IPV6_RECVERR}, {IPPROTO_IPV6, IPV6_V6ONLY},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        allow_if(f, SCMP_SYS(setsockopt),
                 (struct scmp_arg_cmp[]){
                     SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, 0xffffffffu, (uint64_t)rows[i].level),
                     SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, 0xffffffffu, (uint64_t)rows[i].name)},
                 2);
}

static void allow_socket(struct filter *f, int family, int type)
{
    const uint64_t kind = 0xffffffffu & ~(uint64_t)(SOCK_NONBLOCK | SOCK_CLOEXEC);
    const struct scmp_arg_cmp of[] = {
        SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, 0xffffffffu, (uint64_t)family),
        SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, kind, (uint64_t)type),
        SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, 0xffffffffu,
                   (uint64_t)(type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP))};
    allow_if(f, SCMP_SYS(socket), of, 3);
    struct scmp_arg_cmp plain[] = {of[0], of[1], SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, 0xffffffffu, 0)};
    allow_if(f, SCMP_SYS(socket), plain, 3);
}

static void add_sockets(struct filter *f)
{
    bool dials = is(f, CALLS_FETCH), talks = is(f, CALLS_FRONT | CALLS_FETCH);
    if (talks) {
        add_socket_options(f);
        allow_if(f, SCMP_SYS(sendto),
                 (struct scmp_arg_cmp[]){SCMP_CMP64(3, SCMP_CMP_MASKED_EQ, FASTOPEN, 0),
                                         SCMP_CMP64(4, SCMP_CMP_EQ, 0)},
                 2);
    }
    if (talks || is(f, CALLS_SUPERVISOR | CALLS_KEEPER | CALLS_AUDITOR | CALLS_STARTER))
        allow_bits(f, SCMP_SYS(sendmsg), 2, FASTOPEN, 0);
    /* on lines to other roles, and to syslog */
    if (is(f, CALLS_SUPERVISOR | CALLS_KEEPER | CALLS_AUDITOR))
        allow_if(f, SCMP_SYS(sendto),
                 (struct scmp_arg_cmp[]){SCMP_CMP64(3, SCMP_CMP_MASKED_EQ, FASTOPEN, 0),
                                         SCMP_CMP64(4, SCMP_CMP_EQ, 0)},
                 2);
    if (is(f, CALLS_SUPERVISOR | CALLS_KEEPER | CALLS_FETCH))
        allow_value(f, SCMP_SYS(socketpair), 0, AF_UNIX);
    if (!dials)
        return;
    allow_bits(f, SCMP_SYS(sendto), 3, FASTOPEN, 0); /* names are asked for by UDP */
    allow_bits(f, SCMP_SYS(sendmmsg), 3, FASTOPEN, 0);
    if (f->local) {
        allow_socket(f, AF_UNIX, SOCK_STREAM);
        return;
    }
    allow_socket(f, AF_INET, SOCK_STREAM);
    allow_socket(f, AF_INET6, SOCK_STREAM);
    allow_socket(f, AF_INET, SOCK_DGRAM);
    allow_socket(f, AF_INET6, SOCK_DGRAM);
}

/* --- the whole ------------------------------------------------------------------------------- */

static void add_all(struct filter *f, bool fatal)
{
    for (unsigned i = 0; i < sandbox_n_rows; i++)
        if (f->rows & sandbox_rows[i].roles)
            each_name(f, sandbox_rows[i].names, SCMP_ACT_ALLOW);
    add_memory(f);
    add_processes(f);
    add_descriptors(f);
    add_sockets(f);
    /* Who opens the audit log asks for a socket to syslog, where it has none yet: that fails, and
     * does not end the process. */
    bool syslogs = is(f, CALLS_AUDITOR);
    if (syslogs && !fatal) /* else all that is not allowed fails so */
        each_name(f, "socket connect", SCMP_ACT_ERRNO(EPERM));
    if (fatal) {
        each_name(f, sandbox_fatal, SCMP_ACT_KILL_PROCESS);
        if (!syslogs)
            each_name(f, "socket connect", SCMP_ACT_KILL_PROCESS);
        if (!is(f, CALLS_SUPERVISOR))
            each_name(f, "listen", SCMP_ACT_KILL_PROCESS);
    }
}

bool sandbox_calls(const struct sandbox *s, bool sealed)
{
    /* The roles of a server have no use for what leads out; libraries elsewhere just try it. */
    bool server = s->role <= SANDBOX_AUDITOR;
    uint32_t other = server && s->airgap ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM);
    struct filter f = {.ctx = seccomp_init(other),
                       .rows = sandbox_rows_of(s->role, sealed),
                       .roles = sandbox_rows_of(s->role, false),
                       .sealed = sealed,
                       .local = s->local};
    if (!f.ctx) {
        errno = ENOMEM;
        return false;
    }
    note(&f, seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_TSYNC, 1));
    note(&f, seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2)); /* a tree, not a list */
    note(&f, seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_SSB, 1));      /* no slower loads by the way */
    add_all(&f, server && other != SCMP_ACT_KILL_PROCESS);
    if (!f.error)
        note(&f, seccomp_load(f.ctx));
    seccomp_release(f.ctx);
    errno = -f.error;
    return f.error == 0;
}
