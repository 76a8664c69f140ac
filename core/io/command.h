// Command: a program to be started; Child: the process that it has become.
//
//     Command sort("sort");
//     sort.Arg("-n").Stdin(Stdio::kPipe).Stdout(Stdio::kPipe);
//     NamedResult<Child> child = co_await sort.Start();
//     if (!child.ok()) co_return Fail(child.message());   // "start sort: Permission denied"
//     co_await WriteAll(child->in, numbers);
//     child->in.Close();                               // it reads an end, and sorts
//     co_await ReadToEnd(child->out, sorted, 1 << 20);
//     IoResult<ExitStatus> status = co_await child->Wait();
//
//     NamedResult<Output> out = co_await Command("uname").Arg("-r").Run();   // all of the above
//
//                                     Wait: it has ended
//   Command ── Start ──► RUNNING ──────────────────────────► ENDED: its status stays
//                           │ ▲  Signal, Kill
//                           │ └────┘
//                           └── the Child goes ──► LEFT, or killed if KillOnDrop: a task of the
//                                                  runtime waits for it, so that no zombie stays;
//                                                  on a plain thread, or when the runtime ends
//                                                  before: the first Start after its end, of
//                                                  whatever runtime. One that has been killed is
//                                                  waited for there and then, a second at most
//
// The child has the three standard descriptors and no other of this process; no signal is blocked
// in it, and SIGPIPE is as usual. The program is looked for in PATH unless its name has a '/'. A
// pipe or terminal of the caller's that has O_NONBLOCK is opened once more for the child, without
// it, as programs expect; a socket cannot be, and is handed over as it is (on epoll with that
// flag).
//
// Cancellation   A Start that is cut short has started nothing, or brings the child. A Wait that is
//                cut short may be called again. A Run that is cut short, or fails, kills the child.
// Waiting        By a pidfd, which the reactor polls. No other code of the process may wait for its
//                children in general (wait(2), SIGCHLD ignored).
//
// Threads: one task at a time; the pipes may be other tasks'. The Child does not move while
// something waits for it, which is checked.
// Checked by: tests/core/io/command_test.cc (io_uring and epoll).
#ifndef SLUICE_CORE_IO_COMMAND_H_
#define SLUICE_CORE_IO_COMMAND_H_

#include <sys/types.h>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/io/attempt.h"
#include "core/io/named_result.h"
#include "core/io/pipe.h"
#include "core/task/task.h"

namespace sluice::core {

struct ExitStatus {
  int code = 0;    // what it returned, if `signal` is 0
  int signal = 0;  // that has ended it

  bool ok() const { return code == 0 && signal == 0; }
  std::string ToString() const;  // "exit code 3", "Killed (signal 9)"
};

class Child;

// What Child::Wait returns.
class [[nodiscard]] ChildWait final : public Attempt {
 public:
  explicit ChildWait(Child& child);
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    CloseInput();
    return Attempt::await_suspend(handle);
  }
  IoResult<ExitStatus> await_resume();

 private:
  void CloseInput();
  int32_t Try() override;

  Child& child_;
};

class Child {
 public:
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child() { Leave(); }

  // Waits for its end, again and again if one likes. When it is awaited it closes `in`, for a
  // program that reads to the end would wait for ever; but not while a write to it waits: then what
  // writes is to close it. An `in` that is first written to later, or by another task, is moved out
  // of the Child before.
  ChildWait Wait() { return ChildWait(*this); }

  // ESRCH: it has been waited for.
  IoResult<void> Signal(int signal);
  IoResult<void> Kill();

  pid_t pid() const { return pid_; }
  // What failed: "wait sort: ...".
  NamedError Error(std::string_view operation, int error) const {
    return NamedError{operation, program_, error};
  }

  // Open if Command says Stdio::kPipe.
  PipeWriter in;
  PipeReader out;
  PipeReader err;

 private:
  friend class ChildWait;
  friend class Command;

  Child(pid_t pid, int pidfd, bool kill_on_drop, std::string program)
      : pid_(pid), pidfd_(pidfd), kill_on_drop_(kill_on_drop), program_(std::move(program)) {}

  // The end, without waiting: -EAGAIN while it runs.
  int32_t Reap();
  void Leave();
  // Those that have been left and have ended, and that no task waits for.
  static void ReapLeft();

  pid_t pid_;
  int pidfd_;
  bool kill_on_drop_;
  std::optional<ExitStatus> status_;
  std::string program_;
  Lane lane_;
};

enum class Stdio : uint8_t {
  kInherit,  // this process's own
  kNull,     // /dev/null
  kPipe,     // a pipe, whose other end is the Child's
};

// What Command::Run brings.
struct Output {
  ExitStatus status;
  std::string out;
  std::string err;
};

class Command {
 public:
  explicit Command(std::string program) : program_(std::move(program)) {}

  Command& Arg(std::string argument);
  Command& Args(std::initializer_list<std::string_view> arguments);
  // Besides what this process has.
  Command& Env(std::string_view name, std::string_view value);
  // Nothing of what this process has.
  Command& ClearEnv();
  Command& Directory(std::string path);
  Command& Stdin(Stdio how);
  Command& Stdout(Stdio how);
  Command& Stderr(Stdio how);
  // A descriptor of the caller's, open until Start has ended. Of one that is closed (-1) Start is
  // EBADF.
  Command& StdinFrom(int fd);
  Command& StdoutTo(int fd);
  Command& StderrTo(int fd);
  // A group of its own: Ctrl+C at the terminal does not reach it.
  Command& OwnGroup();
  // A Child that goes before its process has ended kills it.
  Command& KillOnDrop();

  // As often as one likes. The task has a copy of what has been told so far.
  Task<NamedResult<Child>> Start() const { return StartOf(*this); }

  // Starts it with stdout and stderr as pipes (and stdin as nothing, unless told), and waits for
  // its end and theirs, which its own children may hold open. EMSGSIZE: it wrote more than `most`
  // bytes into one of them, and has been killed.
  Task<NamedResult<Output>> Run(size_t most = size_t{1} << 20) const { return RunOf(*this, most); }

 private:
  struct Stream {
    Stdio how = Stdio::kInherit;
    std::optional<int> fd = std::nullopt;  // the caller's
  };
  struct Prepared;

  static Task<NamedResult<Child>> StartOf(Command command);
  static Task<NamedResult<Output>> RunOf(Command command, size_t most);
  NamedError Error(int error) const;
  NamedResult<Child> Spawn(Prepared& prepared) const;

  std::string program_;
  std::vector<std::string> arguments_;
  std::vector<std::pair<std::string, std::string>> environment_;
  bool clear_environment_ = false;
  std::string directory_;
  Stream streams_[3];
  bool stdin_told_ = false;
  bool own_group_ = false;
  bool kill_on_drop_ = false;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_COMMAND_H_
