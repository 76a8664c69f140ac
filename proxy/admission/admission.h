// Admission: decides whether a listener takes one more connection; Ticket: what a connection that
// has been admitted holds.
//
// Each limit is looked at in this order, and a connection takes from all of them or from none: the
// memory, its source, the connections of the process, those of the listener, the new connections
// per second of both. (The table of sources may allocate, so memory comes first.)
//
// The limits are taken from in another order, so that a crowd over one limit takes nothing from
// others, not even for a moment:
//
//   look for a free slot ───► take from the rates ──────► take the slots ──────────► Ticket
//        │ there is none           │ used up                   │ another took the last one:
//        ▼                         ▼                           ▼ the rates get it back
//   WaitForSlot              WaitUntil                    WaitForSlot
//
// A connection over the rate never holds a slot; one that finds no free slot never uses up the
// rate. A connection that may not wait (`WhenExhausted::kReject`) is rejected instead.
#ifndef SLUICE_PROXY_ADMISSION_ADMISSION_H_
#define SLUICE_PROXY_ADMISSION_ADMISSION_H_

#include <cstddef>
#include <cstdint>
#include <variant>

#include "core/base/atomic.h"
#include "core/base/intrusive_ptr.h"
#include "core/base/time.h"
#include "core/net/socket_api.h"
#include "core/time/token_bucket.h"
#include "proxy/admission/connection_limit.h"
#include "proxy/admission/placement.h"
#include "proxy/admission/source_limit.h"
#include "proxy/memory/heap_reserve.h"
#include "proxy/observe/rejection.h"

namespace sluice::proxy {

// A rate that several listeners share. Another rate is another object.
struct SharedRate final : core::RefCounted {
  explicit SharedRate(uint32_t per_second) : bucket(per_second) {}
  core::TokenBucket bucket;
};

// What connections hold of one listener's limits. It goes on counting when the limits change.
struct CountedConnections final : core::RefCounted {
  explicit CountedConnections(uint32_t max) : limit(max) {}
  ConnectionLimit limit;
};
struct CountedSources final : core::RefCounted {
  explicit CountedSources(const SourceOptions& options) : limit(options) {}
  SourceLimit limit;
};

// The limits of the whole process, which its listeners share. They live as long as the server.
struct ProcessLimits {
  // `when_exhausted`: why a connection is rejected that finds no slot among `max_connections`,
  // kConnections or kBuffers: the configuration has a limit for both, and the lower one counts.
  ProcessLimits(uint32_t max_connections, Rejection when_exhausted, uint32_t new_connections,
                size_t workers, HeapReserve& reserve)
      : connections(max_connections),
        when_exhausted(when_exhausted),
        rate(core::MakeRef<SharedRate>(new_connections)),
        placement(workers),
        reserve(reserve) {}

  ConnectionLimit connections;
  core::Atomic<Rejection> when_exhausted;
  const core::IntrusivePtr<SharedRate> rate;  // of the start; a topology may have another one
  Placement placement;
  HeapReserve& reserve;
};

// The limits of one listener; 0: no limit.
struct AdmissionOptions {
  uint32_t max_connections = 0;
  uint32_t new_connections = 0;  // per second
  SourceOptions per_source = {};

  bool operator==(const AdmissionOptions&) const = default;
};

// Everything in it is given back when it goes.
struct Ticket {
  LimitSlot connections = {};
  SourceSlot source = {};
  WorkerShare share = {};  // set when the session is given to a worker
};

// All slots of `limit` are taken: the connection may wait until one is free.
struct WaitForSlot {
  ConnectionLimit* limit;
  Rejection cause;
};

// A rate or the memory is used up: before `at` nothing changes.
struct WaitUntil {
  core::Instant at;
  Rejection cause;
};

enum class WhenExhausted { kReject, kWait };

// When a connection takes a slot of its source.
enum class CountSource {
  kNow,
  kLater,  // when it is known who the client is: TakeSource
};

// Any thread.
class Admission final : public core::RefCounted {
 public:
  using Result = std::variant<Ticket, WaitForSlot, WaitUntil, Rejection>;

  // `before`: of the same listener, whose connections this one counts on, or null. Until PutInForce
  // the limits are those of `before`.
  Admission(const AdmissionOptions& options, ProcessLimits& process,
            core::IntrusivePtr<SharedRate> process_rate, const Admission* before);
  Admission(const AdmissionOptions& options, ProcessLimits& process)
      : Admission(options, process, process.rate, /*before=*/nullptr) {}

  const AdmissionOptions& options() const { return options_; }
  const core::IntrusivePtr<SharedRate>& process_rate() const { return process_rate_; }

  // From now on these limits hold, also for what `before` has admitted.
  void PutInForce();

  // Whether Admit needs to know the client's address, which costs a system call.
  bool needs_client() const { return sources_->limit.limited(); }

  // With kReject the answer is a Ticket or a Rejection. A source over its limit is rejected in any
  // case: it would wait for itself.
  Result Admit(const core::Address& client, core::Instant now, WhenExhausted when_exhausted,
               CountSource count_source = CountSource::kNow);
  // Returns false if the client's source has no free slot.
  bool TakeSource(const core::Address& client, Ticket& ticket) {
    return sources_->limit.TryAcquire(client, ticket.source);
  }

 private:
  Result Exhausted(ConnectionLimit& limit, WhenExhausted when_exhausted) const;
  core::Duration TakeFromRates(core::Instant now);

  const AdmissionOptions options_;
  ProcessLimits& process_;
  const core::IntrusivePtr<SharedRate> process_rate_;
  const core::IntrusivePtr<CountedConnections> connections_;
  const core::IntrusivePtr<CountedSources> sources_;
  core::TokenBucket rate_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMISSION_ADMISSION_H_
