#include "proxy/connector.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/container/inlined_vector.h"
#include "core/io.h"
#include "core/sleep.h"
#include "core/worker.h"
#include "proxy/jitter.h"

namespace sluice::proxy {
namespace {

using core::IoResult;
using core::Nanos;
using core::Worker;

core::Task<IoResult<void>> ConnectSocket(int fd, const core::Address& address) {
  co_return co_await core::Connect(fd, address);
}

IoResult<void> Prepare(core::Reactor& reactor, int fd, const core::Address& address,
                       const ConnectPolicy& policy) {
  if (!address.is_tcp()) return {};
  reactor.PrepareStream(fd);
  if (policy.socket) {
    IoResult<void> configured = reactor.Configure(fd, *policy.socket);
    if (!configured.ok()) return configured;
  }
  if (policy.source) return reactor.BindSource(fd, *policy.source);
  return {};
}

[[gnu::noinline]] core::Task<IoResult<int>> ConnectEndpoint(const core::Address& address,
                                                            const ConnectPolicy& policy,
                                                            Nanos timeout) {
  core::Reactor& reactor = Worker::Current()->reactor();
  IoResult<int> fd = reactor.OpenSocket(address.family());
  if (!fd.ok()) co_return fd;
  IoResult<void> connected = Prepare(reactor, *fd, address, policy);
  if (connected.ok()) connected = co_await core::WithTimeout(timeout, ConnectSocket(*fd, address));
  if (connected.ok()) co_return *fd;
  // The endpoint may have taken it meanwhile: what comes to nothing must not look like a clean end.
  Worker::Current()->reactor().SetResetOnClose(*fd);
  Worker::Current()->reactor().Close(*fd);
  co_return core::IoError(connected.error());
}

core::Task<IoResult<EndpointSlot>> WaitForRoom(EndpointLimits& limits, uint32_t first,
                                               std::span<const uint32_t> tried) {
  EndpointSlot slot = co_await limits.WaitForRoom(first, tried);
  if (!slot.valid()) co_return core::IoError(ECANCELED);
  co_return std::move(slot);
}

// Not inlined, like ConnectEndpoint: a frame that connects does not hold what only queueing needs.
[[gnu::noinline]] core::Task<IoResult<EndpointSlot>> Queue(EndpointLimits& limits, Nanos timeout,
                                                           uint32_t first,
                                                           std::span<const uint32_t> tried) {
  co_return co_await core::WithTimeout(timeout, WaitForRoom(limits, first, tried));
}

// True: the fault is this process's, not the endpoint's.
bool RanOut(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

// The first retry is at once; 2nd: about `backoff`, 3rd: twice that ...
Nanos PauseBefore(int retry, Nanos backoff, uint64_t seed) {
  constexpr int kMaxDoublings = 10;
  if (retry < 2 || backoff == 0) return 0;
  const Nanos pause = backoff << std::min(retry - 2, kMaxDoublings);
  return pause / 2 + Jitter(pause, seed);
}

void LogFailure(const SessionContext& context, const Endpoint& endpoint, int error) {
  uint64_t suppressed = 0;
  if (!context.cluster->failure_throttle().Pass(Worker::Current()->now(), suppressed)) return;
  context.logger->Log(
      core::LogLevel::kWarn,
      "upstream %s: cannot connect to %s: %s (%d more failures since the last line)",
      context.cluster->name(), endpoint.name, strerrordesc_np(error), suppressed);
}

}  // namespace

core::Task<Connected> ConnectUpstream(const SessionContext& context, uint64_t seed) {
  Cluster& cluster = *context.cluster;
  const ConnectPolicy& policy = cluster.policy();
  const size_t attempts = std::min<size_t>(policy.attempts, cluster.endpoints().size());
  const auto first = static_cast<uint32_t>(cluster.balancer().Pick());
  absl::InlinedVector<uint32_t, 4> tried;
  Connected result;
  while (tried.size() < attempts) {
    const Nanos pause = PauseBefore(result.attempts, policy.backoff, seed);
    if (pause > 0 && !co_await core::Sleep(pause)) co_return result;
    result.slot = cluster.limits().TryAcquire(first, tried);
    if (!result.slot.valid()) {
      result.queue_timeout = true;
      if (policy.queue_timeout == 0) co_return result;
      const Nanos begin = Worker::Current()->clock().Now();
      IoResult<EndpointSlot> slot =
          co_await Queue(cluster.limits(), policy.queue_timeout, first, tried);
      result.queued = std::max<Nanos>(0, result.queued) + Worker::Current()->clock().Now() - begin;
      if (!slot.ok()) co_return result;
      result.queue_timeout = false;
      result.slot = std::move(*slot);
    }
    tried.push_back(result.slot.endpoint());
    result.endpoint = &cluster.endpoints()[tried.back()];
    ++result.attempts;
    IoResult<int> fd =
        co_await ConnectEndpoint(result.endpoint->address, policy, context.timeouts.connect);
    if (fd.ok()) {
      result.fd = *fd;
      result.error = 0;
      co_return result;
    }
    result.slot = EndpointSlot();
    result.error = fd.error();
    if (fd.error() == ECANCELED) co_return result;
    LogFailure(context, *result.endpoint, fd.error());
    if (RanOut(fd.error())) co_return result;
    if (tried.size() < attempts) {
      core::Count(context.stats->of(Worker::Current()->index()).connect_retries);
    }
  }
  co_return result;
}

}  // namespace sluice::proxy
