// Endpoint: one address that sessions of an upstream are connected to. It has an identity: its
// sessions, sets of endpoints and policies refer to this object, never to a position in a list.
//
// Whether a new session may be given to it is answered here, by usable(), and by no policy. So
// whatever else is to keep sessions away from an endpoint becomes one more term of usable().
//
//   configured      weight, max_connections    change when a set is published (endpoint_queue.h)
//   administrative  admin_state; a weight      the same; kept apart from what is configured in
//                   set by hand is `weight`    administrative.h
//   operational     out: what health keeps     changes as checks and sessions find
//                   sessions away for          (proxy/upstream/upstream_health.h)
//                   ramp: part of weight and   changes while it ramps up (slow_start.h)
//                   limit that counts
//   active          sessions that have it      counted always; where a limit or the policy needs
//                                              it, exactly (I2)
//
//   takes_sessions = weight > 0 and admin_state is ready and nothing of `out` counts   (Decide)
//   usable         = takes_sessions and a slot is free
//
// An endpoint of weight 0 drains: it gets no new session, and those that it has go on.
// Threads: any may read. EndpointQueue writes what is configured and the ramp under its lock.
//
//   one word:  sessions (32 bits) │ counted (1) │ references of what names it (31)
//
//   I1  A session that has been given an endpoint is counted in sessions(), or it gives the
//       endpoint back because it sees that the endpoint takes no sessions any more. So a thread
//       that has published that and then reads sessions() == 0 knows that none has it and none
//       gets it. Both sides write, then read the other's word, all four sequentially consistent:
//       Begin, TryBegin and EndpointQueue::TryAcquire; Decide and sessions().
//   I2  While `counted` is set the number of sessions changes under the queue's lock alone: it is
//       in the same word, and TryBegin and TryEnd change nothing when they find it set. So from
//       StartCounting on, which returns how many there are, a limit and a policy see every session
//       that there is, also those that began before anything needed their number.
#ifndef SLUICE_PROXY_UPSTREAM_ENDPOINT_ENDPOINT_H_
#define SLUICE_PROXY_UPSTREAM_ENDPOINT_ENDPOINT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/atomic.h"
#include "core/net/socket_api.h"
#include "proxy/upstream/endpoint/latency.h"
#include "proxy/upstream/endpoint/queue_entry.h"

namespace sluice::core {
class CancellationSource;
}

namespace sluice::proxy {

struct EndpointHealth;

// What an administrator wants of an endpoint.
enum class AdminState : uint8_t {
  kReady,        // sessions
  kDrain,        // no new ones; those that it has go on
  kMaintenance,  // no new ones; those that it has end as on_removed says
};

constexpr std::string_view Name(AdminState state) {
  constexpr std::string_view kNames[] = {"ready", "drain", "maintenance"};
  return kNames[static_cast<size_t>(state)];
}

// Whether an endpoint is a listener of this process that leads back to it (upstream_sockets.h).
enum class OwnListener : uint8_t { kNo, kPerhaps, kYes };

class Endpoint {
 public:
  // `name` is what it is called within the upstream: its address where it has no other.
  Endpoint(core::Address address, std::string name) : address_(address), name_(std::move(name)) {}
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  const core::Address& address() const { return address_; }
  const std::string& name() const { return name_; }
  // For messages that are to say where it is, too: "a (10.0.0.1:80)".
  std::string NameAndAddress() const {
    const std::string address = address_.ToString();
    return name_ == address ? address : name_ + " (" + address + ")";
  }

  uint32_t weight() const { return weight_.load(std::memory_order_relaxed); }
  uint32_t max_connections() const {  // 0: no limit
    return max_connections_.load(std::memory_order_relaxed);
  }
  uint32_t active() const { return SessionsIn(refs_.load(std::memory_order_relaxed)); }

  // While it ramps up (slow_start.h): which part of its weight and of its max_connections counts,
  // in thousandths.
  static constexpr uint32_t kWhole = 1000;
  uint32_t ramp() const { return ramp_.load(std::memory_order_relaxed); }
  bool is_ramping() const { return ramp() < kWhole; }
  uint64_t ramped_weight() const { return uint64_t{weight()} * ramp(); }

  // For the policy that goes by it; under the queue's lock.
  const Latency& latency() const { return latency_; }
  void AddLatency(core::Duration sample, core::Instant now) { latency_.Add(sample, now); }

  // Why health keeps sessions away; bits. In a panic some of them do not count.
  static constexpr uint8_t kFailedCheck = 1;
  static constexpr uint8_t kEjected = 2;
  static constexpr uint8_t kAgentDown = 4;    // its agent says so
  static constexpr uint8_t kAgentUnused = 8;  // it says drain or maint
  static constexpr uint8_t kWhateverIsOut = kFailedCheck | kEjected | kAgentDown | kAgentUnused;
  uint8_t out() const { return out_.load(std::memory_order_relaxed); }
  // What has been found out about it, which is UpstreamHealth's; null: it cannot be. Both before it
  // is in a set.
  EndpointHealth* health() const { return health_; }
  void set_health(EndpointHealth& health, uint8_t out) {
    health_ = &health;
    out_.store(out, std::memory_order_relaxed);
    is_kept_out_ = out != 0;
  }

  AdminState admin_state() const { return admin_state_.load(std::memory_order_relaxed); }

  bool takes_sessions() const { return takes_sessions_.load(std::memory_order_relaxed); }
  // The same, asked after the caller has begun to use it (I1).
  bool still_takes_sessions() const { return takes_sessions_.load(std::memory_order_seq_cst); }
  bool has_free_slot() const {
    const uint32_t limit = limit_.load(std::memory_order_relaxed);
    return limit == 0 || active() < limit;
  }
  bool usable() const { return takes_sessions() && has_free_slot(); }

  // The same as active(), ordered after what the caller has published (I1).
  uint32_t sessions() const { return SessionsIn(refs_.load(std::memory_order_seq_cst)); }
  // Whether a session that ends may make room for one that waits (I2).
  bool is_counted() const { return (refs_.load(std::memory_order_relaxed) & kCounted) != 0; }
  // Whether there are sessions, or records of them, that refer to it, which may hold one that is in
  // no set any more.
  bool is_referenced() const { return (refs_.load(std::memory_order_acquire) & ~kCounted) != 0; }

  // Cancelled when its sessions are to end: a session with it has its notice there. Null: never.
  core::CancellationSource* end_of_sessions() const { return end_of_sessions_; }
  void set_end_of_sessions(core::CancellationSource& source) { end_of_sessions_ = &source; }

  OwnListener own_listener() const { return own_listener_.load(std::memory_order_relaxed); }
  void set_own_listener(OwnListener own) { own_listener_.store(own, std::memory_order_relaxed); }
  // A connecting socket may be given the endpoint's own address.
  bool may_be_itself() const { return may_be_itself_.load(std::memory_order_relaxed); }
  void set_may_be_itself(bool may) { may_be_itself_.store(may, std::memory_order_relaxed); }

 private:
  friend class EndpointQueue;
  friend class EndpointSlot;
  friend class EndpointRef;
  friend class SlowStart;

  static constexpr uint64_t kReference = 1;
  static constexpr uint64_t kCounted = uint64_t{1} << 31;
  static constexpr uint64_t kSession = uint64_t{1} << 32;

  static uint32_t SessionsIn(uint64_t refs) { return static_cast<uint32_t>(refs / kSession); }

  // A session begins or ends. Without the queue's lock: not while it is counted, then false (I2).
  bool TryBegin() { return ChangeUncounted(kSession, std::memory_order_seq_cst); }
  bool TryEnd() { return ChangeUncounted(-kSession, std::memory_order_release); }
  bool ChangeUncounted(uint64_t change, std::memory_order order) {
    uint64_t refs = refs_.load(std::memory_order_relaxed);
    do {
      if ((refs & kCounted) != 0) return false;
    } while (!refs_.compare_exchange_weak(refs, refs + change, order, std::memory_order_relaxed));
    return true;
  }
  // Under the queue's lock.
  void Begin() { refs_.fetch_add(kSession, std::memory_order_seq_cst); }
  void End() { refs_.fetch_sub(kSession, std::memory_order_release); }
  // Return how many sessions it has (I2).
  uint32_t StartCounting() {
    return SessionsIn(refs_.fetch_or(kCounted, std::memory_order_acq_rel));
  }
  uint32_t StopCounting() {
    return SessionsIn(refs_.fetch_and(~kCounted, std::memory_order_acq_rel));
  }

  void Configure(uint32_t weight, uint32_t max_connections, AdminState state = AdminState::kReady) {
    weight_.store(weight, std::memory_order_relaxed);
    max_connections_.store(max_connections, std::memory_order_relaxed);
    admin_state_.store(state, std::memory_order_relaxed);
    Decide();
    SetRamp(ramp());
  }
  void SetOut(uint8_t out) { out_.store(out, std::memory_order_relaxed); }
  void CountOut(uint8_t what_counts) {
    is_kept_out_ = (out() & what_counts) != 0;
    Decide();
  }
  void Decide() {
    const bool takes = weight() > 0 && admin_state() == AdminState::kReady && !is_kept_out_;
    if (takes != takes_sessions()) takes_sessions_.store(takes, std::memory_order_seq_cst);
  }
  void SetRamp(uint32_t ramp) {
    ramp_.store(ramp, std::memory_order_relaxed);
    const uint64_t share = uint64_t{max_connections()} * ramp;
    limit_.store(static_cast<uint32_t>((share + kWhole - 1) / kWhole), std::memory_order_relaxed);
  }

  const core::Address address_;
  const std::string name_;
  core::Atomic<uint32_t> weight_{0};  // until the first set with it is published
  core::Atomic<uint32_t> max_connections_{0};
  core::Atomic<uint32_t> ramp_{kWhole};
  core::Atomic<uint32_t> limit_{0};  // of max_connections_ the part that counts; 0: no limit
  core::Atomic<OwnListener> own_listener_{OwnListener::kNo};
  core::Atomic<bool> may_be_itself_{false};
  core::Atomic<AdminState> admin_state_{AdminState::kReady};
  core::Atomic<bool> takes_sessions_{false};
  core::Atomic<uint8_t> out_{0};
  bool is_kept_out_ = false;  // guarded by the queue's lock, once it is in a set
  core::Atomic<uint64_t> refs_{0};
  core::CancellationSource* end_of_sessions_ = nullptr;  // before it is in a set
  EndpointHealth* health_ = nullptr;                     // likewise
  Latency latency_;  // these two are guarded by the queue's lock
  QueueMarker marker_;
};

// Keeps an endpoint for whatever names it (a record, a list of what was tried), or nothing. Made on
// a thread that has a set with the endpoint, or of another reference; then any thread.
class EndpointRef {
 public:
  EndpointRef() = default;
  explicit EndpointRef(Endpoint* endpoint) : endpoint_(endpoint) {
    if (endpoint_ != nullptr) {
      endpoint_->refs_.fetch_add(Endpoint::kReference, std::memory_order_relaxed);
    }
  }
  EndpointRef(const EndpointRef& other) : EndpointRef(other.endpoint_) {}
  EndpointRef(EndpointRef&& other) noexcept : endpoint_(std::exchange(other.endpoint_, nullptr)) {}
  EndpointRef& operator=(EndpointRef other) noexcept {
    std::swap(endpoint_, other.endpoint_);
    return *this;
  }
  ~EndpointRef() {
    if (endpoint_ != nullptr) {
      endpoint_->refs_.fetch_sub(Endpoint::kReference, std::memory_order_release);
    }
  }

  Endpoint* get() const { return endpoint_; }
  Endpoint& operator*() const { return *endpoint_; }
  explicit operator bool() const { return endpoint_ != nullptr; }

 private:
  Endpoint* endpoint_ = nullptr;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_ENDPOINT_ENDPOINT_H_
