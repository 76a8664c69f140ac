#include "proxy/admission/admission.h"

#include <utility>

namespace sluice::proxy {
namespace {

Admission::Result TryAgainAt(core::Instant at, Rejection cause, WhenExhausted when_exhausted) {
  if (when_exhausted == WhenExhausted::kReject) return cause;
  return WaitUntil{.at = at, .cause = cause};
}

}  // namespace

Admission::Admission(const AdmissionOptions& options, ProcessLimits& process,
                     core::IntrusivePtr<SharedRate> process_rate, const Admission* before)
    : options_(options),
      process_(process),
      process_rate_(std::move(process_rate)),
      connections_(before != nullptr ? before->connections_
                                     : core::MakeRef<CountedConnections>(options.max_connections)),
      sources_(before != nullptr && before->sources_->limit.SplitsLike(options.per_source)
                   ? before->sources_
                   : core::MakeRef<CountedSources>(options.per_source)),
      rate_(options.new_connections) {}

void Admission::PutInForce() {
  connections_->limit.set_max(options_.max_connections);
  sources_->limit.set_max(options_.per_source.max_connections);
}

Admission::Result Admission::Exhausted(ConnectionLimit& limit, WhenExhausted when_exhausted) const {
  const bool is_global = &limit == &process_.connections;
  const Rejection cause =
      is_global ? process_.when_exhausted.load(std::memory_order_relaxed) : Rejection::kListener;
  if (when_exhausted == WhenExhausted::kReject) return cause;
  return WaitForSlot{.limit = &limit, .cause = cause};
}

// Returns 0 if one has been taken from both rates. Else none has been, and before that time has
// passed nothing changes.
core::Duration Admission::TakeFromRates(core::Instant now) {
  if (const core::Duration wait = rate_.TryTake(now); wait > 0s) return wait;
  const core::Duration wait = process_rate_->bucket.TryTake(now);
  if (wait > 0s) rate_.GiveBack();
  return wait;
}

Admission::Result Admission::Admit(const core::Address& client, core::Instant now,
                                   WhenExhausted when_exhausted, CountSource count_source) {
  if (!process_.reserve.HasMemory(now)) {
    return TryAgainAt(now + HeapReserve::kRetry, Rejection::kMemory, when_exhausted);
  }
  Ticket ticket;
  if (count_source == CountSource::kNow && !TakeSource(client, ticket)) return Rejection::kSource;
  ConnectionLimit* exhausted = LimitSlot::FindExhausted(process_.connections, connections_->limit);
  if (exhausted != nullptr) return Exhausted(*exhausted, when_exhausted);
  if (const core::Duration wait = TakeFromRates(now); wait > 0s) {
    return TryAgainAt(now + wait, Rejection::kRate, when_exhausted);
  }
  ticket.connections = LimitSlot::TryAcquire(process_.connections, connections_->limit, exhausted);
  if (exhausted != nullptr) {
    rate_.GiveBack();
    process_rate_->bucket.GiveBack();
    return Exhausted(*exhausted, when_exhausted);
  }
  return Result(std::move(ticket));
}

}  // namespace sluice::proxy
