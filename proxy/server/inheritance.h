// Inheritance: what a process gets from the one whose place it takes: its listening sockets, and
// the word when to serve.
//
//   Receive ──► sockets ── the server adopts some, binds the rest ──► WaitForCommit ──► it serves
//                  └── those that it does not adopt are closed here        │             │
//                                                                          ▼             ▼
//                                              an error: it ends, and     TellServing: the files of
//                                              has changed nothing        UNIX sockets are its own
//
// The other side of it is upgrade.h, with the drawing of both.
//
// Threads: Receive before there are tasks; then one task.
// Checked by: tests/proxy/server/inheritance_test.cc, tests/e2e/test_upgrade.py.
#ifndef SLUICE_PROXY_SERVER_INHERITANCE_H_
#define SLUICE_PROXY_SERVER_INHERITANCE_H_

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/task/task.h"
#include "proxy/server/handover_codec.h"

namespace sluice::proxy {

struct InheritedSocket {
  HandoverSocket socket;
  int fd;                   // -1: adopted, or closed
  bool has_options = true;  // false: it has any, and gets those of the configuration
};

class Inheritance {
 public:
  // Waits in the calling thread, for a bounded time. `channel` is the object's from now on; this
  // process's end, which the environment has named (successor_process.h).
  static absl::StatusOr<std::unique_ptr<Inheritance>> Receive(int channel);

  Inheritance(const Inheritance&) = delete;
  Inheritance& operator=(const Inheritance&) = delete;
  ~Inheritance();

  // Who adopts one takes its descriptor.
  std::vector<InheritedSocket>& sockets() { return sockets_; }
  size_t count() const { return sockets_.size(); }
  int channel() const { return channel_; }  // of Receive

  // Closes what has not been adopted, tells that this process is ready, and waits until the other
  // one accepts nothing any more. An error: that does not happen.
  core::Task<absl::Status> WaitForCommit();

  // Once, after it.
  core::Task<absl::Status> TellServing();

  // After it: the other process has told what it had to tell of this one, or is late with it.
  core::Task<void> WaitForFarewell();

  // On the last worker that has used it, before the destructor.
  void Close();

 private:
  explicit Inheritance(int channel) : channel_(channel) {}
  absl::Status ReceiveAll();
  absl::Status Add(std::vector<HandoverSocket> sockets, std::vector<int> descriptors);

  int channel_;
  std::vector<InheritedSocket> sockets_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_INHERITANCE_H_
