#include "proxy/privilege/sandbox.h"

#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace sluice::proxy {
namespace {

// Whatever their arguments are. Those of the libraries and of the start of a program are here, too:
// a successor starts under the filter.
constexpr int kCalls[] = {
    // Descriptors.
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(close_range),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(fcntl),
    SCMP_SYS(flock),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(pipe2),
    SCMP_SYS(eventfd2),
    SCMP_SYS(signalfd4),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    // Waiting.
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(inotify_init1),
    SCMP_SYS(inotify_add_watch),
    SCMP_SYS(inotify_rm_watch),
    // Sockets; socket(2) itself is below.
    SCMP_SYS(socketpair),
    SCMP_SYS(bind),
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(connect),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(shutdown),
    // Files: the configuration, logs, state, UNIX sockets.
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(stat),
    SCMP_SYS(fstat),
    SCMP_SYS(lstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(statfs),
    SCMP_SYS(fstatfs),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),
    SCMP_SYS(getcwd),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(chmod),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(chown),
    SCMP_SYS(fchown),
    SCMP_SYS(lchown),
    SCMP_SYS(fchownat),
    SCMP_SYS(umask),
    // Memory; mmap and mprotect are below.
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(mincore),
    SCMP_SYS(membarrier),
    SCMP_SYS(get_mempolicy),
    SCMP_SYS(mlock),
    SCMP_SYS(munlock),
    // Threads; clone is below.
    SCMP_SYS(vfork),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(get_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(arch_prctl),
    SCMP_SYS(prctl),
    SCMP_SYS(gettid),
    SCMP_SYS(getcpu),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_setaffinity),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(sched_setscheduler),
    SCMP_SYS(sched_getattr),
    SCMP_SYS(sched_setattr),
    SCMP_SYS(sched_get_priority_max),
    SCMP_SYS(sched_get_priority_min),
    SCMP_SYS(getpriority),
    SCMP_SYS(setpriority),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    // Signals.
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigpending),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(rt_sigsuspend),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(kill),
    SCMP_SYS(tgkill),
    // Time and chance.
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    // The process, and the one that takes its place.
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(getpgrp),
    SCMP_SYS(getpgid),
    SCMP_SYS(getsid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getresuid),
    SCMP_SYS(getresgid),
    SCMP_SYS(getgroups),
    SCMP_SYS(capget),
    SCMP_SYS(getrlimit),
    SCMP_SYS(setrlimit),
    SCMP_SYS(prlimit64),
    SCMP_SYS(getrusage),
    SCMP_SYS(times),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(seccomp),
    SCMP_SYS(execve),
    SCMP_SYS(wait4),
    SCMP_SYS(waitid),
    SCMP_SYS(pidfd_open),
    SCMP_SYS(pidfd_send_signal),
};

constexpr int kFamilies[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

constexpr unsigned long kRequests[] = {FIONBIO, FIONREAD,   FIOCLEX,     SIOCOUTQ,
                                       TCGETS,  TIOCGWINSZ, SIOCGIFNAME, SIOCGIFINDEX};

constexpr uint64_t kNamespaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                 CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;

int Allow(scmp_filter_ctx filter, int call, std::initializer_list<scmp_arg_cmp> arguments = {}) {
  return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call,
                                static_cast<unsigned>(arguments.size()), arguments.begin());
}

scmp_arg_cmp Equals(unsigned argument, uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value, .datum_b = 0};
}

scmp_arg_cmp Bits(unsigned argument, uint64_t mask, uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

// Returns 0 or a negative errno.
int AddRules(scmp_filter_ctx filter) {
  int error = 0;
  const auto keep = [&error](int result) { error = error == 0 ? result : error; };
  for (const int call : kCalls) keep(Allow(filter, call));
  for (const int family : kFamilies) {
    keep(Allow(filter, SCMP_SYS(socket), {Equals(0, static_cast<uint64_t>(family))}));
  }
  for (const uint64_t request : kRequests) {
    keep(Allow(filter, SCMP_SYS(ioctl), {Equals(1, request)}));
  }
  keep(Allow(filter, SCMP_SYS(mmap), {Bits(2, PROT_EXEC, 0)}));
  keep(Allow(filter, SCMP_SYS(mmap), {Bits(2, PROT_EXEC | PROT_WRITE, PROT_EXEC)}));
  keep(Allow(filter, SCMP_SYS(mprotect), {Bits(2, PROT_EXEC, 0)}));
  // The C library asks for clone3, whose flags a filter cannot see, and then for clone.
  keep(seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, nullptr));
  keep(Allow(filter, SCMP_SYS(clone), {Bits(0, kNamespaces, 0)}));
  return error;
}

int SetAttributes(scmp_filter_ctx filter) {
  constexpr uint32_t kByTree = 2;  // not one comparison for each call of the list
  if (const int error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, kByTree)) return error;
  if (const int error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM))) {
    return error;
  }
  (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);  // Linux 4.14
  return 0;
}

// One list has one name.
std::string NameOfList() {
  uint64_t hash = 14695981039346656037U;  // FNV-1a
  const auto add = [&hash](uint64_t value) { hash = (hash ^ value) * 1099511628211U; };
  for (const int call : kCalls) add(static_cast<uint64_t>(call));
  for (const int family : kFamilies) add(static_cast<uint64_t>(family));
  for (const uint64_t request : kRequests) add(request);
  return absl::StrCat(absl::Hex(hash));
}

bool IsInherited(const std::string& name) {
  const char* const said = std::getenv(kSandboxVariable);
  constexpr int kFilters = 2;
  return said != nullptr && said == name && prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == kFilters;
}

}  // namespace

absl::Status EnterSandbox() {
  const std::string name = NameOfList();
  if (IsInherited(name)) return absl::OkStatus();
  const auto fail = [](int error) {
    return absl::ErrnoToStatus(-error, "sandbox: the filter of system calls cannot be set");
  };
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
  if (filter == nullptr) return fail(-ENOMEM);
  const absl::Cleanup release = [filter] { seccomp_release(filter); };
  if (const int error = SetAttributes(filter)) return fail(error);
  if (const int error = AddRules(filter)) return fail(error);
  if (const int error = seccomp_load(filter)) return fail(error);
  setenv(kSandboxVariable, name.c_str(), /*replace=*/1);
  return absl::OkStatus();
}

}  // namespace sluice::proxy
