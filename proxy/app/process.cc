#include "proxy/app/process.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/thread_mutex.h"

extern "C" {
// LeakSanitizer's; in other builds there is no such function.
[[gnu::weak]] void __lsan_do_leak_check();  // NOLINT(bugprone-reserved-identifier)
}

namespace sluice::proxy {
namespace {

constexpr size_t kThreadStack = 1 << 20;        // bytes of address space for each thread
constexpr rlim_t kMainStack = size_t{8} << 20;  // what the main thread's may grow to
constexpr rlim_t kLeastStack = 512 << 10;

constexpr int kStopSignals[] = {SIGTERM, SIGINT, SIGQUIT};

// Children are not ours but handed to us, or left by the shell that has become this process by
// exec: the kernel takes them away when they end, and those that have ended are taken here. (While
// an upgrade is under way its process is waited for: proxy/server/successor_process.h.)
void LeaveNoZombies() {
  std::signal(SIGCHLD, SIG_IGN);
  while (waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

// The kernel looks at the limit when the main thread's stack grows, so raising it helps at once;
// other threads' stacks follow the limit at the time of exec unless told otherwise.
absl::Status PrepareStacks() {
  rlimit limit;
  if (getrlimit(RLIMIT_STACK, &limit) != 0) return absl::OkStatus();
  if (limit.rlim_cur < kMainStack) {
    limit.rlim_cur = std::min(limit.rlim_max, kMainStack);
    setrlimit(RLIMIT_STACK, &limit);
  }
  if (limit.rlim_cur < kLeastStack) {
    return absl::ResourceExhaustedError(absl::StrCat("the stack may have ", limit.rlim_cur,
                                                     " bytes, at least ", kLeastStack,
                                                     " are needed (raise RLIMIT_STACK)"));
  }
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return absl::OkStatus();
  pthread_attr_setstacksize(&attributes, kThreadStack);
  pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
  return absl::OkStatus();
}

void Say(const char* text) { (void)!write(STDERR_FILENO, text, std::strlen(text)); }

// Nothing catches what the library throws, so no destructor runs: there may be no memory for them,
// and other threads are at work.
[[noreturn]] void Terminate() {
  try {
    if (const std::exception_ptr thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    Say("sluice: out of memory\n");
    _exit(1);
  } catch (const std::system_error& failure) {
    Say("sluice: ");
    Say(failure.what());
    Say(": the system is out of threads or memory\n");
    _exit(1);
  } catch (...) {
  }
  std::abort();
}

const char* NameOf(int signal) {
  return signal == SIGTERM ? "SIGTERM" : signal == SIGINT ? "SIGINT" : "SIGQUIT";
}

void Succeed(int signal) {
  Say("sluice: signal ");
  Say(NameOf(signal));
  Say(": stopped before serving\n");
  _exit(0);
}

// PID 1 does not die by a signal that it does not handle.
void Die(int signal) {
  std::signal(signal, SIG_DFL);
  std::raise(signal);
  _exit(128 + signal);
}

// With less, the allocator and the libraries fail in ways of their own, before the program can say
// so.
absl::Status CheckLimits() {
  constexpr rlim_t kLeast = rlim_t{64} << 20;
  for (const auto& [what, name] :
       {std::pair(RLIMIT_AS, "RLIMIT_AS"), {RLIMIT_DATA, "RLIMIT_DATA"}}) {
    rlimit limit;
    if (getrlimit(what, &limit) != 0 || limit.rlim_cur >= kLeast) continue;
    return absl::ResourceExhaustedError(
        absl::StrCat("this process may have ", limit.rlim_cur >> 20, " MiB of address space (",
                     name, "), and needs at least ", kLeast >> 20, " MiB"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status PrepareProcess() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a log that may not grow is an error of write(2)
  std::signal(SIGTTOU, SIG_IGN);  // or writing the log from the background would stop it
  std::set_terminate(Terminate);
  core::FutexSleep::Prepare();  // it takes some milliseconds once there are threads
  LeaveNoZombies();
  const absl::Status limits = CheckLimits();
  if (!limits.ok()) return limits;
  return PrepareStacks();
}

void EndOnStopSignal(EarlyStop how) {
  struct sigaction action = {};
  action.sa_handler = how == EarlyStop::kSucceed ? Succeed : Die;
  action.sa_flags = SA_NODEFER;
  sigset_t stop;
  sigemptyset(&stop);
  for (const int signal : kStopSignals) {
    sigaction(signal, &action, nullptr);
    sigaddset(&stop, signal);
  }
  pthread_sigmask(SIG_UNBLOCK, &stop, nullptr);
  if (how == EarlyStop::kDie) return;
  sigset_t later;
  sigemptyset(&later);
  for (const int signal : {SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&later, signal);
  pthread_sigmask(SIG_BLOCK, &later, nullptr);
}

absl::Status Print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, "cannot write to standard output");
}

void CheckForLeaks() {
  if (__lsan_do_leak_check != nullptr) __lsan_do_leak_check();
}

}  // namespace sluice::proxy
