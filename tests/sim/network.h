// The simulated network: stream connections with delays, windows, half-closes and resets, as Linux
// shows them to programs; and the events of virtual time.
//
//   Write ─► out (what SIOCOUTQ counts) ── delay ─► the other side's in ─► Read
//
// FIN follows the last byte of `out`. RST drops what is in `out` (some of it may still arrive
// first) and is told once: the first Write or Read after it gets the error, later Reads an end of
// stream. Where the other host has vanished it is this side's kernel that gives the connection up:
// another error, and otherwise the same. Data that arrives at a closed socket is answered with RST;
// closing with unread data resets.
#ifndef SLUICE_TESTS_SIM_NETWORK_H_
#define SLUICE_TESTS_SIM_NETWORK_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "tests/sim/random.h"
#include "tests/sim/scenario.h"
#include "tests/sim/trace.h"

namespace sluice::sim {

// Things that happen at a time; equal times in order of scheduling.
class EventQueue {
 public:
  void At(core::Instant when, std::function<void()> what) {
    events_.push(Event{when, next_++, std::move(what)});
  }
  bool empty() const { return events_.empty(); }
  core::Instant next_time() const { return events_.top().when; }
  void RunOne() {
    const std::function<void()> what = std::move(const_cast<Event&>(events_.top()).what);
    events_.pop();
    what();
  }

 private:
  struct Event {
    core::Instant when;
    uint64_t order;
    std::function<void()> what;
    bool operator<(const Event& other) const {  // the queue's top is the greatest
      return when != other.when ? when > other.when : order > other.order;
    }
  };
  std::priority_queue<Event> events_;
  uint64_t next_ = 0;
};

// Bytes, first in, first out.
class ByteQueue {
 public:
  size_t size() const { return bytes_.size() - head_; }
  bool empty() const { return size() == 0; }
  const std::byte* data() const { return bytes_.data() + head_; }
  void Push(const std::byte* bytes, size_t count) {
    bytes_.insert(bytes_.end(), bytes, bytes + count);
  }
  void Drop(size_t count) {
    head_ += count;
    if (head_ < bytes_.size() && head_ < 65536) return;
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  void Clear() {
    bytes_.clear();
    head_ = 0;
  }

 private:
  std::vector<std::byte> bytes_;
  size_t head_ = 0;
};

// How much later than told something may happen.
inline constexpr core::Duration kTolerance = 15ms;

struct Socket;

// The user of a socket is told when it may read or write more.
class SocketUser {
 public:
  virtual void SocketChanged(Socket& socket) = 0;

 protected:
  ~SocketUser() = default;
};

struct Session;

// One end of a connection. Lives as long as the network.
struct Socket {
  int id = 0;
  Socket* other = nullptr;
  SocketUser* user = nullptr;
  Session* session = nullptr;  // on the proxy's side: whose it is (checker.h)
  int fd = -1;                 // on the proxy's side
  ByteQueue in;
  ByteQueue out;
  size_t in_capacity = 0;
  size_t out_capacity = 0;
  uint64_t total_written = 0;
  uint64_t total_read = 0;
  uint64_t acknowledged = 0;         // of what was written: it has got to the other side
  core::Instant taken_at;            // when something last did, an end of stream too
  core::Instant taken_before;        // the last time that was not about the same
  uint64_t when_closing = 0;         // what was acknowledged when the proxy asked for the close
  core::OptionalInstant closing_at;  // none: it has not
  bool delivering = false;           // a delivery of `out` is scheduled
  bool fin_queued = false;           // no more will be written
  bool fin_arrived = false;          // from the other side, after all of `in`
  bool end_read = false;             // Read has said so
  bool reset_arrived = false;        // from the other side
  bool reset_sent = false;           // from here
  bool closed = false;
  int broke_with = 0;  // what its reset is told as
  int error = 0;       // to be told once

  bool readable() const { return !in.empty() || fin_arrived || reset_arrived; }
  size_t room() const { return out_capacity - out.size(); }
  // As in Linux, a writer that waits is told when a third is free.
  bool writable() const { return reset_arrived || fin_queued || room() * 3 >= out_capacity; }
  // A count of what is not acknowledged does not tell an end of stream from bytes.
  size_t pending() const {
    return total_written - acknowledged + (fin_queued && !other->fin_arrived ? 1 : 0);
  }
};

class Network {
 public:
  Network(const Scenario& scenario, SimClock& clock, Trace& trace)
      : scenario_(scenario), clock_(clock), trace_(trace), random_(scenario.options.seed, 2) {}

  // A connection; the first end is the one that asked for it.
  Socket& Connect();

  // >= 0, or a negative errno.
  int64_t Write(Socket& socket, const std::byte* bytes, size_t count);
  int64_t Read(Socket& socket, std::byte* bytes, size_t count);
  void ShutdownWrite(Socket& socket);
  void Close(Socket& socket, bool reset);

  core::Duration Delay() { return random_.Skewed(0s, scenario_.latency_max); }
  void After(core::Duration delay, std::function<void()> what) {
    events_.At(clock_.Now() + delay, std::move(what));
  }

  EventQueue& events() { return events_; }
  core::Instant now() const { return clock_.Now(); }
  Random& random() { return random_; }
  // Raised by everything that moves: what a livelock does not do.
  uint64_t progress() const { return progress_; }
  void NoteProgress() { ++progress_; }

 private:
  void ScheduleDelivery(Socket& from);
  void Deliver(Socket& from);
  void NoteTaken(Socket& from);
  void SendReset(Socket& from);
  void ResetArrives(Socket& socket);
  int ErrorOfReset(const Socket& socket) const;
  void Changed(Socket& socket) {
    if (socket.user != nullptr && !socket.closed) socket.user->SocketChanged(socket);
  }

  const Scenario& scenario_;
  SimClock& clock_;
  Trace& trace_;
  Random random_;
  EventQueue events_;
  std::deque<Socket> sockets_;
  uint64_t progress_ = 0;
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_NETWORK_H_
