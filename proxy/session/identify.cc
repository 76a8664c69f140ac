// The stage that learns from a PROXY header who the client is, and decides whether it may go on.
//
//   accept ──► header, or none ──► access list, per_source ──► route ──► connect ──► relay
//     late: connect ──► relay: the first bytes of the client ──► header, or none

#include "proxy/session/identify.h"

#include <poll.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/counter.h"
#include "core/io/poll.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "proxy/observe/access_log/record_text.h"
#include "proxy/session/header_search.h"
#include "proxy/session/peer_watch.h"
#include "proxy/session/session_state.h"

namespace sluice::proxy {

using Found = HeaderSearch::Found;
using core::Worker;

core::Address Session::ClientAddress() const {
  const ClientIdentity* const known = identity();
  if (known != nullptr && known->has_address()) return known->header.source;
  return CurrentReactor().PeerAddress(client_);
}

// An address of a balancer that is not known is that of the socket.
ProxiedConnection Session::AddressesToSend() const {
  const ClientIdentity* const known = identity();
  if (known != nullptr && known->has_address()) {
    return {.client = known->header.source, .proxy = known->header.destination};
  }
  core::SocketApi& sockets = CurrentReactor();
  return {.client = sockets.PeerAddress(client_), .proxy = sockets.LocalAddress(client_)};
}

// What TLVs say is passed on, else it is what has been read here, or made: an id that stands in the
// access log, too, and in which the number is that of the session.
std::string Session::HeaderToSend() {
  const conf::SendProxy& how = context().upstream->policy().send_proxy;
  ProxiedConnection connection = AddressesToSend();
  if (how.tlvs.empty()) return MakeProxyHeader(how, connection);
  if (const ClientIdentity* const known = identity(); known != nullptr) {
    const ProxyTlvs& tlvs = known->header.tlvs;
    connection.alpn = tlvs.alpn;
    connection.authority = tlvs.authority;
    connection.unique_id = tlvs.unique_id;
  }
  if (routed() != nullptr) {
    if (connection.authority.empty()) connection.authority = routed()->server;
    if (connection.alpn.empty()) connection.alpn = routed()->alpn;
  }
  std::string made;
  if (how.has(conf::ProxyTlv::kUniqueId) && connection.unique_id.empty()) {
    made = absl::StrCat(context().events->run(), "-", id());
    connection.unique_id = made;
    if (timeline_ != nullptr) Change([&] { timeline_->NoteUniqueId(made); });
  }
  return MakeProxyHeader(how, connection);
}

core::Task<void> Session::Identify(Ticket& ticket, core::Runnable& task) {
  const IdentifySettings& settings = *context().identify;
  const core::Address peer = CurrentReactor().PeerAddress(client_);
  const bool is_trusted = settings.trusted.Trust(peer);
  if (settings.is_required && !is_trusted) {
    RejectHeader("the client is not among proxy_protocol.trusted, and may not connect here");
    co_return;
  }
  if (settings.is_late) co_return;
  WaitIn(SessionStage::kIdentify, task);
  HeaderSearch search(client_, is_trusted);
  const core::Duration left = started_at_ + settings.timeout - Worker::Current()->Now();
  auto outcome = co_await core::Select(core::Named<"found">(search.Run()),
                                       core::Named<"timeout">(core::Sleep(left)));
  if (end_.ended()) co_return;
  const int error = Conclude(search, outcome.Get<"found">(), peer);
  if (error != 0) Tell({.kind = EndEvent::Kind::kClientReset, .error = error});
  if (!end_.ended() && is_trusted) Decide(peer, ticket);
}

// Draws the conclusion from what was found. Returns an error of the client's connection, or 0.
int Session::Conclude(HeaderSearch& search, Found found, const core::Address& peer) {
  const bool is_required = context().identify->is_required;
  switch (found) {
    case Found::kHeader:
      KeepIdentity(
          {.header = std::move(search.header()), .has_header = true, .peer = peer, .held = {}});
      return 0;
    case Found::kNoHeader:
      if (is_required) break;
      KeepHeld(search);
      return 0;
    case Found::kMalformed:
      RejectHeader(search.why());
      return 0;
    case Found::kUntrusted:
      RejectHeader("the client is not among proxy_protocol.trusted, and may not send one");
      return 0;
    case Found::kEnd:
      if (search.has_begun()) {
        RejectHeader("the stream ends within it");
        return 0;
      }
      if (is_required) break;
      KeepHeld(search);  // the end of the stream is found again
      return 0;
    case Found::kNothingYet:  // in time
      if (is_required || search.has_begun()) {
        Tell({.kind = EndEvent::Kind::kDeadline, .cause = EndCause::kProxyProtocolTimeout});
      } else {
        KeepHeld(search);
      }
      return 0;
    case Found::kError:
      return search.error();
  }
  RejectHeader("there is none");
  return 0;
}

void Session::KeepIdentity(ClientIdentity identity) {
  auto kept = std::make_unique<ClientIdentity>(std::move(identity));
  Extras& extras = this->extras();
  Change([&] {
    extras.identity = std::move(kept);
    if (timeline_ != nullptr) timeline_->NoteIdentity(extras.identity.get());
  });
}

void Session::KeepHeld(HeaderSearch& search) {
  if (search.held() == 0) return;
  KeepIdentity({.header = {}, .has_header = false, .peer = {}, .held = search.TakeHeld()});
}

// Nothing of it has reached the upstream.
void Session::RejectHeader(const char* why) {
  uint64_t suppressed = 0;
  if (context().identify->throttles->headers.Pass(Worker::Current()->Now(), suppressed)) {
    context().logger->Log(
        core::LogLevel::kWarn, "listener %s: PROXY header of %s: %s (%d more since the last line)",
        context().listener, EscapedName(CurrentReactor().PeerAddress(client_).ToString()), why,
        suppressed);
  }
  Tell({.kind = EndEvent::Kind::kHeader});
}

// Who is behind a balancer that is trusted may be one that may not connect.
void Session::Decide(const core::Address& peer, Ticket& ticket) {
  const IdentifySettings& settings = *context().identify;
  const bool is_known = identity() != nullptr && identity()->has_address();
  const core::Address& client = is_known ? identity()->header.source : peer;
  Rejection rejection = Rejection::kNone;
  if (!settings.access.Allow(client)) {
    rejection = Rejection::kAccess;
  } else if (is_known && !settings.admission->TakeSource(client, ticket)) {
    rejection = Rejection::kSource;
  }
  if (rejection == Rejection::kNone) return;
  core::Count(context().stats->of(Worker::Current()->index()).at("rejections_total", rejection));
  TellRejected(*context().events, context().listener, rejection,
               settings.throttles->of[static_cast<size_t>(rejection)], client);
  if (rejection == Rejection::kAccess && timeline_ != nullptr) {
    Change([&] { timeline_->NoteRule(settings.access.RejectingRule(client)); });
  }
  Tell({.kind = EndEvent::Kind::kDeadline,
        .cause = rejection == Rejection::kAccess ? EndCause::kAccess : EndCause::kSource});
}

// A late header: within the relay, before anything of the client goes to the upstream. However long
// the client says nothing, the timeouts of the relay hold alone.
core::Task<int> Session::AwaitHead(Flow& flow) {
  const IdentifySettings& settings = *context().identify;
  core::IoResult<uint32_t> ready = co_await core::Poll(flow.from, POLLIN);
  if (!ready.ok()) co_return ready.error();
  const core::Address peer = CurrentReactor().PeerAddress(flow.from);
  HeaderSearch search(flow.from, settings.trusted.Trust(peer));
  auto outcome = co_await core::Select(core::Named<"found">(search.Run()),
                                       core::Named<"timeout">(core::Sleep(settings.timeout)));
  if (end_.ended()) co_return ECANCELED;
  const Found found = outcome.Get<"found">();
  if (found == Found::kEnd && LooksReset(flow)) co_return ErrorOfReset(flow.from);
  if (const int error = Conclude(search, found, peer); error != 0) co_return error;
  co_return end_.ended() ? ECANCELED : 0;
}

}  // namespace sluice::proxy
