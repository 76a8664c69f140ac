// AcceptLoop: accepts connections at one address on one worker, and makes sessions of them.
//
// Every worker has a loop for every address, with a descriptor of its own for the address's socket.
//
//   ACCEPTING ── the kernel gives none ──► PAUSED (longer each time) ──► ACCEPTING
//       ├─ admitted ──► a session starts
//       ├─ rejected ──► the connection is reset
//       ├─ has to wait ──► WAITING (with that connection in hand) ── free slot, or in time ──┐
//       │      ▲                                                        ACCEPTING ◄──────────┘
//       │      └── the next term begins with the connection in hand
//       ├─ the term ends (listener_state.h) ──► what has been accepted is treated ──► next term
//       └─ Stop ──► what has been accepted is treated; one in hand no longer waits ──► STOPPED
//
// Descriptors: a rejected connection is closed before the next one is looked at, and a backend
// brings at most kAcceptsPerSubmit (core/reactor/op.h) that have not been looked at. So a crowd
// beyond the limits holds at most so many descriptors for each address and worker, and one more for
// each loop that waits.
//
// A client that has reset its connection before it is accepted is admitted like any other and
// counts under its address; its session ends at once, and nothing of it goes to the upstream.
#ifndef SLUICE_PROXY_LISTENER_ACCEPT_LOOP_H_
#define SLUICE_PROXY_LISTENER_ACCEPT_LOOP_H_

#include "core/base/intrusive_ptr.h"
#include "core/base/time.h"
#include "core/runtime/task_group.h"
#include "core/task/task.h"
#include "proxy/admission/admission.h"
#include "proxy/listener/accept_log.h"
#include "proxy/listener/listener_state.h"

namespace sluice::proxy {

// What the accept loops of the process share. All of it lives as long as the server, which waits
// for the loops before it ends.
struct AcceptContext {
  ProcessLimits& limits;
  AcceptLog& log;
  core::TaskGroup& sessions;
};

// What an accept loop asks for the listener that has its address.
class ListenerSource {
 public:
  // The listener of this term; null: the loop is to end.
  virtual core::IntrusivePtr<ListenerState> CurrentListener() = 0;

 protected:
  ~ListenerSource() = default;
};

// Admits `connection` (a descriptor), without waiting, and starts its session or resets it.
void StartOrReject(const AcceptContext& context, const ListenerState& listener, int connection);

// Waits for descriptors or memory, after an accept that failed with `error`.
core::Task<void> PauseAccepting(const AcceptContext& context, const ListenerState& listener,
                                int error, core::Duration pause);

class AcceptLoop {
 public:
  // Both outlive the loop.
  AcceptLoop(const AcceptContext& context, ListenerSource& source)
      : context_(context), source_(source) {}
  AcceptLoop(const AcceptLoop&) = delete;
  AcceptLoop& operator=(const AcceptLoop&) = delete;

  // Accepts from `socket` until the source has no listener any more. Once.
  core::Task<void> Run(int socket);

 private:
  core::Task<int> DuplicateSocket(int socket);
  core::Task<void> AcceptForOneTerm(const ListenerState& listener);
  void LeaveToNextTerm(const ListenerState& listener, int connection);
  core::Task<void> Wait(const ListenerState& listener, int connection, Admission::Result result);

  const AcceptContext& context_;
  ListenerSource& source_;
  int socket_ = -1;       // of this worker
  bool is_unix_ = false;  // what it brings has to be prepared: it inherits nothing
  int in_hand_ = -1;      // a connection that has not been treated when a term ended
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_LISTENER_ACCEPT_LOOP_H_
