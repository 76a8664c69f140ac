#include "tests/sim/header_model.h"

#include <netinet/in.h>

#include "absl/strings/str_format.h"
#include "core/net/address.h"
#include "proxy/identity/proxy_header.h"

namespace sluice::sim {
namespace {

constexpr uint64_t kStream = 100'000;  // and the session's number

core::Address At(uint32_t host, uint16_t port) {
  return core::Address::Ipv4({.s_addr = htonl(host)}, port);
}

}  // namespace

void HeaderModel::Choose(Session& session, uint32_t address) const {
  using conf::ProxyVersion;
  if (!is_on()) return;
  Random random(scenario_.options.seed, kStream + session.id);
  const conf::SendProxy line = {.version = ProxyVersion::kV1, .tlvs = {}};
  const conf::SendProxy block = {.version = ProxyVersion::kV2, .tlvs = {conf::ProxyTlv::kCrc32c}};
  const conf::SendProxy& how = random.Chance(500) ? line : block;
  const proxy::ProxiedConnection connection = {At(address, 1), At(0x0a010001, 80)};
  SentHeader& header = session.header;
  header.bytes = proxy::MakeProxyHeader(how, connection);
  header.names_client = true;
  const uint64_t kind = random.Chance(scenario_.level(Fault::kHeaders)) ? random.Below(5) : 5;
  if (kind < 2) {
    header.names_client = false;
    header.bytes = kind == 0 ? "PROXY UNKNOWN\r\n" : proxy::MakeLocalProxyHeader(block);
  } else if (kind == 2) {
    header.is_wrong = true;
    header.bytes = "PROXY TCP4 10.0.0.1 10.0.0.2 01 2\r\n";
  } else if (kind == 3) {
    header.is_wrong = true;
    header.bytes = proxy::MakeProxyHeader(block, connection);
    header.bytes[20] ^= 1;
  } else if (kind == 4) {
    header.is_wrong = true;
    header.bytes = "HELO\r\n";
  }
  header.chunk = static_cast<size_t>(random.Skewed(1, static_cast<int64_t>(header.bytes.size())));
  const core::Duration pause = random.Skewed(1ms, 300ms);
  if (random.Chance(400)) header.pause = pause;
}

void HeaderModel::CheckAtRest(const Session& session, core::OptionalInstant drains_since) const {
  if (!is_on() || session.identified || session.near->reset_arrived) return;
  const Socket& near = *session.near;
  if (!near.in.empty()) {
    trace_.Fail("session %d: %d bytes before its header's end are not read", session.id,
                near.in.size());
  }
  if (near.total_read == session.header.bytes.size() || near.fin_arrived) {
    trace_.Fail("session %d waits for a header that has come, or never will", session.id);
  }
  if (clock_.Now() > *session.began + scenario_.header_timeout + kTolerance) {
    trace_.Fail("session %d waits for its header for longer than told", session.id);
  }
  if (drains_since && clock_.Now() > *drains_since + kTolerance) {
    trace_.Fail("session %d waits for its header in a drain", session.id);
  }
}

bool HeaderModel::CheckEnd(const Session& session, std::string_view reason,
                           std::string_view client) const {
  if (!is_on()) return false;
  const SentHeader& header = session.header;
  // The balancer's address is that of the socket; one that ends just then may be known or not.
  const bool is_named = client.starts_with("10.");
  const bool has_gone_on = session.far != nullptr || session.attempts > 0;
  if (is_named && (!session.identified || !header.names_client)) {
    trace_.Fail("session %d is known as %s before its header has said so", session.id,
                std::string(client));
  }
  if (!is_named && has_gone_on && header.names_client) {
    trace_.Fail("session %d is not known by its header: %s", session.id, std::string(client));
  }
  if (has_gone_on && !session.identified) {
    trace_.Fail("session %d has gone on without a good header", session.id);
  }
  bool is_true = true;
  if (reason == "proxy_protocol_error") {
    is_true = !session.identified && (header.is_wrong || session.near->fin_arrived);
  } else if (reason == "proxy_protocol_timeout") {
    is_true = !session.identified &&
              clock_.Now() + kTolerance >= *session.began_from + scenario_.header_timeout;
  } else {
    return false;
  }
  if (!is_true) {
    trace_.Fail("session %d: not true: %s", session.id, std::string(reason));
  }
  return true;
}

}  // namespace sluice::sim
