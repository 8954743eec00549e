// SPDX-License-Identifier: Apache-2.0
// The table behind seccomp.h, by what the calls are for. What is in none of the lists does not exist for the
// application: it answers ENOSYS, on which libraries fall back.
#pragma once

#include <array>

namespace blindbox::sandbox::internal {

// clang-format off
inline constexpr auto kAllowed = std::to_array<const char*>({
    // files
    "access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat", "dup", "dup2", "dup3",
    "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown",
    "fchownat", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock", "fremovexattr", "fsetxattr", "fstat", "fstatfs",
    "fsync", "ftruncate", "futimesat", "getcwd", "getdents", "getdents64", "getxattr", "ioctl", "lchown", "lgetxattr",
    "link", "linkat", "listxattr", "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat", "mkdir", "mkdirat",
    "mknod", "mknodat", "newfstatat", "open", "openat", "openat2", "pipe", "pipe2", "pread64", "preadv", "preadv2",
    "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv", "removexattr", "rename",
    "renameat", "renameat2", "rmdir", "sendfile", "setxattr", "splice", "stat", "statfs", "statx", "symlink",
    "symlinkat", "sync", "sync_file_range", "syncfs", "tee", "truncate", "umask", "unlink", "unlinkat", "utime",
    "utimensat", "utimes", "vmsplice", "write", "writev", "inotify_add_watch", "inotify_init", "inotify_init1",
    "inotify_rm_watch", "io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_setup", "io_submit",
    // waiting
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2", "epoll_wait",
    "epoll_wait_old", "eventfd", "eventfd2", "poll", "ppoll", "pselect6", "select", "signalfd", "signalfd4",
    "timerfd_create", "timerfd_gettime", "timerfd_settime",
    // sockets that exist
    "accept", "accept4", "bind", "getpeername", "getsockname", "getsockopt", "listen", "recvfrom", "recvmmsg", "recvmsg",
    "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
    // memory
    "brk", "cachestat", "get_mempolicy", "madvise", "map_shadow_stack", "mbind", "membarrier", "memfd_create",
    "memfd_secret", "mincore", "mlock", "mlock2", "mlockall", "mmap", "mprotect", "mremap", "mseal", "msync", "munlock",
    "munlockall", "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect", "remap_file_pages", "set_mempolicy",
    "set_mempolicy_home_node",
    // threads and signals
    "arch_prctl", "futex", "futex_requeue", "futex_wait", "futex_waitv", "futex_wake", "get_robust_list",
    "get_thread_area", "gettid", "pause", "restart_syscall", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
    "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "sched_get_priority_max", "sched_get_priority_min",
    "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler", "sched_rr_get_interval",
    "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield", "set_robust_list",
    "set_thread_area", "set_tid_address", "sigaltstack", "tgkill",
    // this process, its limits, time, randomness
    "alarm", "capget", "capset", "clock_getres", "clock_gettime", "clock_nanosleep", "exit", "exit_group", "getcpu",
    "getegid", "geteuid", "getgid", "getgroups", "getitimer", "getpgid", "getpgrp", "getpid", "getppid", "getpriority",
    "getrandom", "getresgid", "getresuid", "getrlimit", "getrusage", "getsid", "gettimeofday", "getuid", "ioprio_get",
    "ioprio_set", "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "nanosleep", "prctl",
    "seccomp", "setfsgid", "setfsuid", "setgid", "setgroups", "setitimer", "setpgid", "setpriority",
    "setregid", "setresgid", "setresuid", "setreuid", "setrlimit", "setsid", "setuid", "sysinfo", "time", "timer_create",
    "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime", "times", "uname", "name_to_handle_at",
    // between the sandbox's own processes
    "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink", "msgctl", "msgget",
    "msgrcv", "msgsnd", "semctl", "semget", "semop", "semtimedop", "shmat", "shmctl", "shmdt", "shmget"});

// For the application, which may start programs; not for processes of our own.
inline constexpr std::array kExecuting = {"execve", "execveat", "fork", "vfork", "wait4", "waitid", "kill", "tkill",
    "pidfd_open", "pidfd_send_signal", "rt_sigqueueinfo", "rt_tgsigqueueinfo"};

// The keeper's: it reaps, waits, hands out sockets and passes signals on.
inline constexpr auto kKeeping = std::to_array<const char*>({
    "wait4", "waitid", "poll", "ppoll", "restart_syscall", "read", "recvfrom", "recvmsg", "sendmsg", "close", "kill",
    "exit", "exit_group", "getpid", "brk", "munmap", "mremap", "madvise", "futex", "getrandom", "rt_sigprocmask",
    "rt_sigreturn", "sched_yield"});

// Dangerous and known: EPERM, as container engines answer, so that programs say what they were denied.
inline constexpr std::array kBlocked = {
    // other processes
    "kcmp", "pidfd_getfd", "process_madvise", "process_mrelease", "process_vm_readv", "process_vm_writev", "ptrace",
    // namespaces and mounts
    "chroot", "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount", "open_tree",
    "pivot_root", "setns", "umount", "umount2", "unshare", "listmount", "statmount",
    // the kernel's own machinery
    "acct", "add_key", "bpf", "create_module", "delete_module", "fanotify_init", "fanotify_mark", "finit_module",
    "get_kernel_syms", "init_module", "io_uring_enter", "io_uring_register", "io_uring_setup", "kexec_file_load",
    "kexec_load", "keyctl", "lookup_dcookie", "move_pages", "migrate_pages", "open_by_handle_at", "perf_event_open",
    "query_module", "request_key", "userfaultfd", "uselib", "ustat", "sysfs", "_sysctl", "nfsservctl", "quotactl",
    "quotactl_fd", "syslog", "vhangup", "vserver",
    // the machine
    "adjtimex", "clock_adjtime", "clock_settime", "ioperm", "iopl", "modify_ldt", "reboot", "setdomainname",
    "sethostname", "settimeofday", "stime", "swapoff", "swapon"};
// clang-format on

}  // namespace blindbox::sandbox::internal
