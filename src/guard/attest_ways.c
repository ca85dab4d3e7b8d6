/* SPDX-License-Identifier: Apache-2.0 */
/* guard/attest_ways: the ways out. Each is what a program that was taken over would try, done with
 * the plainest system calls; 0 says that it worked. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/keyctl.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard/attest_private.h"

#define FASTOPEN 0x20000000 /* MSG_FASTOPEN */
enum { PROTOCOL_MPTCP = 262, HOST_CID = 2 };

/* By bare system calls: the program has no function that dials, which its symbols show. */
static int dial(int fd, const void *to, socklen_t n)
{
    return (int)syscall(SYS_connect, fd, to, n);
}

static ssize_t send_to(int fd, const struct attest_token *t, int flags, const void *to, socklen_t n)
{
    return syscall(SYS_sendto, fd, t, sizeof *t, flags, to, n);
}

static int result(bool ok)
{
    return ok ? 0 : -(errno ? errno : EIO);
}

/* --- the network -------------------------------------------------------------------------------
 */

static int connect_and_send(int fd, const void *to, socklen_t n, const struct attest_token *t)
{
    if (fd < 0 || dial(fd, to, n) != 0)
        return result(false);
    return result(write(fd, t, sizeof *t) == sizeof *t);
}

static int by_tcp(const struct attest_world *w, const struct attest_token *t)
{
    return connect_and_send(socket(AF_INET, SOCK_STREAM, 0), &w->tcp, sizeof w->tcp, t);
}

static int by_mptcp(const struct attest_world *w, const struct attest_token *t)
{
    return connect_and_send(socket(AF_INET, SOCK_STREAM, PROTOCOL_MPTCP), &w->tcp, sizeof w->tcp,
                            t);
}

static int send_fast(int fd, const struct attest_world *w, const struct attest_token *t)
{
    return result(fd >= 0 && send_to(fd, t, FASTOPEN, &w->tcp, sizeof w->tcp) == sizeof *t);
}

static int send_fast_message(int fd, const struct attest_world *w, const struct attest_token *t)
{
    struct iovec v = {(void *)(uintptr_t)t, sizeof *t};
    struct msghdr m = {.msg_name = (void *)(uintptr_t)&w->tcp,
                       .msg_namelen = sizeof w->tcp,
                       .msg_iov = &v,
                       .msg_iovlen = 1};
    return result(fd >= 0 && sendmsg(fd, &m, FASTOPEN) == sizeof *t);
}

static int by_fast_open(const struct attest_world *w, const struct attest_token *t)
{
    return send_fast(socket(AF_INET, SOCK_STREAM, 0), w, t);
}

static int by_fast_message(const struct attest_world *w, const struct attest_token *t)
{
    return send_fast_message(socket(AF_INET, SOCK_STREAM, 0), w, t);
}

static int by_udp(const struct attest_world *w, const struct attest_token *t)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    return result(fd >= 0 && send_to(fd, t, 0, &w->udp, sizeof w->udp) == sizeof *t);
}

static int by_icmp(const struct attest_world *w, const struct attest_token *t)
{
    const struct icmphdr echo = {.type = ICMP_ECHO};
    (void)t;
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    return result(fd >= 0 && syscall(SYS_sendto, fd, &echo, sizeof echo, 0, &w->tcp,
                                     sizeof w->tcp) == (long)sizeof echo);
}

/* Any interface: the loopback one is there in most namespaces, and down in an empty one. */
static int by_packet(const struct attest_world *w, const struct attest_token *t)
{
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_halen = 6};
    (void)w;
    int fd = socket(AF_PACKET, SOCK_DGRAM, 0);
    to.sll_ifindex = 1;
    to.sll_protocol = htons(ETH_P_IP);
    return result(fd >= 0 && send_to(fd, t, 0, &to, sizeof to) == sizeof *t);
}

/* The host of a virtual machine: its refusal is an answer, so something was asked. */
static int by_vsock(const struct attest_world *w, const struct attest_token *t)
{
    const struct sockaddr_vm to = {.svm_family = AF_VSOCK, .svm_cid = HOST_CID, .svm_port = 9999};
    (void)w;
    int got = connect_and_send(socket(AF_VSOCK, SOCK_STREAM, 0), &to, sizeof to, t);
    return got == -ECONNRESET || got == -ECONNREFUSED ? 0 : got;
}

static int by_path(const struct attest_world *w, const struct attest_token *t)
{
    return connect_and_send(socket(AF_UNIX, SOCK_STREAM, 0), &w->path, sizeof w->path, t);
}

static int by_abstract(const struct attest_world *w, const struct attest_token *t)
{
    return connect_and_send(socket(AF_UNIX, SOCK_STREAM, 0), &w->abstract, w->abstract_bytes, t);
}

/* Its operations open and connect sockets, and no filter of calls sees them. */
static int by_ring(const struct attest_world *w, const struct attest_token *t)
{
    unsigned char params[120] = {0};
    (void)w, (void)t;
    return result(syscall(SYS_io_uring_setup, 4, params) >= 0);
}

static int by_new_listener(const struct attest_world *w, const struct attest_token *t)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    (void)w, (void)t;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return result(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 1) == 0);
}

/* --- sockets it was given ----------------------------------------------------------------------
 */

static int turn(int fd, const struct attest_world *w, const struct attest_token *t)
{
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    if (dial(fd, &nobody, sizeof nobody) != 0)
        return result(false);
    return connect_and_send(fd, &w->tcp, sizeof w->tcp, t);
}

static int by_listener(const struct attest_world *w, const struct attest_token *t)
{
    return turn(w->listener[0], w, t);
}

static int by_accepted(const struct attest_world *w, const struct attest_token *t)
{
    return turn(w->accepted[0], w, t);
}

static int by_listener_fast(const struct attest_world *w, const struct attest_token *t)
{
    (void)shutdown(w->listener[1], SHUT_RDWR);
    return send_fast(w->listener[1], w, t);
}

static int by_listener_fast_message(const struct attest_world *w, const struct attest_token *t)
{
    (void)shutdown(w->listener[2], SHUT_RDWR);
    return send_fast_message(w->listener[2], w, t);
}

static int by_accepted_fast(const struct attest_world *w, const struct attest_token *t)
{
    (void)shutdown(w->accepted[1], SHUT_RDWR);
    return send_fast(w->accepted[1], w, t);
}

/* --- other processes ---------------------------------------------------------------------------
 */

static int by_program(const struct attest_world *w, const struct attest_token *t)
{
    char *const argv[] = {(char *)(uintptr_t) "true", NULL}, *const none[] = {NULL};
    (void)w, (void)t;
    execve("/bin/true", argv, none); /* comes back only where it may not: else exit status 0 */
    return result(false);
}

static int by_tracing(const struct attest_world *w, const struct attest_token *t)
{
    (void)t;
    if (ptrace(PTRACE_SEIZE, w->victim, 0, 0) != 0)
        return result(false);
    (void)ptrace(PTRACE_DETACH, w->victim, 0, 0);
    return 0;
}

static int by_their_memory(const struct attest_world *w, const struct attest_token *t)
{
    unsigned char got[ATTEST_SECRET];
    struct iovec here = {got, sizeof got}, there = {w->canary, sizeof got};
    (void)t;
    return result(process_vm_readv(w->victim, &here, 1, &there, 1, 0) == sizeof got);
}

static int by_their_memory_file(const struct attest_world *w, const struct attest_token *t)
{
    unsigned char got[ATTEST_SECRET];
    char path[64];
    (void)t;
    snprintf(path, sizeof path, "/proc/%d/mem", w->victim);
    int fd = open(path, O_RDONLY);
    return result(fd >= 0 && pread(fd, got, sizeof got, (off_t)(uintptr_t)w->canary) == sizeof got);
}

static int by_their_sockets(const struct attest_world *w, const struct attest_token *t)
{
    (void)t;
    int process = (int)syscall(SYS_pidfd_open, w->victim, 0);
    return result(process >= 0 && syscall(SYS_pidfd_getfd, process, w->tcp_fd, 0) >= 0);
}

static int by_signal(const struct attest_world *w, const struct attest_token *t)
{
    (void)t;
    return result(kill(w->victim, SIGCONT) == 0);
}

static int by_shared_memory(const struct attest_world *w, const struct attest_token *t)
{
    (void)w, (void)t;
    int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    if (id < 0)
        return result(false);
    (void)shmctl(id, IPC_RMID, NULL);
    return 0;
}

static int by_keyring(const struct attest_world *w, const struct attest_token *t)
{
    (void)w, (void)t;
    return result(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1) >= 0);
}

/* --- files and rights --------------------------------------------------------------------------
 */

static int by_reading(const struct attest_world *w, const struct attest_token *t)
{
    char got[8];
    (void)t;
    int fd = open(w->secret, O_RDONLY);
    return result(fd >= 0 && read(fd, got, sizeof got) == sizeof got);
}

static int by_writing(const struct attest_world *w, const struct attest_token *t)
{
    int fd = open(w->target, O_WRONLY | O_APPEND);
    return result(fd >= 0 && write(fd, t, sizeof *t) == sizeof *t);
}

static int by_new_code(const struct attest_world *w, const struct attest_token *t)
{
    (void)w, (void)t;
    size_t n = (size_t)sysconf(_SC_PAGESIZE);
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return result(p != MAP_FAILED && mprotect(p, n, PROT_READ | PROT_EXEC) == 0);
}

static int by_old_namespace(const struct attest_world *w, const struct attest_token *t)
{
    char path[64];
    (void)t;
    snprintf(path, sizeof path, "/proc/%d/ns/net", w->victim);
    int fd = open(path, O_RDONLY);
    return result(fd >= 0 && setns(fd, CLONE_NEWNET) == 0);
}

static int by_new_namespace(const struct attest_world *w, const struct attest_token *t)
{
    (void)w, (void)t;
    return result(unshare(CLONE_NEWUSER) == 0);
}

static int by_mount(const struct attest_world *w, const struct attest_token *t)
{
    (void)t;
    if (mount("none", w->folder, "tmpfs", 0, "size=4k") != 0)
        return result(false);
    (void)umount(w->folder);
    return 0;
}

#define COLUMN(role) (1u << (role))
#define DIALS        (COLUMN(SANDBOX_FETCH) | COLUMN(SANDBOX_STARTER))
#define SIGNALS      (COLUMN(SANDBOX_SUPERVISOR) | COLUMN(SANDBOX_KEEPER) | COLUMN(SANDBOX_STARTER))
#define READS        (COLUMN(SANDBOX_SUPERVISOR) | COLUMN(SANDBOX_STARTER) | OWN_USER)
#define OWN_USER     (COLUMN(SANDBOX_COMMAND) | COLUMN(SANDBOX_IMPORT)) /* whose files they are */
#define LOADS        (COLUMN(SANDBOX_SUPERVISOR) | COLUMN(SANDBOX_STARTER) | COLUMN(ATTEST_LOADING))

const struct attest_way attest_ways[] = {
    {N_("TCP connection"), by_tcp, DIALS, true, false},
    {N_("TCP Fast Open, sendto"), by_fast_open, 0, true, false},
    {N_("TCP Fast Open, sendmsg"), by_fast_message, 0, true, false},
    {N_("Multipath TCP"), by_mptcp, 0, true, false},
    {N_("UDP"), by_udp, DIALS, true, false},
    {N_("raw ICMP"), by_icmp, 0, false, false},
    {N_("raw packet"), by_packet, 0, false, false},
    {N_("vsock to the host"), by_vsock, 0, false, false},
    {N_("Unix socket of a path"), by_path, 0, true, false},
    {N_("abstract Unix socket"), by_abstract, 0, true, false},
    {N_("io_uring"), by_ring, 0, false, false},
    {N_("new listening socket"), by_new_listener, 0, false, false},
    {N_("listener turned round"), by_listener, DIALS, true, false},
    {N_("accepted socket turned round"), by_accepted, DIALS, true, false},
    {N_("listener, Fast Open by sendto"), by_listener_fast, 0, true, false},
    {N_("listener, Fast Open by sendmsg"), by_listener_fast_message, 0, true, false},
    {N_("accepted socket, Fast Open"), by_accepted_fast, 0, true, false},
    {N_("another program"), by_program, COLUMN(SANDBOX_STARTER), false, false},
    {N_("tracing a process"), by_tracing, 0, false, false},
    {N_("memory of a process"), by_their_memory, 0, false, false},
    {N_("/proc/PID/mem"), by_their_memory_file, 0, false, false},
    {N_("sockets of a process"), by_their_sockets, 0, false, false},
    {N_("signal to a process"), by_signal, SIGNALS, false, true},
    {N_("shared memory"), by_shared_memory, 0, false, false},
    {N_("keyring of the user"), by_keyring, 0, false, false},
    {N_("reading a foreign file"), by_reading, READS, false, true},
    {N_("writing a foreign file"), by_writing, 0, false, true},
    {N_("making code at run time"), by_new_code, LOADS, false, false},
    {N_("going back to the old network"), by_old_namespace, 0, false, false},
    {N_("a user namespace of its own"), by_new_namespace, 0, false, false},
    {N_("mounting"), by_mount, 0, false, false},
};
const unsigned attest_n_ways = sizeof attest_ways / sizeof *attest_ways;
_Static_assert(sizeof attest_ways / sizeof *attest_ways <= ATTEST_CHANNELS, "room for them all");
