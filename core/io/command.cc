#include "core/io/command.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <initializer_list>
#include <span>

#include "core/bytes/transferred.h"
#include "core/bytes/whole.h"
#include "core/io/open_once_more.h"
#include "core/runtime/blocking_pool.h"
#include "core/sync/event.h"
#include "core/task/join.h"
#include "core/task/outcome.h"
#include "core/task/select.h"

namespace sluice::core {
namespace {

constexpr int kStreams = 3;

// A descriptor that goes to the child. Its number is none of the standard ones, so that what is put
// in place for one of them does not overwrite what is for another.
class ChildEnd {
 public:
  ChildEnd() = default;
  ChildEnd(const ChildEnd&) = delete;
  ChildEnd& operator=(const ChildEnd&) = delete;
  ~ChildEnd() {
    if (fd_ >= 0) close(fd_);
  }
  // Takes `fd` over. Returns 0 or an errno.
  int Take(int fd) {
    if (fd < 0) return errno;
    fd_ = fd;
    return fd < kStreams ? Copy(fd) : 0;
  }
  // `fd` stays the caller's, and so do its flags.
  int Give(int fd) {
    const int flags = fcntl(fd, F_GETFL);
    struct stat about = {};
    if (flags < 0 || fstat(fd, &about) != 0) return errno;
    if ((flags & O_NONBLOCK) != 0 && IsPipeOrTerminal(fd, about)) {
      const int again = OpenOnceMore(fd, flags & O_ACCMODE);
      if (again >= 0) {
        fcntl(again, F_SETFL, flags & ~O_NONBLOCK);
        return Take(again);
      }
    }
    return Copy(fd);
  }
  int fd() const { return fd_; }

 private:
  int Copy(int fd) {
    const int copy = fcntl(fd, F_DUPFD_CLOEXEC, kStreams);
    if (copy < 0) return errno;
    if (fd_ >= 0) close(fd_);
    fd_ = copy;
    return 0;
  }

  int fd_ = -1;
};

// How the child is to begin, for posix_spawn.
class SpawnPlan {
 public:
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }

  void SetStream(int number, int fd) {
    Note(posix_spawn_file_actions_adddup2(&actions_, fd, number));
  }
  void SetDirectory(const std::string& path) {
    if (path.empty()) return;
    Note(posix_spawn_file_actions_addchdir_np(&actions_, path.c_str()));
  }
  // What this process blocks and ignores for itself (RunMain) is not for the child.
  void SetRest(bool own_group) {
    Note(posix_spawn_file_actions_addclosefrom_np(&actions_, kStreams));
    sigset_t none;
    sigset_t usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    int16_t flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (own_group) flags |= POSIX_SPAWN_SETPGROUP;  // 0, as it is: that of its own number
    Note(posix_spawnattr_setsigmask(&attributes_, &none));
    Note(posix_spawnattr_setsigdefault(&attributes_, &usual));
    Note(posix_spawnattr_setflags(&attributes_, flags));
  }
  // Returns 0 or an errno.
  int Run(const std::string& program, char* const* arguments, char* const* environment,
          pid_t& pid) const {
    if (error_ != 0) return error_;
    return posix_spawnp(&pid, program.c_str(), &actions_, &attributes_, arguments, environment);
  }

 private:
  void Note(int error) {
    if (error_ == 0) error_ = error;
  }

  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
  int error_ = 0;
};

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

bool HasName(const std::string& variable, std::string_view name) {
  return variable.size() > name.size() && variable.starts_with(name) &&
         variable[name.size()] == '=';
}

// Kills the child if it cannot go on: nothing reads what it writes. What else writes there, as a
// child of the child, gets SIGPIPE.
Task<int> Collect(Child& child, PipeReader& from, std::string& into, size_t most, Event& failed) {
  const Transferred read = co_await ReadToEnd(from, into, most);
  if (!read.ok()) {
    (void)child.Kill();
    from.Close();
    failed.Set();
  }
  co_return read.error();
}

Task<IoResult<ExitStatus>> End(Child& child) { co_return co_await child.Wait(); }

// Of several errors the one that has cut the others short.
int Cause(std::initializer_list<int> errors) {
  int cause = 0;
  for (const int error : errors) {
    if (error != 0 && (cause == 0 || cause == ECANCELED)) cause = error;
  }
  return cause;
}

}  // namespace

// What Start gets ready before the call that blocks, and what is left of it afterwards.
struct Command::Prepared {
  explicit Prepared(const Command& command);

  int OpenStream(const Stream& stream, int number);
  int OpenPipe(int number);

  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::array<ChildEnd, kStreams> ends;
  PipeWriter in;
  PipeReader out;
  PipeReader err;
  int error = 0;
};

Command::Prepared::Prepared(const Command& command) : arguments{command.program_} {
  arguments.insert(arguments.end(), command.arguments_.begin(), command.arguments_.end());
  for (char** each = environ; !command.clear_environment_ && *each != nullptr; ++each) {
    environment.emplace_back(*each);
  }
  for (const auto& [name, value] : command.environment_) {
    std::erase_if(environment, [&name](const auto& each) { return HasName(each, name); });
    environment.push_back(name + "=" + value);
  }
  for (int i = 0; i < kStreams && error == 0; ++i) error = OpenStream(command.streams_[i], i);
}

int Command::Prepared::OpenStream(const Stream& stream, int number) {
  ChildEnd& end = ends[static_cast<size_t>(number)];
  if (stream.fd.has_value()) return end.Give(*stream.fd);
  switch (stream.how) {
    case Stdio::kInherit:
      return 0;
    case Stdio::kNull:
      return end.Take(open("/dev/null", (number == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC));
    case Stdio::kPipe:
      return OpenPipe(number);
  }
  return EINVAL;
}

// Each end of a pipe is an open file of its own: ours does not wait, the child's does, as programs
// expect.
int Command::Prepared::OpenPipe(int number) {
  std::array<int, 2> both;
  if (pipe2(both.data(), O_CLOEXEC) != 0) return errno;
  const int ours = number == 0 ? both[1] : both[0];
  fcntl(ours, F_SETFL, O_NONBLOCK);
  if (number == 0) {
    in = PipeWriter(ours);
  } else {
    (number == 1 ? out : err) = PipeReader(ours);
  }
  return ends[static_cast<size_t>(number)].Take(number == 0 ? both[0] : both[1]);
}

Command& Command::Arg(std::string argument) {
  arguments_.push_back(std::move(argument));
  return *this;
}
Command& Command::Args(std::initializer_list<std::string_view> arguments) {
  arguments_.insert(arguments_.end(), arguments.begin(), arguments.end());
  return *this;
}
Command& Command::Env(std::string_view name, std::string_view value) {
  environment_.emplace_back(name, value);
  return *this;
}
Command& Command::ClearEnv() {
  clear_environment_ = true;
  return *this;
}
Command& Command::Directory(std::string path) {
  directory_ = std::move(path);
  return *this;
}
Command& Command::Stdin(Stdio how) {
  streams_[0] = {.how = how};
  stdin_told_ = true;
  return *this;
}
Command& Command::Stdout(Stdio how) {
  streams_[1] = {.how = how};
  return *this;
}
Command& Command::Stderr(Stdio how) {
  streams_[2] = {.how = how};
  return *this;
}
Command& Command::StdinFrom(int fd) {
  streams_[0] = {.fd = fd};
  stdin_told_ = true;
  return *this;
}
Command& Command::StdoutTo(int fd) {
  streams_[1] = {.fd = fd};
  return *this;
}
Command& Command::StderrTo(int fd) {
  streams_[2] = {.fd = fd};
  return *this;
}
Command& Command::OwnGroup() {
  own_group_ = true;
  return *this;
}
Command& Command::KillOnDrop() {
  kill_on_drop_ = true;
  return *this;
}

NamedError Command::Error(int error) const {
  return NamedError{"start", directory_.empty() ? program_ : program_ + " in " + directory_, error};
}

// On a thread of the pool: the caller of posix_spawn stands still until the program is loaded.
NamedResult<Child> Command::Spawn(Prepared& prepared) const {
  SpawnPlan plan;
  for (int i = 0; i < kStreams; ++i) {
    const int fd = prepared.ends[static_cast<size_t>(i)].fd();
    if (fd >= 0) plan.SetStream(i, fd);
  }
  plan.SetDirectory(directory_);
  plan.SetRest(own_group_);
  const std::vector<char*> arguments = Pointers(prepared.arguments);
  const std::vector<char*> environment = Pointers(prepared.environment);
  pid_t pid = -1;
  const int error = plan.Run(program_, arguments.data(), environment.data(), pid);
  if (error != 0) return Error(error);
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) {
    const int why = errno;
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return Error(why);
  }
  return Child(pid, pidfd, kill_on_drop_, program_);
}

Task<NamedResult<Child>> Command::StartOf(Command command) {
  Child::ReapLeft();
  Prepared prepared(command);
  if (prepared.error != 0) co_return command.Error(prepared.error);
  Outcome outcome = co_await RunBlocking([&command, &prepared] { return command.Spawn(prepared); });
  if (outcome.cancelled()) co_return command.Error(ECANCELED);
  if (!outcome.has_value()) co_return command.Error(EAGAIN);  // no thread can be started
  NamedResult<Child> child = std::move(outcome).value();
  if (child.ok()) {
    child->in = std::move(prepared.in);
    child->out = std::move(prepared.out);
    child->err = std::move(prepared.err);
  }
  co_return child;
}

Task<NamedResult<Output>> Command::RunOf(Command command, size_t most) {
  command.Stdout(Stdio::kPipe).Stderr(Stdio::kPipe).KillOnDrop();
  if (!command.stdin_told_) command.Stdin(Stdio::kNull);
  NamedResult<Child> child = co_await command.Start();
  if (!child.ok()) co_return child.failure();
  Output output;
  Event failed;  // then what is left has no one to wait for it
  auto ended =
      co_await Select(Join(Collect(*child, child->out, output.out, most, failed),
                           Collect(*child, child->err, output.err, most, failed), End(*child)),
                      failed.Wait());
  auto& [out_error, err_error, status] = ended.Get<0>();
  const int error = Cause({out_error, err_error, status.error()});
  if (error != 0) co_return NamedError{"run", command.program_, error};
  output.status = *status;
  co_return output;
}

}  // namespace sluice::core
