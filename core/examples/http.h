// HTTP/1.1, as much of it as fetching a page takes: `co_await HttpGet(*ParseUrl("http://..."))`.
//
// One request for each connection. Redirects are not followed; a body comes by its length, in
// chunks, or until the end. What a server sends is bounded: the head by kMostHead, the body by
// kMostBody. Errors say what failed where, as a Status.
#ifndef SLUICE_CORE_EXAMPLES_HTTP_H_
#define SLUICE_CORE_EXAMPLES_HTTP_H_

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "core/sluice.h"
#include "core/text/decimal.h"

namespace http {

namespace core = sluice::core;

inline constexpr size_t kLongestLine = 8192;
inline constexpr size_t kMostHead = 65536;
inline constexpr size_t kMostBody = 16 << 20;

struct Url {
  std::string host;
  uint16_t port = 80;
  std::string target;  // from the first '/'
};

inline absl::StatusOr<Url> ParseUrl(std::string_view text) {
  const auto wrong = [text] {
    return absl::InvalidArgumentError("'" + std::string(text) + "' is no http://HOST[:PORT][/...]");
  };
  constexpr std::string_view kScheme = "http://";
  if (!text.starts_with(kScheme)) return wrong();
  const std::string_view rest = text.substr(kScheme.size());
  const size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view where = rest.substr(0, slash);
  const size_t colon = std::min(where.find(':'), where.size());
  Url url{std::string(where.substr(0, colon)), 80, std::string(rest.substr(slash))};
  if (url.target.empty()) url.target = "/";
  if (colon < where.size()) {
    const std::optional<uint64_t> port = core::ParseDecimal(where.substr(colon + 1));
    if (!port.has_value() || *port == 0 || *port > 65535) return wrong();
    url.port = static_cast<uint16_t>(*port);
  }
  // A space or a line break in it would end the request line.
  const auto is_plain = [](unsigned char c) { return c > ' ' && c != 0x7f; };
  if (url.host.empty() || !std::all_of(text.begin(), text.end(), is_plain)) return wrong();
  return url;
}

inline std::string Lower(std::string_view text) {
  std::string lower(text);
  absl::AsciiStrToLower(&lower);
  return lower;
}
inline std::string_view WithoutBlanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

// The head of a request or of a response.
struct Head {
  std::string first;                            // line
  std::map<std::string, std::string> fields{};  // by name, in small letters; the last counts

  std::string_view Field(const std::string& name) const {
    const auto at = fields.find(name);
    return at == fields.end() ? std::string_view() : at->second;
  }
};

// Up to the empty line. kTooLarge, kEndedEarly, EPROTO, or what the stream says.
template <typename Stream>
core::Task<core::IoResult<Head>> ReadHead(core::BufReader<Stream>& reader) {
  Head head;
  size_t left = kMostHead;
  while (true) {
    core::IoResult<std::optional<std::string_view>> got = co_await reader.Line(kLongestLine);
    if (!got.ok()) co_return core::IoError(got.error());
    if (!got->has_value()) co_return core::IoError(core::kEndedEarly);
    const std::string_view line = **got;
    if (line.size() > left) co_return core::IoError(core::kTooLarge);
    left -= line.size() + 1 > left ? left : line.size() + 1;
    if (head.first.empty()) {
      if (line.empty()) co_return core::IoError(EPROTO);
      head.first = line;
      continue;
    }
    if (line.empty()) co_return head;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) co_return core::IoError(EPROTO);
    head.fields[Lower(line.substr(0, colon))] = WithoutBlanks(line.substr(colon + 1));
  }
}

template <typename Stream>
core::Task<core::IoResult<std::string>> ReadExactly(core::BufReader<Stream>& reader, size_t size) {
  core::IoResult<std::span<const std::byte>> bytes = co_await reader.Exact(size);
  if (!bytes.ok()) co_return core::IoError(bytes.error());
  co_return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

// "5\r\nhello\r\n0\r\n\r\n"
template <typename Stream>
core::Task<core::IoResult<std::string>> ReadChunks(core::BufReader<Stream>& reader) {
  std::string body;
  while (true) {
    core::IoResult<std::optional<std::string_view>> line = co_await reader.Line(kLongestLine);
    if (!line.ok()) co_return core::IoError(line.error());
    if (!line->has_value()) co_return core::IoError(core::kEndedEarly);
    const std::string_view digits = (*line)->substr(0, (*line)->find(';'));
    size_t size = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
    if (error != std::errc() || end == digits.data()) co_return core::IoError(EPROTO);
    if (size > kMostBody - body.size()) co_return core::IoError(core::kTooLarge);
    if (size == 0) co_return body;  // what may follow is not needed: the connection is closed
    core::IoResult<std::string> chunk = co_await ReadExactly(reader, size + 2);
    if (!chunk.ok()) co_return core::IoError(chunk.error());
    if (!chunk->ends_with("\r\n")) co_return core::IoError(EPROTO);
    body.append(*chunk, 0, size);
  }
}

struct Page {
  uint32_t status = 0;
  std::string body;
};

// "HTTP/1.1 200 OK"
inline std::optional<uint32_t> StatusOf(std::string_view line) {
  if (!line.starts_with("HTTP/1.") || line.size() < 12) return std::nullopt;
  const std::optional<uint64_t> status = core::ParseDecimal(line.substr(9, 3));
  if (!status.has_value() || *status < 100) return std::nullopt;
  return static_cast<uint32_t>(*status);
}

template <typename Stream>
core::Task<core::IoResult<Page>> ReadPage(core::BufReader<Stream>& reader) {
  core::IoResult<Head> head = core::IoError(EPROTO);
  Page page;
  do {  // 100 and the like only announce the answer
    head = co_await ReadHead(reader);
    if (!head.ok()) co_return core::IoError(head.error());
    const std::optional<uint32_t> status = StatusOf(head->first);
    if (!status.has_value()) co_return core::IoError(EPROTO);
    page.status = *status;
  } while (page.status < 200);
  if (page.status == 204 || page.status == 304) co_return page;
  core::IoResult<std::string> body = std::string();
  if (Lower(head->Field("transfer-encoding")).ends_with("chunked")) {
    body = co_await ReadChunks(reader);
  } else if (const std::string_view length = head->Field("content-length"); !length.empty()) {
    const std::optional<uint64_t> size = core::ParseDecimal(length);
    if (!size.has_value()) co_return core::IoError(EPROTO);
    if (*size > kMostBody) co_return core::IoError(core::kTooLarge);
    body = co_await ReadExactly(reader, *size);
  } else {
    core::IoResult<std::string_view> all = co_await reader.ToEnd(kMostBody);
    if (!all.ok()) co_return core::IoError(all.error());
    body = std::string(*all);
  }
  if (!body.ok()) co_return core::IoError(body.error());
  page.body = std::move(*body);
  co_return page;
}

inline absl::Status ToStatus(const core::NetError& error) {
  return error.error == ECANCELED ? absl::CancelledError(error.message())
                                  : absl::UnavailableError(error.message());
}

// The first address of the host that can be connected to.
inline core::Task<absl::StatusOr<core::TcpStream>> ConnectTo(Url url) {
  absl::StatusOr<core::ResolvedHost> host = co_await core::Resolve(url.host);
  if (!host.ok()) co_return host.status();
  absl::Status failed;
  for (const core::Address& address : host->addresses) {
    core::NetResult<core::TcpStream> stream =
        co_await core::TcpStream::Connect(address.WithPort(url.port));
    if (stream.ok()) co_return std::move(*stream);
    failed = ToStatus(stream.failure());
  }
  co_return failed;
}

inline core::Task<absl::StatusOr<Page>> Get(Url url) {
  absl::StatusOr<core::TcpStream> stream = co_await ConnectTo(url);
  if (!stream.ok()) co_return stream.status();
  const std::string request = "GET " + url.target + " HTTP/1.1\r\nHost: " + url.host + ":" +
                              std::to_string(url.port) + "\r\nConnection: close\r\n\r\n";
  const core::Transferred sent =
      co_await core::WriteAll(*stream, std::as_bytes(std::span(request)));
  if (!sent.ok()) co_return ToStatus(stream->Error("write to", sent.error()));
  core::BufReader reader(*stream);
  core::IoResult<Page> page = co_await ReadPage(reader);
  if (!page.ok()) co_return ToStatus(stream->Error("read from", page.error()));
  co_return std::move(*page);
}

// The same with a limit in time.
inline core::Task<absl::StatusOr<Page>> GetWithin(core::Duration limit, Url url) {
  std::optional<absl::StatusOr<Page>> page = co_await core::WithTimeout(limit, Get(url));
  if (page.has_value()) co_return *std::move(page);
  co_return absl::DeadlineExceededError("no answer from " + url.host + " in time");
}

}  // namespace http

#endif  // SLUICE_CORE_EXAMPLES_HTTP_H_
