#include "proxy/upstream/upstream_sockets.h"

#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "conf/reader/loops.h"
#include "core/reactor/reactor.h"

namespace sluice::proxy {
namespace {

absl::Status CheckOptions(const Upstream& upstream, core::Reactor& reactor, int fd) {
  const std::optional<core::SocketOptions>& options = upstream.policy().socket;
  if (!options) return absl::OkStatus();
  const core::IoResult<void> configured = reactor.Configure(fd, *options);
  if (configured.ok()) return absl::OkStatus();
  return absl::ErrnoToStatus(
      configured.error(),
      configured.error() == ENOENT
          ? absl::StrCat("upstream ", upstream.name(), ": no congestion control named ",
                         options->congestion, " (net.ipv4.tcp_available_congestion_control)")
          : absl::StrCat("upstream ", upstream.name(), ": cannot set the socket options"));
}

absl::Status CheckSource(const Upstream& upstream, core::Reactor& reactor, int fd) {
  const std::optional<core::Address>& source = upstream.policy().source;
  if (!source) return absl::OkStatus();
  const core::IoResult<void> bound = reactor.BindSource(fd, *source);
  if (bound.ok()) return absl::OkStatus();
  std::string address = source->ToString();  // with port 0
  address.resize(address.rfind(':'));
  if (bound.error() == EADDRNOTAVAIL) {
    return absl::FailedPreconditionError(
        absl::StrCat("upstream ", upstream.name(), ": source_address ", address,
                     " is not an address of this host (for one that comes later, set net.ipv",
                     source->family() == AF_INET ? "4" : "6", ".ip_nonlocal_bind)"));
  }
  return absl::ErrnoToStatus(
      bound.error(), absl::StrCat("upstream ", upstream.name(), ": source_address ", address));
}

absl::Status CheckOne(const Upstream& upstream, core::Reactor& reactor) {
  const ConnectPolicy& policy = upstream.policy();
  if (!policy.socket && !policy.source) return absl::OkStatus();
  const int family = policy.source ? policy.source->family() : AF_INET;
  core::IoResult<int> fd = reactor.OpenSocket(family);
  if (!fd.ok()) return absl::ErrnoToStatus(fd.error(), "cannot open a socket");
  absl::Status status = CheckOptions(upstream, reactor, *fd);
  if (status.ok()) status = CheckSource(upstream, reactor, *fd);
  reactor.Close(*fd);
  return status;
}

// The ports that the kernel gives to connecting sockets.
std::pair<int, int> EphemeralPorts() {
  std::pair<int, int> range = {1024, 65535};  // if it cannot be read: all that it could be
  if (std::FILE* file = std::fopen("/proc/sys/net/ipv4/ip_local_port_range", "re")) {
    int low = 0;
    int high = 0;
    if (std::fscanf(file, "%d %d", &low, &high) == 2) range = {low, high};
    std::fclose(file);
  }
  return range;
}

// Asks for each host once.
class LocalHosts {
 public:
  explicit LocalHosts(core::SocketApi& sockets) : sockets_(sockets) {}
  bool Contains(const core::Address& address) {
    const auto [found, is_new] = known_.emplace(address.WithPort(0), false);
    if (is_new) found->second = sockets_.IsLocal(address);
    return found->second;
  }

 private:
  core::SocketApi& sockets_;
  absl::flat_hash_map<core::Address, bool> known_;
};

}  // namespace

absl::Status CheckUpstreamSockets(core::Reactor& reactor, Upstreams upstreams) {
  std::string lines;
  for (const auto& upstream : upstreams) {
    const absl::Status status = CheckOne(*upstream, reactor);
    if (status.ok()) continue;
    absl::StrAppend(&lines, lines.empty() ? "" : "\n", std::string(status.message()));
  }
  return lines.empty() ? absl::OkStatus() : absl::FailedPreconditionError(lines);
}

void LocateEndpoints(const conf::Config& config,
                     const std::vector<std::vector<core::Address>>& bound, core::SocketApi& sockets,
                     Upstreams upstreams, core::Logger& logger) {
  LocalHosts local(sockets);
  std::vector<std::shared_ptr<const EndpointSet>> sets;
  for (const auto& upstream : upstreams) sets.push_back(upstream->endpoints());
  // Those that stay are in use: each is told once what it is.
  absl::flat_hash_map<const Endpoint*, OwnListener> own;
  const auto everywhere = [](const core::Address&) { return true; };
  for (const conf::Loop& loop : conf::FindLoops(config, bound, everywhere)) {
    own[&sets[loop.upstream]->endpoint(loop.endpoint)] = OwnListener::kPerhaps;
  }
  const auto here = [&local](const core::Address& address) { return local.Contains(address); };
  for (const conf::Loop& loop : conf::FindLoops(config, bound, here)) {
    const Endpoint& endpoint = sets[loop.upstream]->endpoint(loop.endpoint);
    own[&endpoint] = OwnListener::kYes;
    logger.Log(core::LogLevel::kWarn,
               "upstream %s: %s is the listener %s of this proxy and leads back to this upstream: "
               "it is not connected to",
               upstreams[loop.upstream]->name(), endpoint.NameAndAddress(),
               config.listeners[loop.listener].name);
  }
  const auto [low, high] = EphemeralPorts();
  for (size_t u = 0; u < config.upstreams.size(); ++u) {
    for (size_t e = 0; e < config.upstreams[u].endpoints.size(); ++e) {
      Endpoint& endpoint = sets[u]->endpoint(e);
      const auto found = own.find(&endpoint);
      endpoint.set_own_listener(found == own.end() ? OwnListener::kNo : found->second);
      const core::Address& address = endpoint.address();
      if (!address.is_ip() || address.port() < low || address.port() > high) continue;
      endpoint.set_may_be_itself(local.Contains(address));
    }
  }
}

void LocateAdded(const conf::Config& config, const std::vector<std::vector<core::Address>>& bound,
                 std::string_view upstream, std::span<Endpoint* const> added) {
  absl::flat_hash_set<core::Address> own;
  for (const conf::Loop& loop :
       conf::FindLoops(config, bound, [](const core::Address&) { return true; })) {
    const conf::Upstream& of = config.upstreams[loop.upstream];
    if (of.name == upstream) own.insert(of.endpoints[loop.endpoint].address);
  }
  for (Endpoint* const endpoint : added) {
    endpoint->set_may_be_itself(endpoint->address().is_ip());
    if (own.contains(endpoint->address())) endpoint->set_own_listener(OwnListener::kPerhaps);
  }
}

}  // namespace sluice::proxy
