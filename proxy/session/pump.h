// Pump: moves the bytes of one direction of a session. It knows no policy: it tells the session how
// the direction has ended, and the session decides what that means (session_end.h).
#ifndef SLUICE_PROXY_SESSION_PUMP_H_
#define SLUICE_PROXY_SESSION_PUMP_H_

#include <cstdint>

#include "core/base/atomic.h"
#include "core/base/time.h"
#include "core/task/task.h"
#include "proxy/observe/stats.h"
#include "proxy/session/head.h"
#include "proxy/session/pacer.h"

namespace sluice::proxy {

enum class FlowEnd {
  kEndOfStream,  // everything has been sent; `to` has not been shut down yet
  kReadError,    // everything received before has been sent
  kWriteError,   // `to` does not take any more
  kCancelled,
};

struct Flow;

// Called inside the session's task.
class FlowOwner {
 public:
  virtual Stats& stats() = 0;
  virtual void SendBegins(Flow& flow, core::Instant now) = 0;
  // Returns true if `flow.from` has to be watched: its peer may still reset it.
  virtual bool FlowEnded(Flow& flow, FlowEnd end, int error) = 0;
  // That has happened.
  virtual void ResetAfterEnd(Flow& flow) = 0;
  // Bytes had to be received into a block of the reserve.
  virtual void BuffersShort() = 0;
  // Of a flow with `paced`.
  virtual Pacer& PacerOf(const Flow& flow) = 0;
  // Of a flow with `has_head`; called once.
  virtual Head TakeHead(Flow&) { return {}; }
  // Whether TakeHead is to wait for something that `flow.from` has yet to send: then AwaitHead
  // comes before it, which returns 0, or the error of that connection.
  virtual bool WaitsForHead(const Flow&) const { return false; }
  virtual core::Task<int> AwaitHead(Flow&) { co_return 0; }

 protected:
  ~FlowOwner() = default;
};

// One direction. Written by its pump, read by the session's timer; both are in one task. The two
// atomics have that one writer, and any thread may read them.
struct Flow {
  FlowOwner& owner;
  int from = -1;
  int to = -1;
  core::Atomic<uint64_t> bytes{0};  // sent
  // When something was last received or taken, or may be next.
  core::Atomic<core::Instant> last_byte_at{core::Instant()};
  uint32_t credit;  // bytes read ahead of what has been sent
  // Bits: a word less in each session.
  const bool is_up : 1;          // client to upstream
  bool paced : 1 = false;        // it has a Pacer; else its bytes are sent as fast as possible
  bool has_head : 1 = false;     // it has a Head, which is sent first
  bool sending : 1 = false;      // there is something to send, and it may be sent
  bool partial : 1 = false;      // the last buffer was not taken in one go
  bool send_failed : 1 = false;  // `to` is broken
  bool untouched : 1 = true;     // nothing has been received

  void NoteByteAt(core::Instant at) { last_byte_at.store(at, std::memory_order_relaxed); }
  core::Instant LastByteAt() const { return last_byte_at.load(std::memory_order_relaxed); }
  uint64_t Bytes() const { return bytes.load(std::memory_order_relaxed); }
  Direction direction() const { return is_up ? Direction::kUp : Direction::kDown; }
};

// Ends when the stream does, on an error, or when its scope is cancelled; then no operation of
// `flow.from` is in flight and owner.FlowEnded has been called. If that returned true, the pump
// then waits for the reset of a peer that has ended its stream.
core::Task<void> Pump(Flow& flow);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_PUMP_H_
