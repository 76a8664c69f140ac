#include "proxy/server/successor_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::proxy {
namespace {

// The environment with the channel's number in it.
std::vector<std::string> EnvironmentWithChannel() {
  const std::string prefix = absl::StrCat(SuccessorProcess::kChannelVariable, "=");
  std::vector<std::string> result;
  for (char** each = environ; *each != nullptr; ++each) {
    if (!std::string_view(*each).starts_with(prefix)) result.emplace_back(*each);
  }
  result.push_back(absl::StrCat(prefix, SuccessorProcess::kChannel));
  return result;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// Returns an errno.
int Spawn(const Program& program, int channel, pid_t& pid) {
  posix_spawn_file_actions_t files;
  if (const int error = posix_spawn_file_actions_init(&files)) return error;
  posix_spawnattr_t attributes;
  if (const int error = posix_spawnattr_init(&attributes)) {
    posix_spawn_file_actions_destroy(&files);
    return error;
  }
  constexpr int kChannel = SuccessorProcess::kChannel;
  posix_spawn_file_actions_adddup2(&files, channel, kChannel);
  posix_spawn_file_actions_addclosefrom_np(&files, kChannel + 1);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);  // from logrotate to the whole service: kept until it serves
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<std::string> arguments = program.arguments;
  std::vector<std::string> environment = EnvironmentWithChannel();
  const int error = posix_spawn(&pid, program.path.c_str(), &files, &attributes,
                                Pointers(arguments).data(), Pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

// As before Start: the kernel takes children away, and those that have ended meanwhile are taken
// here.
void KeepNoChildren() {
  std::signal(SIGCHLD, SIG_IGN);
  while (waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

void WaitForEnd(pid_t pid, core::Duration patience) {
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return;
  pollfd entry = {.fd = fd, .events = POLLIN, .revents = 0};
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(patience).count();
  (void)poll(&entry, 1, static_cast<int>(ms));
  close(fd);
}

std::string Describe(int status) {
  if (WIFEXITED(status)) return absl::StrCat("ended with exit code ", WEXITSTATUS(status));
  return absl::StrCat("was ended by SIG", sigabbrev_np(WTERMSIG(status)));
}

}  // namespace

absl::StatusOr<SuccessorProcess> SuccessorProcess::Start(const Program& program) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make a channel to another process");
  }
  std::signal(SIGCHLD, SIG_DFL);  // how it ends is to be known
  pid_t pid = 0;
  const int error = Spawn(program, ends[1], pid);
  close(ends[1]);
  if (error == 0) return SuccessorProcess(pid, ends[0]);
  KeepNoChildren();
  close(ends[0]);
  return absl::ErrnoToStatus(error, absl::StrCat("cannot start ", program.path));
}

SuccessorProcess::~SuccessorProcess() {
  if (pid_ != 0) (void)End(0s);
  if (channel_ >= 0) close(channel_);
}

std::string SuccessorProcess::End(core::Duration patience) {
  const pid_t pid = std::exchange(pid_, 0);
  if (patience > 0s) WaitForEnd(pid, patience);
  kill(pid, SIGKILL);  // it stays until it is waited for: the number is not another's yet
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  KeepNoChildren();
  return Describe(status);
}

void SuccessorProcess::Kill() const { kill(pid_, SIGKILL); }

void SuccessorProcess::LetGo() {
  pid_ = 0;
  KeepNoChildren();
}

int TakeSuccessorChannel() {
  const char* const text = std::getenv(SuccessorProcess::kChannelVariable);
  int channel = -1;
  const bool is_number = text != nullptr && absl::SimpleAtoi(text, &channel);
  unsetenv(SuccessorProcess::kChannelVariable);
  if (!is_number || channel <= STDERR_FILENO) return -1;
  return fcntl(channel, F_SETFD, FD_CLOEXEC) == 0 ? channel : -1;
}

}  // namespace sluice::proxy
