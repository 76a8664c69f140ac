#include "conf/reader/validate.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "conf/reader/binds.h"
#include "conf/reader/check_health.h"
#include "conf/reader/routes.h"
#include "conf/text/text.h"
#include "conf/text/units.h"

namespace sluice::conf {
namespace {

// Reports the second and later of equal texts, one OnlyOnce for each kind of thing.
class OnlyOnce {
 public:
  OnlyOnce(const Positions& positions, Errors& errors) : positions_(positions), errors_(errors) {}

  void Add(const std::string& text, const std::string& path) {
    if (text.empty()) return;
    const Position at = positions_.At(path);
    const auto [first, is_new] = first_.emplace(text, at);
    if (is_new) return;
    errors_.Add(at, Cat(path, ": ", Quoted(text), " is here for the second time; the first is at ",
                        errors_.Place(first->second, at)));
  }

 private:
  const Positions& positions_;
  Errors& errors_;
  std::map<std::string, Position> first_;
};

void CheckListeners(const Config& config, const Positions& positions, Errors& errors) {
  OnlyOnce names(positions, errors);
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    names.Add(config.listeners[i].name, Cat("listeners[", i, "].name"));
  }
}

void CheckAdmin(const Config& config, const Positions& positions, Errors& errors) {
  if (config.admin.token.empty() || config.admin.token_file.empty()) return;
  errors.Add(positions.At("admin.token_file"),
             "admin.token_file: admin.token is set too: one of them is enough");
}

void CheckPrivileges(const Config& config, const Positions& positions, Errors& errors) {
  if (config.privileges.group.empty() || !config.privileges.user.empty()) return;
  errors.Add(positions.At("group"),
             "group: there is no user: name the user too, of whom this is the group");
}

void CheckUpstreams(const Config& config, const Positions& positions, Errors& errors) {
  OnlyOnce names(positions, errors);
  for (size_t i = 0; i < config.upstreams.size(); ++i) {
    const Upstream& upstream = config.upstreams[i];
    names.Add(upstream.name, Cat("upstreams[", i, "].name"));
    OnlyOnce endpoints(positions, errors);  // one address may be there several times
    for (size_t j = 0; j < upstream.endpoints.size(); ++j) {
      endpoints.Add(upstream.endpoints[j].name, Cat("upstreams[", i, "].endpoints[", j, "].name"));
    }
  }
}

// An upstream has endpoints, or looks for some.
void CheckSources(const Config& config, const Positions& positions, Errors& errors) {
  constexpr std::string_view kAllowed = "one endpoint, or a list of these; or discover";
  for (size_t i = 0; i < config.upstreams.size(); ++i) {
    const Upstream& upstream = config.upstreams[i];
    const std::string path = Cat("upstreams[", i, "]");
    const auto has = [&](std::string_view key) { return positions.all().contains(Cat(path, key)); };
    const auto fail = [&](std::string_view key, std::string_view message) {
      errors.Add(positions.At(Cat(path, key)), Cat(path, key, ": ", message));
    };
    const DiscoverDns& dns = upstream.discover.dns;
    if (!has(".endpoints") && !has(".discover")) {
      fail("", WithAllowed("the required key \"endpoints\" is missing", kAllowed));
    } else if (upstream.endpoints.empty() && upstream.discover.is_off() && errors.empty()) {
      fail(has(".endpoints") ? ".endpoints" : ".discover",
           has(".endpoints")
               ? WithAllowed("the list is empty", kAllowed)
               : "it says of no endpoints where they are; allowed: file, or dns with name and port "
                 "or with srv");
    }
    if (!dns.name.empty() && !dns.srv.empty()) {
      fail(".discover.dns.srv", "the key \"name\" is there, too; allowed: one of them");
    } else if (!dns.name.empty() && dns.port == 0 && errors.empty()) {
      fail(".discover.dns", "a name needs a port; allowed: 1 to 65535");
    } else if (dns.name.empty() && dns.port != 0 && errors.empty()) {
      fail(".discover.dns.port",
           dns.srv.empty() ? "a port needs a name" : "the records of a service have the ports");
    }
  }
}

void CheckDns(const Config& config, const Positions& positions, Errors& errors) {
  constexpr size_t kMostServers = 8;  // c-ares has two sockets for each, and tells of 16
  const Dns& dns = config.dns;
  if (dns.min_ttl > dns.max_ttl) {
    errors.Add(positions.At("dns.max_ttl"),
               Cat("dns.max_ttl: ", FormatDuration(dns.max_ttl), " is less than dns.min_ttl (",
                   FormatDuration(dns.min_ttl), ")"));
  }
  if (dns.servers.size() > kMostServers) {
    errors.Add(positions.At("dns.servers"), Cat("dns.servers: there are ", dns.servers.size(),
                                                ", allowed: at most ", kMostServers));
  }
}

// A socket bound to an address of one family cannot connect to one of the other.
void CheckSourceAddresses(const Config& config, const Positions& positions, Errors& errors) {
  for (size_t i = 0; i < config.upstreams.size(); ++i) {
    const Upstream& upstream = config.upstreams[i];
    const core::Address& source = upstream.source_address;
    if (!source.is_ip()) continue;
    const auto other = std::ranges::find_if(upstream.endpoints, [&](const Endpoint& endpoint) {
      return endpoint.address.is_ip() && endpoint.address.family() != source.family();
    });
    if (other == upstream.endpoints.end()) continue;
    const std::string path = Cat("upstreams[", i, "].source_address");
    errors.Add(positions.At(path),
               Cat(path, ": ", Quoted(source.HostToString()), " cannot reach the endpoint ",
                   Quoted(other->address.ToString()), ": both have to be IPv4, or both IPv6"));
  }
}

// Version 1 is a line of text and has no place for TLVs, and no header at all has none.
void CheckSendProxy(const Config& config, const Positions& positions, Errors& errors) {
  for (size_t i = 0; i < config.upstreams.size(); ++i) {
    const SendProxy& send_proxy = config.upstreams[i].send_proxy;
    if (send_proxy.tlvs.empty()) continue;
    const std::string path = Cat("upstreams[", i, "].send_proxy.");
    const auto has = [&](std::string_view key) { return positions.all().contains(Cat(path, key)); };
    const bool is_off = send_proxy.version == ProxyVersion::kOff && has("tlvs") && !has("version");
    if (send_proxy.version != ProxyVersion::kV1 && !is_off) continue;
    errors.Add(positions.At(path + "tlvs"),
               Cat(path, "tlvs: ",
                   is_off ? "no header is sent without a version" : "version 1 has no TLVs",
                   "; allowed: none, or version: v2"));
  }
}

// What a listener cannot know before it connects when the header comes late; "": nothing.
std::string NeedsIdentityEarly(const Config& config, const Listener& listener) {
  if (listener.per_source.max_connections > 0) return "the listener's per_source";
  if (!listener.access.empty()) return "the listener's access list";
  if (!config.access.empty()) return "the access list of all listeners";
  const auto upstream = std::ranges::find(config.upstreams, listener.upstream, &Upstream::name);
  if (upstream == config.upstreams.end()) return "";
  if (upstream->send_proxy.version != ProxyVersion::kOff) return "send_proxy of its upstream";
  if (upstream->source_is_client) return "source_address: client of its upstream";
  if (upstream->hash.on == HashOn::kProxySource) return "hash.on: proxy_source of its upstream";
  return "";
}

void CheckProxyProtocol(const Config& config, const Positions& positions, Errors& errors) {
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    const Listener& listener = config.listeners[i];
    const ProxyProtocol& proxy_protocol = listener.proxy_protocol;
    const std::string path = Cat("listeners[", i, "].proxy_protocol.");
    if (proxy_protocol.is_off()) continue;
    if (proxy_protocol.trusted.empty() && errors.empty()) {
      errors.Add(positions.At(path + "accept"),
                 Cat(path,
                     "accept: no peer is trusted to say who a client is: any client could "
                     "choose its address; allowed: off, or with the balancers' networks in "
                     "trusted, as in [10.0.0.0/8], or unix"));
    }
    if (!proxy_protocol.late) continue;
    if (WaitsForBytes(config, listener)) {
      errors.Add(positions.At(path + "late"),
                 Cat(path,
                     "late: routes and hash.on: sni wait for the client's first bytes before the "
                     "connection to the server is made, and a late header comes after it; "
                     "allowed: false, or without these"));
      continue;
    }
    const std::string other = NeedsIdentityEarly(config, listener);
    if (other.empty()) continue;
    errors.Add(positions.At(path + "late"),
               Cat(path, "late: ", other,
                   " needs the client's address before the connection to "
                   "the server is made, and a late header comes after it; allowed: false, or "
                   "without that"));
  }
}

// The spread would be cut short, and what is left ended all at once.
void CheckShutdown(const Config& config, const Positions& positions, Errors& errors) {
  const Shutdown& shutdown = config.shutdown;
  if (shutdown.drain_window <= shutdown.drain_timeout) return;
  const std::string path = "shutdown.drain_window";
  errors.Add(positions.At(path),
             Cat(path, ": ", FormatDuration(shutdown.drain_window),
                 " is longer than shutdown.drain_timeout (", FormatDuration(shutdown.drain_timeout),
                 "), when the sessions that are left are reset; allowed: at most that"));
}

void CheckReferences(const Config& config, const Positions& positions, Errors& errors) {
  std::vector<std::string> names;
  names.reserve(config.upstreams.size());
  for (const Upstream& upstream : config.upstreams) names.push_back(upstream.name);
  const std::unordered_set<std::string_view> known(names.begin(), names.end());
  // One whose name could not be read may be the one that is meant.
  if (names.empty() || known.contains("")) return;
  const std::string allowed = JoinNames(names);
  const auto check = [&](const std::string& name, const std::string& user) {
    if (name.empty() || known.contains(name)) return;
    const std::string path = Cat(user, ".upstream");
    errors.Add(positions.At(path), WithAllowed(Cat(path, ": there is no upstream ", Quoted(name),
                                                   errors.DidYouMean(name, names)),
                                               allowed));
  };
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    const std::string path = Cat("listeners[", i, "]");
    check(config.listeners[i].upstream, path);
    for (size_t j = 0; j < config.listeners[i].routes.size(); ++j) {
      check(config.listeners[i].routes[j].upstream, Cat(path, ".routes[", j, "]"));
    }
  }
  for (size_t i = 0; i < config.ready_when.size(); ++i) {
    check(config.ready_when[i].upstream, Cat("ready_when[", i, "]"));
  }
}

}  // namespace

void Validate(const Config& config, const Positions& positions, Errors& errors) {
  CheckListeners(config, positions, errors);
  CheckBinds(config, positions, errors);
  CheckRoutes(config, positions, errors);
  CheckAdmin(config, positions, errors);
  CheckPrivileges(config, positions, errors);
  CheckUpstreams(config, positions, errors);
  CheckSources(config, positions, errors);
  CheckDns(config, positions, errors);
  CheckSourceAddresses(config, positions, errors);
  CheckSendProxy(config, positions, errors);
  CheckProxyProtocol(config, positions, errors);
  CheckHealth(config, positions, errors);
  CheckShutdown(config, positions, errors);
  CheckReferences(config, positions, errors);
}

}  // namespace sluice::conf
