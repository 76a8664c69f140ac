#include "proxy/app/http_request.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace sluice::proxy {
namespace {

// Longer than any method that there is.
constexpr size_t kMostMethod = 24;

// What the fields say, before it is known whether the request is well-formed as a whole.
struct Fields {
  int hosts = 0;
  bool close = false;
  bool keep_alive = false;
  bool has_length = false;
  std::string_view length;
  bool is_encoded = false;
};

bool IsTokenCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, IsTokenCharacter);
}

bool EqualsIgnoringCase(std::string_view one, std::string_view other) {
  return absl::EqualsIgnoreCase(absl::string_view(one.data(), one.size()),
                                absl::string_view(other.data(), other.size()));
}

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

// The line at `at`, without its end; moves `at` behind it. False: its end is not there yet.
bool TakeLine(std::string_view bytes, size_t& at, std::string_view& line) {
  const size_t end = bytes.find('\n', at);
  if (end == std::string_view::npos) return false;
  line = bytes.substr(at, end - at);
  if (line.ends_with('\r')) line.remove_suffix(1);
  at = end + 1;
  return true;
}

// Whether a request can begin like this: a part of a method, or a method and a space.
bool MayBeginRequest(std::string_view bytes) {
  const size_t space = std::min(bytes.find(' '), bytes.size());
  const std::string_view method = bytes.substr(0, space);
  return method.size() <= kMostMethod && std::ranges::all_of(method, IsTokenCharacter) &&
         (space != 0 || bytes.empty());
}

bool IsTarget(std::string_view text) {
  const bool is_visible =
      std::ranges::all_of(text, [](char c) { return c > ' ' && c != '\x7f' && (c & 0x80) == 0; });
  return is_visible && (text.starts_with('/') || text.find("://") != std::string_view::npos);
}

HttpStatus CheckVersion(std::string_view version) {
  const auto is_digit = [](char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); };
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) ||
      version[6] != '.' || !is_digit(version[7])) {
    return HttpStatus::kBadRequest;
  }
  return version[5] == '1' ? HttpStatus::kOk : HttpStatus::kVersionNotSupported;
}

HttpStatus ParseRequestLine(std::string_view line, HttpRequest& request, bool& is_http_1_0) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return HttpStatus::kBadRequest;
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!IsToken(method)) return HttpStatus::kBadRequest;
  if (const HttpStatus status = CheckVersion(version); status != HttpStatus::kOk) return status;
  if (method != "GET" && method != "HEAD") return HttpStatus::kMethodNotAllowed;
  if (!IsTarget(target)) return HttpStatus::kBadRequest;
  request.target = target;
  request.head = method == "HEAD";
  is_http_1_0 = version == "HTTP/1.0";
  return HttpStatus::kOk;
}

void ParseConnection(std::string_view value, Fields& fields) {
  while (!value.empty()) {
    const size_t comma = std::min(value.find(','), value.size());
    const std::string_view option = Trim(value.substr(0, comma));
    fields.close |= EqualsIgnoringCase(option, "close");
    fields.keep_alive |= EqualsIgnoringCase(option, "keep-alive");
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
}

bool ParseField(std::string_view line, Fields& fields) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) return false;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = Trim(line.substr(colon + 1));
  const auto is_control = [](char c) {
    return c != '\t' && absl::ascii_iscntrl(static_cast<unsigned char>(c));
  };
  if (std::ranges::any_of(value, is_control)) return false;
  if (EqualsIgnoringCase(name, "host")) ++fields.hosts;
  if (EqualsIgnoringCase(name, "connection")) ParseConnection(value, fields);
  if (EqualsIgnoringCase(name, "transfer-encoding")) fields.is_encoded = true;
  if (EqualsIgnoringCase(name, "content-length")) {
    const bool is_number = !value.empty() && std::ranges::all_of(value, [](char c) {
      return absl::ascii_isdigit(static_cast<unsigned char>(c));
    });
    if (!is_number || (fields.has_length && fields.length != value)) return false;
    fields.has_length = true;
    fields.length = value;
  }
  return true;
}

// The end of the head is not there, or it is too far away.
HttpStatus Unfinished(std::string_view bytes, bool has_request_line) {
  if (bytes.size() < kMostHttpHead) return HttpStatus::kIncomplete;
  return has_request_line ? HttpStatus::kFieldsTooLarge : HttpStatus::kUriTooLong;
}

}  // namespace

HttpStatus ParseHttpRequest(std::string_view bytes, HttpRequest& request, size_t& used) {
  const std::string_view head = bytes.substr(0, kMostHttpHead);
  size_t at = 0;
  std::string_view line;
  // Empty lines before a request come from clients that end a body with one (RFC 9112, 2.2).
  while (head.substr(at).starts_with("\r\n") || head.substr(at).starts_with('\n')) {
    TakeLine(head, at, line);
  }
  if (head.substr(at) == "\r") return HttpStatus::kIncomplete;
  if (!MayBeginRequest(head.substr(at))) return HttpStatus::kBadRequest;
  if (!TakeLine(head, at, line)) return Unfinished(head, /*has_request_line=*/false);
  request = HttpRequest();
  bool is_http_1_0 = false;
  const HttpStatus status = ParseRequestLine(line, request, is_http_1_0);
  if (status != HttpStatus::kOk) return status;
  Fields fields;
  for (;;) {
    if (!TakeLine(head, at, line)) return Unfinished(head, /*has_request_line=*/true);
    if (line.empty()) break;
    if (!ParseField(line, fields)) return HttpStatus::kBadRequest;
  }
  if (fields.hosts > 1 || (fields.hosts == 0 && !is_http_1_0)) return HttpStatus::kBadRequest;
  if (fields.is_encoded && fields.has_length) return HttpStatus::kBadRequest;
  request.has_body =
      fields.is_encoded || fields.length.find_first_not_of('0') != std::string_view::npos;
  request.keep_alive = !fields.close && (!is_http_1_0 || fields.keep_alive);
  used = at;
  return HttpStatus::kOk;
}

std::string_view HttpReason(HttpStatus status) {
  switch (status) {
    case HttpStatus::kIncomplete:
      break;
    case HttpStatus::kOk:
      return "OK";
    case HttpStatus::kBadRequest:
      return "Bad Request";
    case HttpStatus::kMethodNotAllowed:
      return "Method Not Allowed";
    case HttpStatus::kRequestTimeout:
      return "Request Timeout";
    case HttpStatus::kUriTooLong:
      return "URI Too Long";
    case HttpStatus::kFieldsTooLarge:
      return "Request Header Fields Too Large";
    case HttpStatus::kVersionNotSupported:
      return "HTTP Version Not Supported";
  }
  return "";
}

}  // namespace sluice::proxy
