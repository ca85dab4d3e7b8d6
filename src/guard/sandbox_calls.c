/* SPDX-License-Identifier: Apache-2.0 */
/* guard/sandbox_calls: which system calls which role may make, by name.
 *
 * Those with arguments that decide (socket, clone, mmap, sendto, ...) are not here but in
 * guard/sandbox_filter. A name that an architecture does not have is skipped. What is missing here
 * fails; a new library that needs more shows up as EPERM in its own messages, or as a core of
 * SIGSYS in the kernel's log in the air-gap profile. */
#include "guard/sandbox_private.h"

#define SUPERVISOR CALLS_SUPERVISOR
#define FRONT      CALLS_FRONT
#define ENGINE     CALLS_ENGINE
#define KEEPER     CALLS_KEEPER
#define AUDITOR    CALLS_AUDITOR
#define STARTER    CALLS_STARTER
#define FETCH      CALLS_FETCH
#define COMMAND    CALLS_COMMAND
#define SEALED     CALLS_SEALED
#define ALL        (2 * SEALED - 1)
#define PARENTS    (SUPERVISOR | KEEPER | STARTER)
#define OPENERS    (SUPERVISOR | ENGINE | KEEPER | AUDITOR | STARTER | FETCH | COMMAND)

const struct sandbox_row sandbox_rows[] = {
    /* what is open already, memory, time, this process itself */
    {ALL, "read write readv writev pread64 pwrite64 preadv pwritev close lseek fstat newfstatat "
          "munmap mremap madvise brk futex rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack "
          "restart_syscall clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time "
          "getpid gettid getppid getuid geteuid getgid getegid getresuid getresgid sched_yield "
          "sched_getaffinity exit exit_group poll ppoll getrandom set_robust_list rseq membarrier "
          "sysinfo uname getrlimit getrusage times dup dup2 dup3 getcpu fadvise64 set_tid_address"},
    /* files, where Landlock lets it */
    {OPENERS,
     "openat open stat lstat statx access faccessat faccessat2 readlink readlinkat getcwd "
     "getdents64 fstatfs statfs fsync fdatasync ftruncate fallocate flock umask pipe pipe2"},
    {SUPERVISOR | ENGINE | KEEPER | AUDITOR | COMMAND,
     "mkdir mkdirat unlink unlinkat rename renameat renameat2 link linkat fchmod fchmodat chmod "
     "rmdir memfd_create utimensat copy_file_range sendfile"},
    /* the loop of the front, and of the library that fetches */
    {FRONT | FETCH, "epoll_create1 epoll_ctl epoll_wait epoll_pwait eventfd2 pipe2 select pselect6 "
                    "recvfrom recvmsg shutdown getsockopt getsockname getpeername"},
    {FRONT, "accept accept4 sendfile"},
    {SUPERVISOR, "listen"}, /* the loop of the front says it again, before it enters its own */
    {FETCH, "connect readahead sync_file_range"},
    {SUPERVISOR | KEEPER | AUDITOR | STARTER, "recvfrom recvmsg"},
    {SUPERVISOR,
     "sched_setscheduler setpriority"}, /* an engine in the background, before its own */
    {COMMAND, "select pselect6 socketpair"},
    /* who has children */
    {PARENTS, "fork vfork wait4 waitid kill tgkill tkill"},
    {STARTER, "execve"},
    /* who still has a narrower sandbox to enter, or has children who have */
    {SUPERVISOR | ENGINE | STARTER | COMMAND, "seccomp"},
    {SUPERVISOR | ENGINE | STARTER, "setresuid setresgid setgroups capget capset"},
    {SUPERVISOR | STARTER,
     "landlock_create_ruleset landlock_add_rule landlock_restrict_self arch_prctl"},
    {SUPERVISOR | ENGINE,
     "mlock munlock"}, /* the key of a scratch file; the supervisor's children */
    {SUPERVISOR | ENGINE | COMMAND, "arch_prctl sched_setaffinity"}, /* AMX tiles; threads */
};
const unsigned sandbox_n_rows = sizeof sandbox_rows / sizeof *sandbox_rows;

const char *const sandbox_fatal =
    "io_uring_setup io_uring_enter io_uring_register bind ptrace process_vm_readv "
    "process_vm_writev "
    "pidfd_getfd bpf perf_event_open userfaultfd keyctl add_key request_key mount "
    "umount2 move_mount open_tree fsopen fsmount fsconfig fspick mount_setattr pivot_root chroot "
    "setns unshare init_module finit_module delete_module kexec_load kexec_file_load reboot swapon "
    "swapoff acct settimeofday clock_settime clock_adjtime adjtimex iopl ioperm quotactl "
    "name_to_handle_at open_by_handle_at fanotify_init modify_ldt personality sethostname "
    "setdomainname shmget msgget semget "
    "mq_open execveat process_madvise";

unsigned sandbox_rows_of(enum sandbox_role role, bool sealed)
{
    unsigned own = 1u << role;
    if (sealed)
        return role == SANDBOX_COMMAND ? own | SEALED : SEALED;
    if (role == SANDBOX_SUPERVISOR)
        return own | FRONT | ENGINE | KEEPER | AUDITOR;
    if (role == SANDBOX_STARTER)
        return own | FETCH;
    return own;
}
