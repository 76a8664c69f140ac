#include "proxy/ctl/client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "conf/text/units.h"
#include "core/base/clock.h"
#include "core/net/address.h"

namespace sluice::proxy {
namespace {

constexpr size_t kMostReply = size_t{64} << 20;
constexpr std::string_view kHttp = "http://";

absl::Status CannotReach(const std::string& admin, int error) {
  std::string advice;
  if (error == ENOENT || error == ECONNREFUSED) {
    advice =
        ": does the proxy run, and does its configuration have admin.bind? Another address is "
        "given by --admin or SLUICE_ADMIN";
  } else if (error == EACCES || error == EPERM) {
    advice = ": only root and the user that the proxy runs as may use it";
  } else if (error == EAGAIN || error == ETIMEDOUT || error == EINPROGRESS) {
    advice = ": it does not answer";
  }
  return absl::UnavailableError(
      absl::StrCat("cannot ask the proxy at ", admin, ": ", strerrordesc_np(error), advice));
}

absl::Status NotAnswered(const std::string& admin, std::string_view method,
                         core::Duration patience) {
  return absl::DeadlineExceededError(absl::StrCat(
      "the proxy at ", admin, " has not answered within ", conf::FormatDuration(patience),
      method == "GET" ? "" : "; what was asked for may still be done"));
}

absl::StatusOr<core::Address> AddressOf(const std::string& admin) {
  std::string text = admin;
  const absl::Status wrong = absl::InvalidArgumentError(
      absl::StrCat("the address ", admin,
                   " has none of the forms unix:/path, unix:@name and http://127.0.0.1:9901"));
  if (absl::StartsWith(text, {kHttp.data(), kHttp.size()})) {
    text = text.substr(kHttp.size());
    while (text.ends_with('/')) text.pop_back();
    if (text.starts_with("localhost:")) text.replace(0, strlen("localhost"), "127.0.0.1");
  } else if (!text.starts_with("unix:")) {
    return wrong;
  }
  absl::StatusOr<core::Address> address = core::Address::Parse(text);
  if (!address.ok() || (address->is_ip() && address->port() == 0)) return wrong;
  return address;
}

timeval TimevalOf(core::Duration time) {
  const int64_t microseconds = time / 1us;
  return {.tv_sec = microseconds / 1'000'000,
          .tv_usec = static_cast<suseconds_t>(microseconds % 1'000'000)};
}

// The next call that `option` is about, SO_SNDTIMEO or SO_RCVTIMEO, waits until `end` and then
// fails with EAGAIN. Returns an errno.
int WaitUntil(core::Instant end, int fd, int option) {
  const core::Duration left = end - core::MonotonicClock().Now();
  if (left < 1us) return EAGAIN;  // a timeout of 0 would be none
  const timeval timeout = TimevalOf(left);
  return setsockopt(fd, SOL_SOCKET, option, &timeout, sizeof(timeout)) == 0 ? 0 : errno;
}

// Returns an errno.
int SendAll(int fd, std::string_view text, core::Instant end) {
  while (!text.empty()) {
    if (const int error = WaitUntil(end, fd, SO_SNDTIMEO)) return error;
    const ssize_t sent = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno;
    text.remove_prefix(static_cast<size_t>(sent));
  }
  return 0;
}

// To the end of the stream. Returns an errno.
int ReceiveAll(int fd, std::string& text, core::Instant end) {
  std::array<char, 65536> buffer;
  while (text.size() < kMostReply) {
    if (const int error = WaitUntil(end, fd, SO_RCVTIMEO)) return error;
    const ssize_t size = recv(fd, buffer.data(), buffer.size(), 0);
    if (size == 0) return 0;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    text.append(buffer.data(), static_cast<size_t>(size));
  }
  return EMSGSIZE;
}

}  // namespace

std::optional<AdminReply> ParseReply(std::string_view text) {
  const size_t end = text.find("\r\n\r\n");
  if (end == text.npos || !text.starts_with("HTTP/1.")) return std::nullopt;
  const std::string_view head = text.substr(0, end);
  AdminReply reply;
  reply.body = text.substr(end + 4);
  const std::vector<std::string> lines =
      absl::StrSplit(absl::string_view(head.data(), head.size()), "\r\n");
  const std::vector<std::string> words = absl::StrSplit(lines.front(), ' ');
  if (words.size() < 2 || !absl::SimpleAtoi(words[1], &reply.status)) return std::nullopt;
  for (const std::string& line : lines) {
    constexpr absl::string_view kLength = "content-length:";
    uint64_t length = 0;
    if (!absl::StartsWithIgnoreCase(line, kLength)) continue;
    if (!absl::SimpleAtoi(line.substr(kLength.size()), &length)) return std::nullopt;
    if (length != reply.body.size()) return std::nullopt;
  }
  return reply;
}

absl::StatusOr<AdminReply> AskAdmin(const std::string& admin, std::string_view method,
                                    std::string_view target, const std::string& token,
                                    core::Duration patience) {
  const absl::StatusOr<core::Address> address = AddressOf(admin);
  if (!address.ok()) return address.status();
  const int fd = socket(address->family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return CannotReach(admin, errno);
  const absl::Cleanup close_fd = [fd] { close(fd); };
  const core::Instant end = core::MonotonicClock().Now() + patience;
  if (const int error = WaitUntil(end, fd, SO_SNDTIMEO)) return CannotReach(admin, error);
  if (connect(fd, address->get(), address->size()) != 0) return CannotReach(admin, errno);
  const std::string request = absl::StrCat(
      std::string(method), " ", std::string(target), " HTTP/1.1\r\nHost: localhost\r\n",
      token.empty() ? "" : absl::StrCat("Authorization: Bearer ", token, "\r\n"),
      "Content-Length: 0\r\nConnection: close\r\n\r\n");
  std::string text;
  int error = SendAll(fd, request, end);
  if (error == 0) error = ReceiveAll(fd, text, end);
  if (error == EAGAIN) return NotAnswered(admin, method, patience);
  if (error != 0) return CannotReach(admin, error);
  std::optional<AdminReply> reply = ParseReply(text);
  if (reply) return *std::move(reply);
  return absl::UnavailableError(absl::StrCat("what answers at ", admin,
                                             " is not the admin endpoint of a proxy, or it has "
                                             "ended meanwhile"));
}

}  // namespace sluice::proxy
