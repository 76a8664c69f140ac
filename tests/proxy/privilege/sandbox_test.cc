// What the filter of system calls lets through, and what becomes of the rest. Each process in it is
// a child of the test: there is no way out of it.
#include "proxy/privilege/sandbox.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <utility>

namespace sluice::proxy {
namespace {

constexpr int kEntered = 100;

// What `body` returns in a process in the sandbox; how it was killed, as a negative number.
int InSandbox(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    if (!EnterSandbox().ok()) _exit(kEntered);
    _exit(body());
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int ErrorOf(long result) { return result < 0 ? errno : 0; }

long Map(int protection) {
  void* const memory = mmap(nullptr, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? -1 : 0;
}

TEST(Sandbox, WhatAProxyDoesNotDoFails) {
  const std::pair<const char*, std::function<int()>> forbidden[] = {
      {"a raw socket", [] { return ErrorOf(socket(AF_PACKET, SOCK_RAW, 0)); }},
      {"a socket of the kernel's keys", [] { return ErrorOf(socket(AF_ALG, SOCK_SEQPACKET, 0)); }},
      {"to look into a process",
       [] { return ErrorOf(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }},
      {"another user", [] { return ErrorOf(setuid(getuid())); }},
      {"another group", [] { return ErrorOf(setgid(getgid())); }},
      {"a root of its own", [] { return ErrorOf(chroot("/")); }},
      {"a namespace", [] { return ErrorOf(unshare(CLONE_NEWUTS)); }},
      {"a child with a namespace",
       [] { return ErrorOf(syscall(SYS_clone, CLONE_NEWUTS | SIGCHLD, 0, 0, 0, 0)); }},
      {"a mount", [] { return ErrorOf(syscall(SYS_mount, nullptr, "/", nullptr, 0, nullptr)); }},
      {"a program in the kernel", [] { return ErrorOf(syscall(SYS_bpf, 0, nullptr, 0)); }},
      {"events of the processor",
       [] { return ErrorOf(syscall(SYS_perf_event_open, nullptr, 0, 0, 0, 0)); }},
      {"memory of another process",
       [] { return ErrorOf(syscall(SYS_process_vm_readv, getppid(), nullptr, 0, nullptr, 0, 0)); }},
      {"a module", [] { return ErrorOf(syscall(SYS_init_module, nullptr, 0, "")); }},
      {"keys", [] { return ErrorOf(syscall(SYS_keyctl, 0, 0, 0, 0, 0)); }},
      {"a link", [] { return ErrorOf(symlink("/", "/tmp/no-such-link")); }},
      {"characters for a terminal", [] { return ErrorOf(ioctl(0, TIOCSTI, "x")); }},
      {"memory to write and run", [] { return ErrorOf(Map(PROT_READ | PROT_WRITE | PROT_EXEC)); }},
      {"a program by descriptor",
       [] { return ErrorOf(syscall(SYS_execveat, 0, "", nullptr, nullptr, 0)); }},
  };
  for (const auto& [what, call] : forbidden) EXPECT_EQ(InSandbox(call), EPERM) << what;
}

TEST(Sandbox, MemoryDoesNotBecomeExecutable) {
  EXPECT_EQ(InSandbox([] {
              void* const memory =
                  mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              return ErrorOf(mprotect(memory, 4096, PROT_READ | PROT_EXEC));
            }),
            EPERM);
  EXPECT_EQ(InSandbox([] { return ErrorOf(Map(PROT_READ | PROT_EXEC)); }), 0) << "a library";
}

TEST(Sandbox, WhatAProxyDoesWorks) {
  EXPECT_EQ(InSandbox([] {
              const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
              for (const int family : families) {
                if (socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0) return errno;
              }
              int value = 0;
              std::thread([&value] { value = 7; }).join();
              return value == 7 ? 0 : 1;
            }),
            0);
}

TEST(Sandbox, AProgramIsInItFromTheStart) {
  // In what it runs: the first line says so, the second is what a link comes to.
  const std::string script =
      "grep -q '^Seccomp:.2' /proc/self/status && ! ln -s / /tmp/no-such-link 2>/dev/null";
  EXPECT_EQ(InSandbox([&] {
              execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
              return errno;
            }),
            0);
}

int Filters() {
  FILE* const file = std::fopen("/proc/self/status", "r");
  char line[256];
  int filters = -1;
  while (file != nullptr && std::fgets(line, sizeof(line), file) != nullptr) {
    if (std::sscanf(line, "Seccomp_filters: %d", &filters) == 1) break;  // NOLINT(cert-err34-c)
  }
  if (file != nullptr) std::fclose(file);
  return filters;
}

TEST(Sandbox, OnceIsEnough) {
  const int before = Filters();
  if (before < 0) GTEST_SKIP() << "this kernel does not count filters";
  const auto twice = [](const char* name) {
    return InSandbox([name] {
      if (name != nullptr) setenv(kSandboxVariable, name, 1);
      return EnterSandbox().ok() ? Filters() : kEntered;
    });
  };
  EXPECT_EQ(twice(nullptr), before + 1) << "it is the same list";
  EXPECT_EQ(twice("another"), before + 2) << "its own list holds beside the other";
}

TEST(Sandbox, AWordInTheEnvironmentIsNoSandbox) {
  if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 0) GTEST_SKIP() << "this machine has a filter already";
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(InSandbox([&] {
              const std::string name = std::getenv(kSandboxVariable);
              return write(ends[1], name.data(), name.size()) > 0 ? 0 : errno;
            }),
            0);
  char name[64] = {};
  ASSERT_GT(read(ends[0], name, sizeof(name) - 1), 0);
  setenv(kSandboxVariable, name, 1);
  EXPECT_EQ(InSandbox([] { return ErrorOf(socket(AF_PACKET, SOCK_RAW, 0)); }), EPERM);
  unsetenv(kSandboxVariable);
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace sluice::proxy
