#include "proxy/admin/http/connections.h"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

namespace sluice::proxy {
namespace {

bool Rests(const HttpConnection& connection) { return !connection.waits && !connection.is_closed; }

// The library reads an end of stream, and closes.
void CloseSoon(HttpConnection& connection) {
  connection.is_closed = true;
  shutdown(connection.fd, SHUT_RDWR);
}

}  // namespace

void HttpConnections::Remove(const HttpConnection* connection) {
  const auto found = std::ranges::find_if(
      all_, [connection](const HttpConnection& each) { return &each == connection; });
  if (found != all_.end()) all_.erase(found);
}

void HttpConnections::Renew(HttpConnection& connection, core::Instant now) {
  connection.since = now;
  const auto place = std::ranges::find_if(
      all_, [&connection](const HttpConnection& each) { return &each == &connection; });
  all_.splice(all_.end(), all_, place);
}

bool HttpConnections::TakesAnswer(HttpConnection& connection, size_t bytes) {
  if (bytes <= kSmall) return true;
  if (unsent_ >= kMostUnsent) {
    const auto oldest = std::ranges::find_if(
        all_, [](const HttpConnection& each) { return each.unsent > 0 && !each.is_closed; });
    if (oldest != all_.end()) CloseSoon(*oldest);
    return false;
  }
  connection.unsent = bytes;
  unsent_ += bytes;
  return true;
}

void HttpConnections::AnswerIsGone(HttpConnection& connection) {
  unsent_ -= std::exchange(connection.unsent, 0);
}

void HttpConnections::MakeFree(size_t most) {
  const auto closed = std::ranges::count_if(all_, &HttpConnection::is_closed);
  if (all_.size() - static_cast<size_t>(closed) < most) return;
  const auto oldest = std::ranges::find_if(all_, Rests);
  if (oldest != all_.end()) CloseSoon(*oldest);
}

void HttpConnections::CloseLate(core::Instant now, core::Duration timeout) {
  for (HttpConnection& each : all_) {
    if (each.since + timeout > now) return;
    if (Rests(each)) CloseSoon(each);
  }
}

void HttpConnections::CloseResting() {
  for (HttpConnection& each : all_) {
    if (Rests(each)) CloseSoon(each);
  }
}

}  // namespace sluice::proxy
