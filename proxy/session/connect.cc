// The stage that connects to the upstream while it watches the client.

#include <memory>
#include <utility>

#include "core/task/select.h"
#include "proxy/session/peer_watch.h"
#include "proxy/session/session_state.h"

namespace sluice::proxy {

// A client that resets its connection meanwhile ends the attempt; one that has done so before it
// was accepted, or while it waited to be admitted, causes none.
core::Task<void> Session::Connect() {
  using Kind = EndEvent::Kind;
  if (CurrentReactor().GetPeerState(client_) == core::PeerState::kReset) {
    Tell({.kind = Kind::kClientReset, .error = ErrorOfReset(client_)});
    co_return;
  }
  Upstream& upstream = *context().upstream;
  const uint64_t key = upstream.uses_key() ? KeyOfClient() : 0;
  const core::Address* const source = upstream.policy().source_is_client ? &KeepSource() : nullptr;
  auto outcome =
      co_await core::Select(core::Named<"connect">(ConnectUpstream({.upstream = upstream,
                                                                    .timeout = limits().connect,
                                                                    .key = key,
                                                                    .stats = *context().stats,
                                                                    .events = *context().events,
                                                                    .source = source},
                                                                   Seed())),
                            core::Named<"client_gone">(PeerReset(client_, WhenBroken::kWaitOn)));
  Connected& connected = outcome.Get<"connect">();
  Change([&] {
    upstream_ = connected.fd;
    slot_ = std::move(connected.slot);
    if (timeline_ != nullptr) timeline_->NoteConnect(connected);
  });
  if (connected.queued) {
    WorkerStats& stats = context().stats->of(core::Worker::Current()->index());
    stats.Observe("queue_duration_seconds", *connected.queued);
  }
  if (timeline_ != nullptr && slot_.valid() && upstream.queue().measures_latency()) {
    timeline_->MeasureAnswer(upstream.queue(), slot_.endpoint());
  }
  if (upstream_ >= 0) FollowEndpoint((co_await core::CurrentContext()).task);
  if (upstream_ >= 0 || end_.ended()) co_return;
  if (outcome.Won<"client_gone">()) {
    Tell({.kind = Kind::kClientReset, .error = ErrorOfReset(client_)});
  } else if (connected.no_source) {
    Tell({.kind = Kind::kDeadline, .cause = EndCause::kNoSource});
  } else {
    Tell({.kind = connected.queue_timeout ? Kind::kQueueTimeout : Kind::kNoUpstream,
          .error = connected.error});
  }
}

// Its port is the kernel's choice. What is no IP address has no port, and is of another family than
// every endpoint to which a source matters.
const core::Address& Session::KeepSource() {
  const core::Address client = ClientAddress().Unmapped();
  auto source = std::make_unique<const core::Address>(client.is_ip() ? client.WithPort(0) : client);
  return *(extras().source = std::move(source));
}

// Who asks for no server is told apart by the address.
uint64_t Session::KeyOfClient() const {
  const Upstream& upstream = *context().upstream;
  if (upstream.hashes_server() && routed() != nullptr && !routed()->server.empty()) {
    return upstream.KeyOf(routed()->server);
  }
  const bool takes_peer = upstream.hashes_connection();
  return upstream.KeyOf(takes_peer ? CurrentReactor().PeerAddress(client_) : ClientAddress());
}

// From now on the notice is the endpoint's, which tells of the shutdown, too: one that is told
// between the two is told again there.
void Session::FollowEndpoint(core::Runnable* task) {
  core::CancellationSource* const end_of_sessions = slot_.endpoint().end_of_sessions();
  if (end_of_sessions != nullptr && Unregister()) Register(end_of_sessions->token(), *task);
}

}  // namespace sluice::proxy
