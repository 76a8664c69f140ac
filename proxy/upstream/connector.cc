#include "proxy/upstream/connector.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "core/base/counter.h"
#include "core/base/random.h"
#include "core/io/connect.h"
#include "core/sched/worker.h"
#include "core/time/sleep.h"
#include "core/time/timeout.h"
#include "proxy/upstream/slot_wait.h"

namespace sluice::proxy {
namespace {

using core::Duration;
using core::Instant;
using core::IoResult;
using core::Worker;

// The first pause is about 2 ms, the longest about 50.
constexpr Duration kQueuePause = 2ms;
constexpr Duration kLongestQueuePause = 50ms;
constexpr Duration kShortestRoundPause = 20ms;
constexpr Duration kLongestRoundPause = 250ms;
constexpr int kMaxDoublings = 10;
constexpr Duration kLatencyOfFailure = 1s;
// Among the errors of ConnectEndpoint: the kernel gave the socket the endpoint's own address.
constexpr int kConnectedToItself = EISCONN;
// The client, from whose address it is to come, has none of the endpoint's family.
constexpr int kOtherFamily = EPFNOSUPPORT;

// Between half of `pause` and all of it.
Duration Scattered(Duration pause, uint64_t seed) {
  return pause / 2 + core::Jitter(pause / 2, seed);
}

// EAGAIN from a UNIX socket: the endpoint is there, and its accept queue is full.
core::Task<IoResult<void>> ConnectSocket(int fd, const core::Address& address) {
  for (Duration pause = kQueuePause;; pause = std::min(2 * pause, kLongestQueuePause)) {
    IoResult<void> connected = co_await core::Connect(fd, address);
    const bool queue_full = !connected.ok() && connected.error() == EAGAIN && address.is_unix();
    if (!queue_full) co_return connected;
    const int64_t now = Worker::Current()->Now().since_origin().count();
    const uint64_t seed = static_cast<uint64_t>(now) ^ static_cast<uint64_t>(fd);
    if (!co_await core::Sleep(Scattered(pause, seed))) co_return core::IoError(ECANCELED);
  }
}

// TCP lets a socket whose own address is its destination connect to itself.
bool IsItself(core::Reactor& reactor, int fd) {
  const core::Address local = reactor.LocalAddress(fd);
  const core::Address peer = reactor.PeerAddress(fd);
  return local.is_ip() && local == peer;
}

IoResult<void> Prepare(core::Reactor& reactor, int fd, const core::Address& address,
                       const ConnectContext& context) {
  const ConnectPolicy& policy = context.upstream.policy();
  reactor.PrepareStream(fd);
  if (!address.is_ip()) return {};
  const bool is_foreign = context.source != nullptr;
  if (is_foreign && context.source->family() != address.family())
    return core::IoError(kOtherFamily);
  if (policy.socket) {
    IoResult<void> configured = reactor.Configure(fd, *policy.socket);
    if (!configured.ok()) return configured;
  }
  if (is_foreign) return reactor.BindForeign(fd, *context.source);
  if (policy.source) return reactor.BindSource(fd, *policy.source);
  return {};
}

[[gnu::noinline]] core::Task<IoResult<int>> ConnectEndpoint(const Endpoint& endpoint,
                                                            const ConnectContext& context) {
  const core::Address& address = endpoint.address();
  core::Reactor& reactor = core::CurrentReactor();
  IoResult<int> fd = reactor.OpenSocket(address.family());
  if (!fd.ok()) co_return fd;
  IoResult<void> connected = Prepare(reactor, *fd, address, context);
  if (connected.ok()) {
    const auto timeout = context.timeout > 0s ? std::optional(context.timeout) : std::nullopt;
    connected = co_await core::WithTimeout(timeout, ConnectSocket(*fd, address));
  }
  if (connected.ok() && endpoint.may_be_itself() && IsItself(core::CurrentReactor(), *fd)) {
    connected = core::IoError(kConnectedToItself);
  }
  if (connected.ok()) co_return *fd;
  // The endpoint may have taken it meanwhile: what comes to nothing must not look like a clean end.
  core::CurrentReactor().SetResetOnClose(*fd);
  core::CurrentReactor().Close(*fd);
  co_return core::IoError(connected.error());
}

// True: the fault is this process's, not the endpoint's.
bool RanOut(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

// True: it says nothing about the endpoint.
bool IsOurs(int error) {
  return error == ECANCELED || error == EADDRNOTAVAIL || error == kOtherFamily || RanOut(error);
}

// True: the endpoint took the connection and reset it. A kernel that rejects one says ECONNREFUSED.
bool HadTaken(int error) { return error == ECONNRESET; }

// Within a round the first retry is at once; 2nd: about `backoff`, 3rd: twice that ...
Duration PauseBefore(size_t retry, Duration backoff, uint64_t seed) {
  if (retry < 2 || backoff == 0s) return 0s;
  const Duration pause = backoff * (1 << std::min(static_cast<int>(retry) - 2, kMaxDoublings));
  return pause / 2 + core::Jitter(pause, seed);
}

// Before the 2nd round: about `backoff`, 3rd: twice that ... Bounded both ways: an endpoint that
// does not take connections answers at once, and many sessions may be waiting for it.
Duration PauseBeforeRound(int round, Duration backoff, uint64_t seed) {
  const Duration shortest = std::max(backoff, kShortestRoundPause);
  const Duration pause = shortest * (1 << std::min(round - 2, kMaxDoublings));
  return Scattered(std::min(pause, kLongestRoundPause), seed);
}

// A connection would come back to where it is made from.
bool IsOwnListener(const Endpoint& endpoint) {
  switch (endpoint.own_listener()) {
    case OwnListener::kNo:
      return false;
    case OwnListener::kPerhaps:
      return core::CurrentReactor().IsLocal(endpoint.address());
    case OwnListener::kYes:
      return true;
  }
  SLUICE_CHECK(false);
}

const char* Explain(const Endpoint& endpoint, int error) {
  if (error == ELOOP && endpoint.own_listener() != OwnListener::kNo) {
    return "it is a listener of this proxy and leads back to this upstream";
  }
  if (error == kConnectedToItself) {
    return "no program listens there (the socket had its own address)";
  }
  if (error == kOtherFamily) return "its client has no address of this family (source_address)";
  if (error == EPERM) return "this process may not take its client's address (source_address)";
  if (error == ETIMEDOUT && endpoint.address().family() == AF_UNIX)
    return "its accept queue is full";
  return strerrordesc_np(error);
}

void LogFailure(const ConnectContext& context, const Endpoint& endpoint, int error) {
  uint64_t suppressed = 0;
  if (!context.upstream.failure_throttle().Pass(Worker::Current()->Now(), suppressed)) return;
  context.events.logger().Log(
      core::LogLevel::kWarn,
      "upstream %s: cannot connect to %s: %s (%d more failures since the last line)",
      context.upstream.name(), endpoint.NameAndAddress(), Explain(endpoint, error), suppressed);
}

// The rounds of one session: which endpoints may still be tried, and when.
//
//   seen_    tried in the last round | tried in this one
class Rounds {
 public:
  Rounds(Upstream& upstream, uint64_t key, uint64_t seed)
      : upstream_(upstream), key_(key), seed_(seed) {
    in_round_ = MostInRound();
    wait_ = policy().queue_timeout;
  }

  std::span<Endpoint* const> seen() const { return seen_; }
  // What it may not have (again).
  std::span<Endpoint* const> barred() const { return is_late_ ? seen() : tried(); }
  PickRequest request() const {
    return {.key = key_, .now = Worker::Current()->Now(), .random = seed_};
  }

  void Tries(Endpoint& endpoint) {
    if (round_ == 1 && seen_.empty()) {
      until_ = Worker::Current()->clock().Now() + policy().retry_for;
    }
    const bool is_forgiven = std::ranges::find(tried(), &endpoint) != tried().end();
    if (is_forgiven) BeginRound();
    const bool is_out = is_forgiven && !endpoint.takes_sessions();  // since it was given
    if (is_out) in_round_ = std::min<uint32_t>(in_round_ + 1, policy().attempts);
    began_in_queue_ = began_in_queue_ || is_forgiven;
    seen_.push_back(&endpoint);
    kept_.emplace_back(&endpoint);
  }
  // `passes`: another attempt may end otherwise.
  void Failed(bool passes) { passes_ = passes_ || passes; }

  SlotWait wait() {
    const Duration pause = RetryAfter();
    is_forgiven_ = pause > 0s && pause < wait_;
    return {wait_, policy().slow_start, is_forgiven_ ? pause : 0s, place_};
  }
  // No slot has come in time. Returns true if that ends the round: it was too short to be forgiven.
  bool EndRound() { return ends_ = !is_forgiven_ && RetryAfter() > 0s; }

  // Returns true if there is to be one more attempt; `pause` is how long to wait before it.
  // `queued` is how long it has waited for slots.
  bool Next(std::optional<Duration> queued, Duration& pause) {
    const size_t tried_now = tried().size();
    const bool is_over = ends_ || tried_now >= in_round_;
    if (!is_over && round_ == 1) {
      pause = PauseBefore(tried_now, policy().backoff, seed_);
      return true;
    }
    const Duration left = Left();
    is_late_ = left <= 0s;
    if (is_late_) wait_ = policy().queue_timeout - queued.value_or(0s);
    if (is_late_ && (is_over || !began_in_queue_ || wait_ <= 0s)) return false;
    if (is_over && !passes()) return false;
    if (is_over) BeginRound();
    pause = std::min(left, is_over ? PauseBeforeRound(round_, policy().backoff, seed_)
                                   : PauseBefore(tried_now, policy().backoff, seed_));
    return true;
  }

 private:
  const ConnectPolicy& policy() const { return upstream_.policy(); }
  std::span<Endpoint* const> tried() const { return seen().subspan(begin_); }
  // One in which nothing was found to try is as the one before it.
  bool passes() const { return passes_ || (round_ > 1 && tried().empty()); }
  Duration Left() const { return until_ - Worker::Current()->clock().Now(); }

  // The pause before the next round, were this one over now; 0: none follows.
  Duration RetryAfter() const {
    if (!passes() || Left() <= 0s) return 0s;
    return std::min(Left(), PauseBeforeRound(round_ + 1, policy().backoff, seed_));
  }

  // Those that drain are not waited for while others are left.
  uint32_t MostInRound() const {
    return std::clamp<uint32_t>(upstream_.queue().serving(), 1, policy().attempts);
  }

  void BeginRound() {
    seen_.erase(seen_.begin(), seen_.begin() + static_cast<ptrdiff_t>(begin_));
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<ptrdiff_t>(begin_));
    begin_ = seen_.size();
    in_round_ = MostInRound();
    passes_ = false;
    ends_ = false;
    began_in_queue_ = false;
    ++round_;
  }

  Upstream& upstream_;
  const uint64_t key_;
  const uint64_t seed_;
  uint32_t in_round_ = 1;
  int round_ = 1;
  bool passes_ = false;
  bool ends_ = false;            // though others could be tried, had they a slot
  bool is_forgiven_ = false;     // in the last wait, if that was long enough
  bool began_in_queue_ = false;  // the wait for another one goes on when this has failed
  bool is_late_ = false;         // retry_for is over
  Duration wait_;                // for a slot
  std::unique_ptr<EndpointQueue::Place> place_;
  Instant until_;
  size_t begin_ = 0;  // of this round
  absl::InlinedVector<Endpoint*, 4> seen_;
  absl::InlinedVector<EndpointRef, 4> kept_;  // the same: one that leaves is not another one soon
};

// What was lacking here says nothing about the endpoint.
[[gnu::noinline]] void TellHealth(UpstreamHealth& health, const ConnectContext& context,
                                  Endpoint& endpoint, const IoResult<int>& fd) {
  if (fd.ok()) return health.OnTaken(endpoint);
  const int error = fd.error();
  if (IsOurs(error)) return;
  const auto failure = HadTaken(error) ? Outlier::Failure::kReset : Outlier::Failure::kConnect;
  health.OnFailure(endpoint, failure, Explain(endpoint, error), Worker::Current()->clock().Now(),
                   context.events);
}

const char* WhyDown(Upstream& upstream) {
  const EndpointSet& set = upstream.queue().SetOf(Worker::Current()->index());
  if (set.size() == 0) return upstream.knows_endpoints() ? "it is empty" : "no endpoint is known";
  const auto any = [&set](auto is) { return std::ranges::any_of(set.members(), is); };
  if (any([](const EndpointMember& member) { return member.endpoint->out() != 0; })) {
    return "every endpoint is down, ejected or drained";
  }
  return any([](const EndpointMember& member) { return member.state != AdminState::kReady; })
             ? "every endpoint has weight 0, or drains or is in maintenance"
             : "every endpoint has weight 0";
}

// No endpoint takes sessions, and a free slot would change nothing. Another configuration may.
bool IsDown(const ConnectContext& context) {
  if (context.upstream.queue().serving() > 0) return false;
  uint64_t suppressed = 0;
  if (context.upstream.failure_throttle().Pass(Worker::Current()->Now(), suppressed)) {
    context.events.logger().Log(
        core::LogLevel::kWarn,
        "upstream %s: %s: no session can begin (%d more failures since the last line)",
        context.upstream.name(), WhyDown(context.upstream), suppressed);
  }
  return true;
}

// A connect that fails counts as a long one, so that an endpoint that rejects at once is not the
// fastest. One that was given up, or that this process could not make, says nothing.
void Measure(Upstream& upstream, const EndpointSlot& slot, const IoResult<int>& fd, Instant begin) {
  if (!fd.ok() && IsOurs(fd.error())) return;
  const Instant now = Worker::Current()->clock().Now();
  const Duration latency = fd.ok() ? now - begin : std::max(now - begin, kLatencyOfFailure);
  upstream.queue().Measured(slot.endpoint(), latency, now);
}

// One that was given up has neither succeeded nor failed.
void CountAttempt(const ConnectContext& context, const IoResult<int>& fd, Instant begin) {
  Worker& worker = *Worker::Current();
  WorkerStats& stats = context.stats.of(worker.index());
  if (fd.ok()) {
    stats.Observe("connect_duration_seconds", worker.clock().Now() - begin);
  } else if (fd.error() != ECANCELED && fd.error() != kOtherFamily) {
    core::Count(stats.at("connect_failures_total"));
  }
}

void NoteFailure(Connected& result) {
  if (result.failed == nullptr) result.failed = std::make_unique<std::vector<EndpointRef>>();
  std::vector<EndpointRef>& failed = *result.failed;
  if (failed.size() == Connected::kMostFailed) failed.erase(failed.begin());
  failed.push_back(result.endpoint);
}

// Another one than in the last round, if there is one that is usable.
EndpointSlot TryAcquire(EndpointQueue& queue, const Rounds& rounds) {
  const uint32_t worker = Worker::Current()->index();
  EndpointSlot slot = queue.TryAcquire(worker, rounds.request(), rounds.seen());
  if (slot.valid() || rounds.seen().size() == rounds.barred().size()) return slot;
  return queue.TryAcquire(worker, rounds.request(), rounds.barred());
}

}  // namespace

core::Task<Connected> ConnectUpstream(ConnectContext context, uint64_t seed) {
  Upstream& upstream = context.upstream;
  const ConnectPolicy& policy = upstream.policy();
  Rounds rounds(upstream, context.key, seed);
  Connected result;
  Duration pause{0};
  while (rounds.Next(result.queued, pause)) {
    if (pause > 0s && !co_await core::Sleep(pause)) co_return result;
    result.slot = TryAcquire(upstream.queue(), rounds);
    if (!result.slot.valid() && policy.queue_timeout > 0s) {
      const Instant begin = Worker::Current()->clock().Now();
      result.slot =
          co_await WaitForSlot(upstream.queue(), rounds.wait(), rounds.request(), rounds.barred());
      result.queued = result.queued.value_or(0s) + (Worker::Current()->clock().Now() - begin);
    }
    if (!result.slot.valid()) {
      const bool may_come = !upstream.queue().is_closed() && !IsDown(context);
      if (may_come && rounds.EndRound()) continue;
      result.queue_timeout = may_come;
      co_return result;
    }
    rounds.Tries(result.slot.endpoint());
    result.endpoint = EndpointRef(&result.slot.endpoint());
    if (result.attempts++ > 0) {
      core::Count(context.stats.of(Worker::Current()->index()).at("retries_total"));
    }
    const bool is_own = IsOwnListener(*result.endpoint);
    IoResult<int> fd = core::IoError(ELOOP);
    const bool measures = upstream.queue().measures_latency();
    const Instant begin = Worker::Current()->clock().Now();
    if (!is_own) fd = co_await ConnectEndpoint(*result.endpoint, context);
    if (measures) Measure(upstream, result.slot, fd, begin);
    CountAttempt(context, fd, begin);
    if (UpstreamHealth* const health = upstream.passive_health(); health != nullptr && !is_own) {
      TellHealth(*health, context, *result.endpoint, fd);
    }
    if (fd.ok()) {
      result.fd = *fd;
      result.error = 0;
      co_return result;
    }
    result.slot = EndpointSlot();
    result.error = fd.error() == kConnectedToItself ? ECONNREFUSED : fd.error();
    result.no_source = fd.error() == kOtherFamily && (result.no_source || result.attempts == 1);
    if (fd.error() == ECANCELED) co_return result;
    NoteFailure(result);
    LogFailure(context, *result.endpoint, fd.error());
    if (RanOut(fd.error())) co_return result;
    rounds.Failed(!is_own && !HadTaken(fd.error()) && fd.error() != kOtherFamily);
  }
  co_return result;
}

}  // namespace sluice::proxy
