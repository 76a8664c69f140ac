// Listener: accepts connections at its addresses and makes sessions of them.
//
// Every address has one listening socket; every worker accepts from a descriptor of its own for it.
//
//   ACCEPTING ── no descriptors or memory ──► PAUSED (longer each time) ──► ACCEPTING
//       │  └─ on_limit: wait, limit reached ──► WAITING (one connection in hand) ── room ──┘
//       │  └─ on_limit: close, or the source's own limit ──► that connection is reset
//       │     (no heap for a new session is such a limit too: heap_reserve.h)
//       └─ stop ──► what has been accepted becomes sessions ──► STOPPED ── AcceptRest ──► CLOSED
//
// Descriptors: a rejected connection is closed before the next one is judged, and a backend brings
// at most kAcceptsPerSubmit (core/reactor/op.h) that have not been judged yet. So a crowd beyond the limits
// holds at most so many descriptors for each address and worker, and one more for each that waits.
//
// A client that has reset its connection before it is accepted is judged like any other and counts
// under its address; its session ends at once, as one whose client resets while it is being
// connected: nothing of it goes to the upstream.
#ifndef SLUICE_PROXY_LISTENER_LISTENER_H_
#define SLUICE_PROXY_LISTENER_LISTENER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "conf/config.h"
#include "core/log/logger.h"
#include "core/runtime/task_group.h"
#include "core/sync/cancellation.h"
#include "core/task/task.h"
#include "proxy/admission/admission.h"
#include "proxy/session/session.h"

namespace sluice::proxy {

// What listeners share; outlives them.
struct ListenerShared {
  Placement& placement;     // of all sessions
  ConnectionLimit& limit;   // of all listeners together
  Refusal limit_reached;    // kConnections, or kBuffers if that makes it lower
  core::TokenBucket& rate;  // of all listeners together
  HeapReserve& reserve;
  Stats& stats;
  core::Logger& logger;
  core::LogThrottle& accept_throttle;
  core::LogThrottle& memory_throttle;
  core::LogThrottle& buffer_throttle;
  core::CancellationToken stop;  // stop accepting
  core::TaskGroup& sessions;
};

// An address where a listener cannot listen.
struct BindFailure {
  int error = 0;        // an errno
  std::string message;  // a sentence with the listener and the address
};

class Listener {
 public:
  // `context` comes without what is the listener's own: its bandwidth.
  Listener(const conf::Listener& config, SessionContext context, const ListenerShared& shared);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Tries to listen at every address where it does not yet, and adds one failure to `failures` for
  // each where it cannot. May be called again. Inside a task.
  void TryBind(std::vector<BindFailure>& failures);

  // Where it listens, in the order of the configuration.
  std::vector<core::Address> BoundAddresses() const;

  // Logs every address where it listens.
  void LogAddresses();

  // Starts accepting on every worker; the tasks end some time after `stop`.
  void Start(core::TaskGroup& group);

  // After those tasks have ended: serves what waits in the kernel's queues now, in rounds between
  // which others run, unless `hurry` is cancelled. Whoever comes later is reset by Close.
  core::Task<void> AcceptRest(core::CancellationToken hurry);

  // Closes the listening sockets. Inside a task.
  void Close();

 private:
  absl::Status ResolveOwner();
  core::Task<void> Accept(int fd);
  core::Task<void> AcceptUntilCancelled(int fd);
  Verdict Judge(int fd);
  core::Task<void> WaitForRoom(int fd, Verdict verdict);
  void Settle(int fd, Verdict verdict);
  bool MayWait(const Verdict& verdict) const;
  void WarnOf(Refusal refusal);
  core::Task<void> Pause(int error, core::Nanos pause);

  const std::string name_;
  const std::vector<conf::Address> addresses_;
  core::ListenOptions options_;  // const once Bind has resolved the owner
  const std::string unix_owner_;
  const std::string unix_group_;
  const conf::OnLimit on_limit_;
  const ListenerShared& shared_;
  Admission admission_;
  SharedPace bytes_up_;
  SharedPace bytes_down_;
  const SessionContext context_;
  std::vector<int> sockets_;             // of addresses_, -1 where it does not listen yet; or empty
  std::vector<core::SocketFile> files_;  // of each socket
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_LISTENER_LISTENER_H_
