#include "proxy/observe/access_log/record_json.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/text/json_escape.h"
#include "core/text/utf8.h"
#include "proxy/observe/access_log/cut_text.h"
#include "proxy/observe/access_log/record_text.h"
#include "proxy/observe/access_log/record_units.h"

namespace sluice::proxy {
namespace {

void AppendName(std::string_view key, std::string_view name, std::string& out) {
  out += key;
  out += '"';
  core::AppendJsonEscaped(name, out);
  out += '"';
}

// An empty name is null.
void AppendNameOrNull(std::string_view key, std::string_view name, std::string& out) {
  if (!name.empty()) return AppendName(key, name, out);
  out += key;
  out += "null";
}

// That of a UNIX socket has any bytes that a peer chooses.
void AppendAddress(std::string_view key, const core::Address& address, std::string& out) {
  const std::string whole = address.ToString();
  if (!address.is_unix()) return AppendName(key, whole, out);
  out += key;
  out += '"';
  CutText cut(kMostAddressText, out);
  for (std::string_view rest = whole; !rest.empty();) {
    const size_t length = std::max<size_t>(core::CharacterLength(rest), 1);
    core::AppendJsonEscaped(rest.substr(0, length), out);
    if (!cut.Fits()) break;
    rest.remove_prefix(length);
  }
  out += '"';
}

void AppendAddressOrNull(std::string_view key, const core::Address& address, std::string& out) {
  if (!address.is_empty()) return AppendAddress(key, address, out);
  out += key;
  out += "null";
}

void AppendDuration(std::string_view key, std::optional<core::Duration> duration,
                    std::string& out) {
  out += key;
  if (duration) {
    AppendMillis(*duration, out);
  } else {
    out += "null";
  }
}

// `side`: "client" or "upstream".
void AppendPath(const char* side, const core::PathQuality& path, std::string& out) {
  if (path.known) {
    absl::StrAppend(&out, ",\"", side, "_rtt_us\":", path.rtt_us, ",\"", side,
                    "_retransmits\":", path.retransmits);
  } else {
    absl::StrAppend(&out, ",\"", side, "_rtt_us\":null,\"", side, "_retransmits\":null");
  }
}

// What the upstream's log and the admin endpoint know of the same session.
void AppendMatch(const SessionRecord& record, std::string& out) {
  out += R"(,"id":)";
  out += record.id == 0 ? "null" : absl::StrCat(record.id);
  AppendAddressOrNull(R"(,"local":)", record.local, out);
  AppendAddressOrNull(R"(,"upstream_local":)", record.upstream_local, out);
  out += R"(,"failed":[)";
  for (size_t i = 0; i < record.failed.size(); ++i) {
    AppendName(i == 0 ? "" : ",", record.failed[i], out);
  }
  AppendName(R"(],"record":)", Name(record.kind), out);
}

void AppendKey(std::string_view key, std::string& out) {
  out += ",\"";
  out += key;
  out += "\":";
}

// Bytes of a peer's choice: those that are no visible ASCII are told as in the text's names.
void AppendProxy(const ProxyRecord& proxy, std::string& out) {
  AppendAddressOrNull(R"(,"peer":)", proxy.peer, out);
  AppendAddressOrNull(R"(,"proxy_source":)", proxy.source, out);
  AppendAddressOrNull(R"(,"proxy_destination":)", proxy.destination, out);
  ForEachName(proxy, [&out](std::string_view key, std::string_view name) {
    AppendKey(key, out);
    AppendName("", name, out);
  });
  ForEachNumber(proxy, [&out](std::string_view key, uint32_t number) {
    AppendKey(key, out);
    absl::StrAppend(&out, number);
  });
}

}  // namespace

void AppendJson(const SessionRecord& record, std::string& out) {
  out += R"({"time":")";
  AppendTime(record.began_at, out);
  AppendName(R"(","listener":)", record.listener, out);
  AppendAddress(R"(,"client":)", record.client, out);
  AppendName(R"(,"upstream":)", record.upstream, out);
  AppendNameOrNull(R"(,"endpoint":)", record.endpoint, out);
  absl::StrAppend(&out, R"(,"attempts":)", record.attempts);
  AppendDuration(R"(,"queue_ms":)", record.queue, out);
  AppendDuration(R"(,"connect_ms":)", record.connect, out);
  AppendDuration(R"(,"first_byte_ms":)", record.first_byte, out);
  AppendDuration(R"(,"total_ms":)", record.total, out);
  absl::StrAppend(&out, R"(,"bytes_up":)", record.bytes_up, R"(,"bytes_down":)", record.bytes_down);
  AppendNameOrNull(R"(,"reason":)", record.reason_name(), out);
  AppendNameOrNull(R"(,"by":)", record.initiator_name(), out);
  if (record.error != 0) {
    const char* name = strerrorname_np(record.error);
    AppendName(R"(,"error":)", name != nullptr ? name : absl::StrCat(record.error), out);
  }
  AppendPath("client", record.client_path, out);
  AppendPath("upstream", record.upstream_path, out);
  if (record.cut()) {
    absl::StrAppend(&out, R"(,"undelivered_up":)", record.undelivered_up, R"(,"undelivered_down":)",
                    record.undelivered_down);
  }
  AppendMatch(record, out);
  if (!record.route.empty()) {
    AppendName(R"(,"route":)", record.route, out);
    AppendNameOrNull(R"(,"sni":)", record.sni, out);
    AppendNameOrNull(R"(,"alpn":)", ProtocolNames(record.alpn), out);
  }
  if (record.proxy != nullptr) AppendProxy(*record.proxy, out);
  if (!record.unique_id.empty()) AppendName(R"(,"unique_id":)", record.unique_id, out);
  if (!record.rule.empty()) AppendName(R"(,"rule":)", record.rule, out);
  out += '}';
}

}  // namespace sluice::proxy
