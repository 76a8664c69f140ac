// Console: a UNIX socket at which a program tells what its tasks do.
//
//     Runtime runtime({.watch = {.tasks = true}});
//     auto console = Console::Start("/run/user/1000/app.sock", runtime.handle());
//     if (!console.ok()) return Fail(console.status());
//
//     $ sluice tasks --admin unix:/run/user/1000/app.sock         # a view that refreshes itself
//     $ curl --unix-socket app.sock http://localhost/api/v1/tasks?order=busy
//
// It answers from a thread of its own, so also while every worker is stuck: that is when one asks.
// GET /api/v1/tasks is all that there is (task_json.h, task_query.h). It speaks HTTP/1.0 to clients
// that may be of ill will:
//
//   at most kMostClients at a time; further ones wait in the backlog
//   a request has at most kMostRequest bytes
//   a client has kPatience to ask, and again to take the answer; then it is dropped
//
//   accepted ──► READING ── the empty line has come ──► WRITING ── all taken ──► closed
//                   └─────── too long, too late, closed by the peer ──────────────►┘
//
// The socket's file is for the program's user alone (0600); it goes when the Console does. In a
// child of the process (fork without exec) there is no thread that answers: a Console that goes
// there leaves the file and the parent's thread alone.
//
// Its thread takes no signals but those that tell of a mistake of its own (SIGSEGV and the like).
//
// Errors: Start's, in a sentence. Threads: one; the runtime outlives it.
// Checked by: tests/core/console/console_test.cc.
#ifndef SLUICE_CORE_CONSOLE_CONSOLE_H_
#define SLUICE_CORE_CONSOLE_CONSOLE_H_

#include <poll.h>
#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/base/time.h"
#include "core/net/socket_file.h"
#include "core/runtime/handle.h"

namespace sluice::core {

class Console {
 public:
  static constexpr size_t kMostClients = 4;
  static constexpr size_t kMostRequest = 4096;
  static constexpr Duration kPatience = 2s;

  // `path`: of the socket, which takes the place of one that no process listens at. The runtime
  // watches its tasks.
  static absl::StatusOr<std::unique_ptr<Console>> Start(const std::string& path,
                                                        RuntimeHandle runtime);
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;
  ~Console();

 private:
  struct Client {
    int fd;
    Instant until;
    std::string request;
    std::string answer;  // READING while it is empty
    size_t sent = 0;     // of it
  };

  Console(RuntimeHandle runtime, int listener, int stop, SocketFile file);
  void Run();
  void Accept();
  bool Advance(Client& client) const;
  bool Read(Client& client) const;
  std::string Answer(const std::string& request) const;

  const RuntimeHandle runtime_;
  const MonotonicClock clock_;
  const int listener_;
  const int stop_;  // an eventfd
  const SocketFile file_;
  std::vector<Client> clients_;  // the thread's; it needs no memory for these two
  std::vector<pollfd> wanted_;
  const pid_t process_;
  std::unique_ptr<std::thread> thread_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_CONSOLE_CONSOLE_H_
