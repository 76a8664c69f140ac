// SessionRecord: what there is to say about a session, for the access log.
//
//   RecordKind   when it is written                     what it has
//   kEnd         the session has ended                  all of it
//   kInterim     it lives on (access_log.interim)       what has happened so far, and no reason
//   kRejected    it never began (access_log.rejected)   who, where, and the rejection
//
// A duration that is none: it did not happen. Plain data; the names are not owned.
#ifndef SLUICE_PROXY_OBSERVE_ACCESS_LOG_SESSION_RECORD_H_
#define SLUICE_PROXY_OBSERVE_ACCESS_LOG_SESSION_RECORD_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "core/base/time.h"
#include "core/net/socket_api.h"
#include "proxy/observe/end_reason.h"
#include "proxy/observe/rejection.h"

namespace sluice::proxy {

enum class RecordKind : uint8_t { kEnd, kInterim, kRejected };
inline constexpr size_t kRecordKindCount = 3;

constexpr std::string_view Name(RecordKind kind) {
  constexpr std::string_view kNames[] = {"end", "interim", "rejected"};
  static_assert(sizeof(kNames) / sizeof(kNames[0]) == kRecordKindCount);
  return kNames[static_cast<size_t>(kind)];
}

// What a client's PROXY header has said. Bytes as they came; empty: nothing.
struct ProxyRecord {
  core::Address peer = {};    // whose header it was: the address of the connection
  core::Address source = {};  // empty, as is the next one: the header has no addresses
  core::Address destination = {};
  std::string_view alpn = {};
  std::string_view authority = {};
  std::string_view unique_id = {};
  std::string_view netns = {};
  std::string_view aws_vpce = {};
  std::optional<uint32_t> azure_link = {};
  std::string_view ssl_version = {};
  std::string_view ssl_common_name = {};
  std::string_view ssl_cipher = {};
  std::optional<uint32_t> ssl_verify = {};  // of the client's certificate; 0: it has been verified
};

// Calls `visit(key, bytes)` for each of its texts that there is, in the order of the formats.
template <typename Visit>
void ForEachText(const ProxyRecord& proxy, Visit visit) {
  const std::pair<std::string_view, std::string_view> texts[] = {
      {"proxy_alpn", proxy.alpn},
      {"proxy_authority", proxy.authority},
      {"proxy_unique_id", proxy.unique_id},
      {"proxy_netns", proxy.netns},
      {"proxy_aws_vpce", proxy.aws_vpce},
      {"proxy_ssl_version", proxy.ssl_version},
      {"proxy_ssl_cn", proxy.ssl_common_name},
      {"proxy_ssl_cipher", proxy.ssl_cipher},
  };
  for (const auto& [key, text] : texts) {
    if (!text.empty()) visit(key, text);
  }
}

// The same for its numbers.
template <typename Visit>
void ForEachNumber(const ProxyRecord& proxy, Visit visit) {
  if (proxy.azure_link) visit("proxy_azure_link", *proxy.azure_link);
  if (proxy.ssl_verify) visit("proxy_ssl_verify", *proxy.ssl_verify);
}

struct SessionRecord {
  RecordKind kind = RecordKind::kEnd;
  std::chrono::sys_time<std::chrono::microseconds> began_at = {};  // the time of day, UTC
  std::string_view listener = {};
  core::Address client = {};  // as its PROXY header says, where it has sent one
  std::string_view upstream = {};
  std::string_view endpoint = {};              // empty: none was reached
  uint32_t attempts = 0;                       // endpoints tried
  std::optional<core::Duration> queue = {};    // waited for an endpoint with a free slot
  std::optional<core::Duration> connect = {};  // until an endpoint was connected
  std::optional<core::Duration> first_byte = {};
  std::optional<core::Duration> total = {};
  uint64_t bytes_up = 0;  // accepted by the kernel, for the upstream
  uint64_t bytes_down = 0;
  EndReason reason = {};                   // of kEnd
  Rejection rejection = Rejection::kNone;  // of kRejected
  int error = 0;                           // errno of what broke, 0 = none
  core::PathQuality client_path = {};
  core::PathQuality upstream_path = {};
  // Of the bytes that were accepted, those that had not been acknowledged when a reset cut them.
  uint64_t undelivered_up = 0;
  uint64_t undelivered_down = 0;
  uint64_t id = 0;                    // by which the admin endpoint knows it; 0: it has none
  core::Address local = {};           // where the client has connected to
  core::Address upstream_local = {};  // our side of the upstream's connection; empty: there is none
  std::span<const std::string_view> failed = {};  // endpoints that were tried in vain, in order
  std::string_view route = {};  // the one it took, or "default"; empty: its listener has none
  std::string_view sni = {};    // the server that the client of TLS asked for
  std::string_view alpn = {};  // what it offered to speak, each with its length in a byte before it
  const ProxyRecord* proxy = nullptr;  // null: its client has sent no PROXY header
  std::string_view unique_id = {};     // that was made and sent on; empty: none
  std::string_view rule = {};          // of an access list: why it was rejected

  bool cut() const { return undelivered_up != 0 || undelivered_down != 0; }

  // The words of why and by whom; empty: it goes on.
  std::string_view reason_name() const {
    if (kind == RecordKind::kInterim) return {};
    return kind == RecordKind::kRejected ? Name(rejection) : Name(reason.cause);
  }
  std::string_view initiator_name() const {
    if (kind == RecordKind::kInterim) return {};
    return Name(kind == RecordKind::kRejected ? Initiator::kProxy : reason.initiator);
  }
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_ACCESS_LOG_SESSION_RECORD_H_
