// Acceptor: one address of the process: its socket, the accept loops on it, and the listener that
// has the address for the time being.
//
//   UNBOUND ── Socket().TryBind ──► LISTENING ── Start ──► ACCEPTING ── Stop ──► loops have ended
//                                                           │    ▲                     │ AcceptRest
//                                                           └────┘ SetListener         ▼ Close
//                                                           ▲                        CLOSED
//                                                           └── Resume, Start ◄── loops have ended
//
// Threads: CurrentListener any; the rest the server's task.
#ifndef SLUICE_PROXY_LISTENER_ACCEPTOR_H_
#define SLUICE_PROXY_LISTENER_ACCEPTOR_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/intrusive_ptr.h"
#include "core/runtime/handle.h"
#include "core/runtime/task_group.h"
#include "core/sync/cancellation.h"
#include "core/task/task.h"
#include "proxy/listener/accept_loop.h"
#include "proxy/listener/listener_state.h"
#include "proxy/listener/listening_socket.h"

namespace sluice::proxy {

class Acceptor final : public ListenerSource {
 public:
  // `context` outlives it.
  Acceptor(const core::Address& address, core::ListenOptions options, core::RuntimeHandle runtime,
           const AcceptContext& context)
      : context_(context), socket_(address, std::move(options)), runtime_(runtime) {}

  ListeningSocket& socket() { return socket_; }
  const ListeningSocket& socket() const { return socket_; }

  // The listener that has the address from now on: loops see it in their next term, which begins
  // when the one of the listener before ends (ListenerState::EndTerm). Not after Stop.
  void SetListener(core::IntrusivePtr<ListenerState> listener);

  // Starts a loop on every worker. There is a listener, whose term has not ended.
  void Start();

  // Asks the loops to end, after their present term.
  void Stop();

  // Waits until the loops have ended; after Stop.
  core::Task<void> Join();

  // After Join: Start may be called again.
  void Resume();

  // After Join: serves what waits in the kernel's queue now, in rounds between which others run,
  // unless `hurry` is cancelled. Connections that come later are reset by Close.
  core::Task<void> AcceptRest(core::CancellationToken hurry);

  void Close() { socket_.Close(); }

  core::IntrusivePtr<ListenerState> CurrentListener() override;

 private:
  const AcceptContext& context_;
  ListeningSocket socket_;
  const core::RuntimeHandle runtime_;
  std::unique_ptr<core::TaskGroup> loops_running_;  // from Start to Join
  std::vector<std::unique_ptr<AcceptLoop>> loops_;
  absl::Mutex mutex_;
  core::IntrusivePtr<ListenerState> listener_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_LISTENER_ACCEPTOR_H_
