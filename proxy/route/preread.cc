#include "proxy/route/preread.h"

#include <algorithm>

namespace sluice::proxy {

using conf::RouteProtocol;

Preread::Preread(const RouteTable& table, const conf::Preread& policy, bool wants_name)
    : table_(table), policy_(policy), wanted_(table.protocols()) {
  if (wants_name || policy.not_tls == conf::NoRoute::kReject) wanted_.Add(RouteProtocol::kTls);
}

Preread::Decision Preread::Feed(std::span<const std::byte> bytes) {
  const std::span<const std::byte> first =
      bytes.first(std::min(bytes.size(), first_.size() - first_size_));
  std::ranges::copy(first, first_.begin() + first_size_);
  first_size_ = static_cast<uint8_t>(first_size_ + first.size());
  if (wanted_.has(RouteProtocol::kTls)) hello_.Feed(bytes);
  return Decide();
}

Preread::Decision Preread::Decide() {
  if (protocol_ == RouteProtocol::kAny) {
    const FirstBytes found = LookAtFirstBytes(wanted_, std::span(first_).first(first_size_));
    if (found.fit == Fit::kMaybe) return {};
    if (found.fit == Fit::kNo) return NoTls();
    protocol_ = found.protocol;
  }
  if (protocol_ != RouteProtocol::kTls) return Of(table_.Find(protocol_));
  switch (hello_.state()) {
    case ClientHello::State::kMore:
      return {};
    case ClientHello::State::kComplete:
      return Of(table_.Find(hello_));
    default:
      return NoTls();
  }
}

}  // namespace sluice::proxy
