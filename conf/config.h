// The configuration as plain data; the default values below are the only place that defines them.
//
// Units: `_bytes` fields are bytes, a span of time is a Duration. A Config built by hand needs no
// file; one that came from a file has passed every check of conf/load.h. Adding a key: a field here
// and one line in conf/schema/schema.cc (and in conf/reference.yaml, or its test fails).

#ifndef SLUICE_CONF_CONFIG_H_
#define SLUICE_CONF_CONFIG_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "conf/access.h"
#include "conf/discovery.h"
#include "conf/privileges.h"
#include "conf/route.h"
#include "core/base/time.h"
#include "core/net/address.h"

namespace sluice::conf {

using core::Duration;

enum class Backend { kAuto, kIoUring, kEpoll };
enum class OnLimit { kClose, kWait };
enum class HalfClose { kRelay, kClose };
enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError, kOff };
enum class LogFormat { kText, kJson };
enum class AccessFormat { kText, kJson };
enum class Balance {
  kRoundRobin,
  kLeastConnections,
  kRandomTwo,
  kSourceHash,
  kMaglev,
  kFirst,
  kFastest,
};
enum class HashOn { kSource, kProxySource, kSni };
enum class ProxyVersion { kOff, kV1, kV2 };
enum class ProxyTlv { kUniqueId, kAuthority, kAlpn, kCrc32c };
enum class Check { kOff, kConnect, kExchange, kHttp };
enum class OnDown { kKeep, kReset };
enum class SessionsOfRemoved { kKeep, kReset };
enum class EndpointState { kReady, kDrain, kMaintenance };

struct Runtime {
  Backend backend = Backend::kAuto;
  uint32_t workers = 0;  // 0 = auto: one per CPU this process may run on
  bool pin_workers = false;
  bool work_stealing = true;
  Duration busy_poll = 0s;
  bool watch_tasks = false;

  bool operator==(const Runtime&) const = default;
};

struct Limits {
  uint32_t max_connections = 0;  // 0 = auto: as many as the descriptors allow, at most 10000
  uint64_t buffer_memory_bytes = uint64_t{256} << 20;
  OnLimit on_limit = OnLimit::kClose;
  uint32_t new_connections = 0;  // per second; 0 = no limit

  bool operator==(const Limits&) const = default;
};

struct Buffers {
  uint64_t per_direction_bytes = uint64_t{256} << 10;

  bool operator==(const Buffers&) const = default;
};

struct Shutdown {
  Duration lame_duck{0};         // readiness has failed, and clients are served as before
  Duration drain_window{0};      // the ends of sessions are spread over it; 0 = off
  Duration drain_timeout = 30s;  // 0 = end at once

  bool operator==(const Shutdown&) const = default;
};

// Another configuration takes the place of this one.
struct Reload {
  bool watch = false;  // when the file changes

  bool operator==(const Reload&) const = default;
};

// Another binary takes the place of this one.
struct Upgrade {
  Duration timeout = 30s;

  bool operator==(const Upgrade&) const = default;
};

struct Stats {
  Duration interval = 10s;  // 0 = off

  bool operator==(const Stats&) const = default;
};

struct Log {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;

  bool operator==(const Log&) const = default;
};

// Where the proxy is asked about itself, and told what to do.
struct Admin {
  core::Address bind;        // a UNIX socket or on loopback; empty: off
  core::Address probe_bind;  // /healthz, /readyz and /metrics alone; empty: off
  std::string token;         // "": none
  std::string token_file;    // has the token; "": none
  std::string state_file;    // keeps what administrators change; "": none

  bool enabled() const { return !bind.is_empty() || !probe_bind.is_empty(); }
  bool operator==(const Admin&) const = default;
};

// The proxy is ready while this upstream has as many endpoints that take sessions.
struct ReadyWhen {
  std::string upstream;  // the name of one of Config::upstreams
  uint32_t usable = 1;

  bool operator==(const ReadyWhen&) const = default;
};

// One record per session.
struct AccessLog {
  std::string path = "off";  // or "stdout", "stderr", or a file
  AccessFormat format = AccessFormat::kText;
  bool rejected = false;  // also of connections that never became sessions
  Duration interim{0};    // also of each session that lives, so often; 0 = off

  bool operator==(const AccessLog&) const = default;
};

// 0 = none, for each of the durations.
struct Timeouts {
  Duration connect = 5s;
  Duration idle = 10min;
  Duration half_close = 1min;
  Duration write_stall = 1min;
  Duration max_lifetime = 0s;
  uint32_t max_lifetime_jitter = 10;  // percent of max_lifetime that a session may end earlier
  Duration linger = 1min;

  bool operator==(const Timeouts&) const = default;
};

// Clients of one source: of one address, or of one network of these prefix lengths.
struct PerSource {
  uint32_t max_connections = 0;  // 0 = no limit
  uint32_t ipv4_prefix = 32;
  uint32_t ipv6_prefix = 64;

  bool operator==(const PerSource&) const = default;
};

// Bytes per second, each direction on its own; 0 = no limit.
struct Bandwidth {
  uint64_t per_connection = 0;
  uint64_t total = 0;  // of the listener

  bool operator==(const Bandwidth&) const = default;
};

// Of TCP connections; 0 and "" leave the choice to the kernel.
struct Socket {
  uint64_t receive_buffer_bytes = 0;
  uint64_t send_buffer_bytes = 0;
  uint64_t notsent_lowat_bytes = 0;
  std::string congestion;
  Duration keepalive = 0s;  // idle time before the first probe; 0 = none
  Duration keepalive_interval = 0s;
  uint32_t keepalive_probes = 0;
  Duration user_timeout = 0s;

  bool operator==(const Socket&) const = default;
};

// Of a listening socket; accepted connections inherit the Socket part.
struct ListenSocket : Socket {
  uint32_t backlog = 4096;
  bool ipv6_only = true;
  int32_t unix_mode = -1;      // permissions of a UNIX socket's file; -1: as the umask says
  Duration defer_accept = 0s;  // 0 = accept before the first byte
  uint32_t fast_open = 0;      // length of the queue; 0 = off
  std::string unix_owner;      // of that file, a name or a number; "": the user of the process
  std::string unix_group;      // likewise

  bool operator==(const ListenSocket&) const = default;
};

// What listeners inherit.
struct Defaults {
  Timeouts timeouts;
  HalfClose half_close = HalfClose::kRelay;
  uint32_t new_connections = 0;  // per second and listener; 0 = no limit
  ProxyProtocol proxy_protocol;
  Access access;
  PerSource per_source;
  Bandwidth bandwidth;
  Preread preread;
  ListenSocket socket;

  bool operator==(const Defaults&) const = default;
};

// The inherited part is complete: Config::defaults are already merged in.
struct Listener : Defaults {
  std::string name;
  std::vector<core::Address> bind;     // at least one
  std::string upstream;                // the name of one of Config::upstreams
  std::vector<Route> routes;           // to others; the first that holds is taken
  uint32_t max_connections = 0;        // 0 = no limit of its own
  OnLimit on_limit = OnLimit::kClose;  // merged from Limits::on_limit

  bool operator==(const Listener&) const = default;
};

struct Endpoint {
  core::Address address;         // empty: `host` is to be resolved
  uint32_t weight = 1;           // 0 = drained: no new connections
  uint32_t max_connections = 0;  // 0 = no limit
  uint32_t priority = 0;         // 0 = the best
  std::string name = {};         // unique in its upstream; "" = its address
  std::string host = {};         // a name, for all endpoints that it stands for; "" = an address
  uint32_t host_port = 0;        // of all of these
  EndpointState state = EndpointState::kReady;  // no configuration says another one, a list may

  bool is_host() const { return !host.empty(); }
  // As it is written: an address, or a name and a port.
  std::string Place() const {
    return is_host() ? host + ':' + std::to_string(host_port) : address.ToString();
  }
  // What it is known by: under this name it is the same one in another configuration.
  std::string Identity() const { return name.empty() ? Place() : name; }

  bool operator==(const Endpoint&) const = default;
};

// What the hashed policies go by: source_hash and maglev.
struct Hash {
  HashOn on = HashOn::kSource;
  uint32_t ipv4_prefix = 32;
  uint32_t ipv6_prefix = 64;
  uint32_t seed = 0;
  uint32_t max_load = 0;  // percent of an endpoint's fair share of the sessions; 0 = off

  bool operator==(const Hash&) const = default;
};

// The header of the PROXY protocol that servers are sent.
struct SendProxy {
  ProxyVersion version = ProxyVersion::kOff;
  std::vector<ProxyTlv> tlvs;  // of version 2

  bool has(ProxyTlv tlv) const { return std::ranges::find(tlvs, tlv) != tlvs.end(); }
  bool operator==(const SendProxy&) const = default;
};

// What becomes of the sessions of an endpoint, or of an upstream, that a reload removes.
struct OnRemoved {
  SessionsOfRemoved sessions = SessionsOfRemoved::kKeep;
  Duration drain_timeout = 5min;  // of those that are kept; then they are reset, too

  bool operator==(const OnRemoved&) const = default;
};

// Codes of HTTP answers, from the first to the last.
struct HttpCodes {
  uint32_t first = 0;
  uint32_t last = 0;

  bool operator==(const HttpCodes&) const = default;
};

struct HttpCheck {
  std::string method = "GET";
  std::string path = "/";
  std::string host;  // "": the address that is checked
  std::vector<HttpCodes> status = {{200, 299}, {300, 399}};

  bool operator==(const HttpCheck&) const = default;
};

// Bytes of a check, as the file has them: a text, or hexadecimal digits. Empty: none.
struct CheckBytes {
  std::string bytes;
  bool is_hex = false;

  bool operator==(const CheckBytes&) const = default;
};

// At least one of the two.
struct ExchangeStep {
  CheckBytes send;
  CheckBytes expect;

  bool operator==(const ExchangeStep&) const = default;
};

// Active checks of the endpoints.
struct Health {
  Check check = Check::kOff;
  Duration interval = 2s;
  Duration fast_interval = 500ms;
  Duration down_interval = 5s;
  Duration timeout = 1s;
  uint32_t rise = 2;
  uint32_t fall = 3;
  core::Address address;  // an IP address with port 0, or empty: the endpoint's
  uint32_t port = 0;      // 0: the endpoint's
  HttpCheck http;
  std::vector<ExchangeStep> exchange;
  OnDown on_down = OnDown::kKeep;

  bool operator==(const Health&) const = default;
};

// Programs beside the endpoints that say how these are.
struct Agent {
  uint32_t port = 0;      // 0 = off
  core::Address address;  // an IP address with port 0, or empty: the endpoint's
  std::string send;       // "": nothing
  Duration interval = 5s;

  bool operator==(const Agent&) const = default;
};

// What sessions meet at the endpoints.
struct PassiveHealth {
  uint32_t failures = 0;  // in a row; 0 = off
  Duration ejection = 30s;
  Duration max_ejection = 5min;
  uint32_t max_ejected = 50;  // percent of the endpoints

  bool operator==(const PassiveHealth&) const = default;
};
// What the words alone stand for, without the key that turns them on.
inline constexpr Check kCheckIfAny = Check::kConnect;
inline constexpr uint32_t kFailuresIfAny = 5;

struct Upstream {
  std::string name;
  Balance balance = Balance::kRoundRobin;
  Hash hash = {};
  Duration slow_start = 0s;       // of endpoints that join; 0 = off
  Duration queue_timeout = 5s;    // 0 = no waiting
  uint32_t connect_attempts = 3;  // endpoints tried in one round
  Duration connect_backoff = 20ms;
  Duration retry_for = 5s;            // when all have failed; 0 = each is tried once
  core::Address source_address = {};  // an IP address with port 0, or empty
  bool source_is_client = false;      // instead: the client's own address
  SendProxy send_proxy = {};
  OnRemoved on_removed = {};
  Health health = {};
  Agent agent = {};
  PassiveHealth passive_health = {};
  uint32_t panic = 0;  // percent of the endpoints that are to be usable; 0 = off
  bool panic_ignores_checks = false;
  Socket socket = {};
  Discover discover = {};
  std::vector<Endpoint> endpoints;  // at least one, unless some are discovered

  bool operator==(const Upstream&) const = default;
};

struct Config {
  uint32_t version = 1;
  Runtime runtime;
  Privileges privileges;
  Limits limits;
  Buffers buffers;
  Shutdown shutdown;
  Reload reload;
  Upgrade upgrade;
  Stats stats;
  Log log;
  AccessLog access_log;
  Admin admin;
  Dns dns;
  std::vector<ReadyWhen> ready_when;  // all of them; none: as soon as it serves
  Access access;                      // of all listeners; each has one of its own besides
  Defaults defaults;
  Upstream default_upstream;  // what upstreams inherit; without a name and endpoints
  std::vector<Listener> listeners;
  std::vector<Upstream> upstreams;

  bool operator==(const Config&) const = default;
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_CONFIG_H_
