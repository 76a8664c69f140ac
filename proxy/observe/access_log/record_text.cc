#include "proxy/observe/access_log/record_text.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "proxy/observe/access_log/cut_text.h"
#include "proxy/observe/access_log/record_units.h"

namespace sluice::proxy {
namespace {

void AppendHex(char c, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  out += "\\x";
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

void AppendByte(char c, std::string& out) {
  const auto byte = static_cast<unsigned char>(c);
  if (c == '\\') {
    out += "\\\\";
  } else if (byte > ' ' && byte < 0x7f) {
    out += c;
  } else {
    AppendHex(c, out);
  }
}

void AppendName(std::string_view name, std::string& out) {
  if (name.empty()) out += '-';
  for (const char c : name) AppendByte(c, out);
}

void AppendAddress(const core::Address& address, std::string& out) {
  const std::string text = address.ToString();
  if (address.is_ip()) {
    out += text;
  } else {
    out += CutName(text, kMostAddressText);
  }
}

void AppendDuration(std::optional<core::Duration> duration, char after, std::string& out) {
  if (duration) {
    AppendMillis(*duration, out);
  } else {
    out += '-';
  }
  out += after;
}

void AppendPaths(const SessionRecord& record, uint32_t core::PathQuality::* figure,
                 std::string& out) {
  const auto append = [&](char before, const core::PathQuality& path) {
    out += before;
    if (path.known) {
      absl::StrAppend(&out, path.*figure);
    } else {
      out += '-';
    }
  };
  append(' ', record.client_path);
  append('/', record.upstream_path);
}

void AppendAddress(std::string_view key, const core::Address& address, std::string& out) {
  out += key;
  if (address.is_empty()) {
    out += '-';
  } else {
    AppendAddress(address, out);
  }
}

// What the upstream's log and the admin endpoint know of the same session.
void AppendMatch(const SessionRecord& record, std::string& out) {
  out += " id=";
  AppendName(record.id == 0 ? std::string() : absl::StrCat(record.id), out);
  AppendAddress(" local=", record.local, out);
  AppendAddress(" upstream_local=", record.upstream_local, out);
  out += " failed=";
  if (record.failed.empty()) out += '-';
  for (size_t i = 0; i < record.failed.size(); ++i) {
    if (i > 0) out += ',';
    AppendName(record.failed[i], out);
  }
  out += " record=";
  out += Name(record.kind);
  if (record.route.empty()) return;
  out += " route=";
  AppendName(record.route, out);
  out += " sni=";
  AppendName(record.sni, out);
  out += " alpn=";
  const std::string alpn = ProtocolNames(record.alpn);
  out += alpn.empty() ? "-" : alpn;
}

void AppendKey(std::string_view key, std::string& out) {
  out += ' ';
  out += key;
  out += '=';
}

void AppendProxy(const ProxyRecord& proxy, std::string& out) {
  AppendAddress(" peer=", proxy.peer, out);
  AppendAddress(" proxy_source=", proxy.source, out);
  AppendAddress(" proxy_destination=", proxy.destination, out);
  ForEachName(proxy, [&out](std::string_view key, std::string_view name) {
    AppendKey(key, out);
    out += name;
  });
  ForEachNumber(proxy, [&out](std::string_view key, uint32_t number) {
    AppendKey(key, out);
    absl::StrAppend(&out, number);
  });
}

}  // namespace

std::string EscapedName(std::string_view name) {
  std::string out;
  AppendName(name, out);
  return out;
}

std::string CutName(std::string_view name, size_t most) {
  if (name.empty()) return "-";
  std::string out;
  CutText cut(most, out);
  for (const char c : name) {
    AppendByte(c, out);
    if (!cut.Fits()) break;
  }
  return out;
}

std::string ProtocolNames(std::string_view list) {
  std::string out;
  CutText cut(kMostAlpnText, out);
  while (!list.empty()) {
    const size_t size = static_cast<unsigned char>(list[0]);
    if (!out.empty()) out += ',';
    for (const char c : list.substr(1, size)) {
      if (c == ',') {
        AppendHex(c, out);
      } else {
        AppendByte(c, out);
      }
      if (!cut.Fits()) return out;
    }
    list.remove_prefix(std::min(1 + size, list.size()));
  }
  return out;
}

void AppendText(const SessionRecord& record, std::string& out) {
  AppendAddress(record.client, out);
  out += " [";
  AppendTime(record.began_at, out);
  out += "] ";
  AppendName(record.listener, out);
  out += ' ';
  AppendName(record.upstream, out);
  out += '/';
  AppendName(record.endpoint, out);
  absl::StrAppend(&out, " ", record.attempts, " ");
  AppendDuration(record.queue, '/', out);
  AppendDuration(record.connect, '/', out);
  AppendDuration(record.first_byte, '/', out);
  AppendDuration(record.total, ' ', out);
  absl::StrAppend(&out, record.bytes_up, "/", record.bytes_down, " ");
  AppendName(record.initiator_name(), out);
  out += '/';
  AppendName(record.reason_name(), out);
  AppendPaths(record, &core::PathQuality::rtt_us, out);
  AppendPaths(record, &core::PathQuality::retransmits, out);
  if (record.cut()) {
    absl::StrAppend(&out, " ", record.undelivered_up, "/", record.undelivered_down);
  }
  AppendMatch(record, out);
  if (record.proxy != nullptr) AppendProxy(*record.proxy, out);
  if (!record.unique_id.empty()) {
    AppendKey("unique_id", out);
    AppendName(record.unique_id, out);
  }
  if (!record.rule.empty()) {
    AppendKey("rule", out);
    AppendName(record.rule, out);
  }
}

}  // namespace sluice::proxy
