#include "proxy/session/timeline.h"

#include <chrono>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "core/sched/worker.h"
#include "proxy/observe/access_log/record_text.h"
#include "proxy/session/identify.h"

namespace sluice::proxy {
namespace {

using core::CurrentReactor;

// `identity`: of a session with a header.
ProxyRecord ProxyRecordOf(const ClientIdentity& identity) {
  const ProxyTlvs& tlvs = identity.header.tlvs;
  ProxyRecord record{.peer = identity.peer,
                     .source = identity.header.source,
                     .destination = identity.header.destination,
                     .alpn = tlvs.alpn,
                     .authority = tlvs.authority,
                     .unique_id = tlvs.unique_id,
                     .netns = tlvs.netns,
                     .aws_vpce = tlvs.aws_vpce,
                     .azure_link = tlvs.azure_link};
  if (tlvs.ssl) {
    record.ssl_version = tlvs.ssl->version;
    record.ssl_common_name = tlvs.ssl->common_name;
    record.ssl_cipher = tlvs.ssl->cipher;
    if (tlvs.ssl->has_certificate) record.ssl_verify = tlvs.ssl->verify;
  }
  return record;
}

}  // namespace

std::unique_ptr<Timeline> Timeline::IfAsked(const SessionContext& context, int client) {
  if (context.access_log == nullptr && !context.logger->enabled(core::LogLevel::kDebug) &&
      !context.upstream->queue().measures_latency()) {
    return nullptr;
  }
  return std::make_unique<Timeline>(CurrentReactor().PeerAddress(client));
}

SessionSockets SessionSockets::Of(core::SocketApi& sockets, int client, int upstream) {
  SessionSockets known;
  if (client >= 0) {
    known.client_path = sockets.GetPathQuality(client);
    known.local = sockets.LocalAddress(client);
  }
  if (upstream >= 0) {
    known.upstream_path = sockets.GetPathQuality(upstream);
    known.upstream_local = sockets.LocalAddress(upstream);
  }
  return known;
}

void Timeline::NoteIdentity(const ClientIdentity* identity) {
  if (identity->has_header) identity_ = identity;
}

const core::Address& Timeline::client() const {
  return identity_ != nullptr && identity_->has_address() ? identity_->header.source : peer_;
}

void Timeline::NoteConnect(Connected& connected) {
  endpoint_ = connected.endpoint;
  failed_ = std::move(connected.failed);
  attempts_ = connected.attempts;
  queued_ = connected.queued;
}

void Timeline::NoteRoute(std::string_view route, const ClientHello* hello) {
  told().route = route;
  if (hello != nullptr && hello->state() == ClientHello::State::kComplete) {
    told().sni = hello->sni();
    told().alpn = hello->alpn();
  }
}

// Where the upstream speaks first, since it is connected.
void Timeline::NoteAnswer(core::Instant now) {
  const core::OptionalInstant requested_at = Read(first_request_at_);
  const core::OptionalInstant asked_at = requested_at ? requested_at : Read(connected_at_);
  if (asked_at) queue_->Measured(*measured_, now - *asked_at, now);
}

void Timeline::Report(const SessionContext& context, const SessionOutcome& outcome) const {
  const bool is_rejected = RejectionOf(outcome) != Rejection::kNone;
  if (context.access_log != nullptr && (!is_rejected || context.records_rejected)) {
    WriteRecord(is_rejected ? RecordKind::kRejected : RecordKind::kEnd, context, outcome,
                sockets_ == nullptr ? SessionSockets() : *sockets_);
  }
  if (context.logger->enabled(core::LogLevel::kDebug)) WriteDebugLine(context, outcome);
}

Rejection Timeline::RejectionOf(const SessionOutcome& outcome) {
  if (outcome.reason.cause == EndCause::kSource) return Rejection::kSource;
  return outcome.reason.cause == EndCause::kAccess ? Rejection::kAccess : Rejection::kNone;
}

void Timeline::WriteDebugLine(const SessionContext& context, const SessionOutcome& outcome) const {
  context.logger->Log(
      core::LogLevel::kDebug,
      "session end listener=%s client=%s endpoint=%s reason=%s by=%s up=%d down=%d attempts=%d "
      "ms=%d%s%s",
      context.listener, EscapedName(client().ToString()),
      endpoint_ ? EscapedName((*endpoint_).name()) : "-", Name(outcome.reason.cause),
      Name(outcome.reason.initiator), outcome.bytes_up, outcome.bytes_down, attempts_,
      outcome.total / 1ms,
      outcome.error == 0 ? "" : absl::StrCat(" error=", strerrorname_np(outcome.error)),
      undelivered_up_ == 0 && undelivered_down_ == 0
          ? ""
          : absl::StrCat(" undelivered_up=", undelivered_up_,
                         " undelivered_down=", undelivered_down_));
}

void Timeline::WriteRecord(RecordKind kind, const SessionContext& context,
                           const SessionOutcome& outcome, const SessionSockets& sockets) const {
  using std::chrono::microseconds;
  absl::InlinedVector<std::string_view, 4> failed;
  if (failed_ != nullptr) {
    for (const EndpointRef& each : *failed_) failed.push_back((*each).name());
  }
  const auto since_start = [&outcome](core::OptionalInstant at) {
    return at ? std::optional(*at - outcome.started_at) : std::nullopt;
  };
  static const Told kNothing;
  const Told& told = told_ == nullptr ? kNothing : *told_;
  std::optional<ProxyRecord> proxy;
  if (identity_ != nullptr) proxy = ProxyRecordOf(*identity_);
  const auto now = std::chrono::floor<microseconds>(std::chrono::system_clock::now());
  context.access_log->Write(
      {.kind = kind,
       .began_at = now - std::chrono::floor<microseconds>(outcome.total),
       .listener = context.listener,
       .client = client(),
       .upstream = context.upstream->name(),
       .endpoint = endpoint_ ? std::string_view((*endpoint_).name()) : std::string_view(),
       .attempts = static_cast<uint32_t>(attempts_),
       .queue = queued_,
       .connect = since_start(Read(connected_at_)),
       .first_byte = since_start(Read(first_byte_at_)),
       .total = outcome.total,
       .bytes_up = outcome.bytes_up,
       .bytes_down = outcome.bytes_down,
       .reason = outcome.reason,
       .rejection = RejectionOf(outcome),
       .error = outcome.error,
       .client_path = sockets.client_path,
       .upstream_path = sockets.upstream_path,
       .undelivered_up = kind == RecordKind::kEnd ? undelivered_up_ : 0,
       .undelivered_down = kind == RecordKind::kEnd ? undelivered_down_ : 0,
       .id = outcome.id,
       .local = sockets.local,
       .upstream_local = sockets.upstream_local,
       .failed = failed,
       .route = told.route,
       .sni = told.sni,
       .alpn = told.alpn,
       .proxy = proxy ? &*proxy : nullptr,
       .unique_id = told.unique_id,
       .rule = told.rule});
}

}  // namespace sluice::proxy
