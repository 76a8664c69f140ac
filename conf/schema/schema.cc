#include "conf/schema/schema.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "conf/schema/access_scalars.h"
#include "conf/schema/common.h"
#include "conf/schema/discovery_shapes.h"
#include "conf/schema/health.h"
#include "conf/schema/identity.h"
#include "conf/schema/list_of.h"
#include "conf/schema/name_scalars.h"
#include "conf/schema/route_shapes.h"
#include "conf/schema/scalars.h"

namespace sluice::conf {
namespace {

constexpr uint64_t kKiB = uint64_t{1} << 10;
constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr Duration kDay = 24h;
constexpr uint32_t kConnectionsMax = 10'000'000;

Scalar Timeout(Duration& field) { return TimeOrZero(field, "none", 1ms, 365 * kDay); }

Scalar NewConnections(uint32_t& field) { return RateOrZero(field, "no limit", 1, 10'000'000); }

Shape Of(Runtime& runtime) {
  return Map{[&runtime](Visitor& v) {
    v.Optional("backend", OneOf(runtime.backend, {{"auto", Backend::kAuto},
                                                  {"io_uring", Backend::kIoUring},
                                                  {"epoll", Backend::kEpoll}}));
    v.Optional("workers", CountOrAuto(runtime.workers, 1, 256));
    v.Optional("pin_workers", Flag(runtime.pin_workers));
    v.Optional("work_stealing", Flag(runtime.work_stealing));
    v.Optional("busy_poll", Time(runtime.busy_poll, 0s, 1s));
    v.Optional("watch_tasks", Flag(runtime.watch_tasks));
  }};
}

// Keys of the first level.
void PrivilegesFields(Privileges& privileges, Visitor& v) {
  const Choices<bool> on_or_off = {{"on", true}, {"off", false}};
  v.Optional("user", OwnerOrEmpty(privileges.user, "a user"));
  v.Optional("group", OwnerOrEmpty(privileges.group, "a group"));
  v.Optional("sandbox", OneOf(privileges.sandbox, on_or_off));
  v.Optional("core_dumps", OneOf(privileges.core_dumps, on_or_off));
}

Shape Of(Limits& limits) {
  return Map{[&limits](Visitor& v) {
    v.Optional("max_connections", CountOrAuto(limits.max_connections, 1, kConnectionsMax));
    v.Optional("buffer_memory", Size(limits.buffer_memory_bytes, kMiB, 1024 * kGiB));
    v.Optional("on_limit",
               OneOf(limits.on_limit, {{"close", OnLimit::kClose}, {"wait", OnLimit::kWait}}));
    v.Optional("new_connections", NewConnections(limits.new_connections));
  }};
}

Shape Of(Buffers& buffers) {
  return Map{[&buffers](Visitor& v) {
    v.Optional("per_direction", Size(buffers.per_direction_bytes, 4 * kKiB, 16 * kMiB));
  }};
}

Shape Of(Shutdown& shutdown) {
  return Map{[&shutdown](Visitor& v) {
    v.Optional("lame_duck", Time(shutdown.lame_duck, 0s, kDay));
    v.Optional("drain_window", TimeOrZero(shutdown.drain_window, "off", 10ms, kDay));
    v.Optional("drain_timeout", Time(shutdown.drain_timeout, 0s, kDay));
  }};
}

Shape Of(Reload& reload) {
  return Map{[&reload](Visitor& v) { v.Optional("watch", Flag(reload.watch)); }};
}

Shape Of(Upgrade& upgrade) {
  return Map{[&upgrade](Visitor& v) { v.Optional("timeout", Time(upgrade.timeout, 100ms, 1h)); }};
}

Shape Of(Stats& stats) {
  return Map{[&stats](Visitor& v) {
    v.Optional("interval", TimeOrZero(stats.interval, "off", 10ms, kDay));
  }};
}

Shape Of(Log& log) {
  return Map{[&log](Visitor& v) {
    v.Optional("level", OneOf(log.level, {{"trace", LogLevel::kTrace},
                                          {"debug", LogLevel::kDebug},
                                          {"info", LogLevel::kInfo},
                                          {"warn", LogLevel::kWarn},
                                          {"error", LogLevel::kError},
                                          {"off", LogLevel::kOff}}));
    v.Optional("format",
               OneOf(log.format, {{"text", LogFormat::kText}, {"json", LogFormat::kJson}}));
  }};
}

Shape Of(AccessLog& log) {
  return Map{[&log](Visitor& v) {
    v.Optional("path", LogPath(log.path));
    v.Optional("format",
               OneOf(log.format, {{"text", AccessFormat::kText}, {"json", AccessFormat::kJson}}));
    v.Optional("rejected", Flag(log.rejected));
    v.Optional("interim", TimeOrZero(log.interim, "off", 100ms, 365 * kDay));
  }};
}

Shape Of(Admin& admin) {
  return Map{[&admin](Visitor& v) {
    v.Optional("bind", AdminAddressOrEmpty(admin.bind));
    v.Optional("probe_bind", AddressOrEmpty(admin.probe_bind));
    v.Optional("token", TokenOrEmpty(admin.token));
    v.Optional("token_file", PathOrEmpty(admin.token_file, "none"));
    v.Optional("state_file", PathOrEmpty(admin.state_file, "none"));
  }};
}

Shape Of(ReadyWhen& ready_when) {
  return Map{[&ready_when](Visitor& v) {
    v.Required("upstream", Name(ready_when.upstream));
    v.Optional("usable", Count(ready_when.usable, 1, 10'000));
  }};
}

// No item: there is no condition.
Shape ConditionsOf(std::vector<ReadyWhen>& ready_when) {
  List list = ListOf("an upstream", ready_when, Of);
  list.may_be_empty = true;
  return list;
}

Shape Of(Timeouts& timeouts) {
  return Map{[&timeouts](Visitor& v) {
    v.Optional("connect", Timeout(timeouts.connect));
    v.Optional("idle", Timeout(timeouts.idle));
    v.Optional("half_close", Timeout(timeouts.half_close));
    v.Optional("write_stall", Timeout(timeouts.write_stall));
    v.Optional("max_lifetime", Timeout(timeouts.max_lifetime));
    v.Optional("max_lifetime_jitter", Percent(timeouts.max_lifetime_jitter, 0, 50));
    v.Optional("linger", TimeOrZero(timeouts.linger, "no bound", 1ms, 365 * kDay));
  }};
}

Shape Of(PerSource& source) {
  return Map{[&source](Visitor& v) {
    v.Optional("max_connections", Count(source.max_connections, 0, kConnectionsMax));
    v.Optional("ipv4_prefix", Count(source.ipv4_prefix, 1, 32));
    v.Optional("ipv6_prefix", Count(source.ipv6_prefix, 1, 128));
  }};
}

Shape Of(Bandwidth& bandwidth) {
  return Map{[&bandwidth](Visitor& v) {
    v.Optional("per_connection",
               ByteRateOrZero(bandwidth.per_connection, "no limit", kKiB, 1024 * kGiB));
    v.Optional("total", ByteRateOrZero(bandwidth.total, "no limit", kKiB, 1024 * kGiB));
  }};
}

Scalar KernelSize(uint64_t& field) { return SizeOrZero(field, "the kernel's", kKiB, kGiB); }

void SocketFields(Socket& socket, Visitor& v) {
  const auto seconds_or_kernel = [](Duration& field, std::string_view zero_means) {
    return TimeOrZero(field, zero_means, 1s, 32767s);  // the kernel's maximum
  };
  v.Optional("receive_buffer", KernelSize(socket.receive_buffer_bytes));
  v.Optional("send_buffer", KernelSize(socket.send_buffer_bytes));
  v.Optional("notsent_lowat", KernelSize(socket.notsent_lowat_bytes));
  v.Optional("congestion", NameOrEmpty(socket.congestion, "the kernel's"));
  v.Optional("keepalive", seconds_or_kernel(socket.keepalive, "off"));
  v.Optional("keepalive_interval", seconds_or_kernel(socket.keepalive_interval, "the kernel's"));
  v.Optional("keepalive_probes", Count(socket.keepalive_probes, 0, 127));
  v.Optional("user_timeout", TimeOrZero(socket.user_timeout, "the kernel's", 1ms, kDay));
}

Shape Of(Socket& socket) {
  return Map{[&socket](Visitor& v) { SocketFields(socket, v); }};
}

Shape Of(ListenSocket& socket) {
  return Map{[&socket](Visitor& v) {
    v.Optional("backlog", Count(socket.backlog, 1, 65535));
    v.Optional("ipv6_only", Flag(socket.ipv6_only));
    v.Optional("unix_mode", FileModeOrEmpty(socket.unix_mode));
    v.Optional("unix_owner", OwnerOrEmpty(socket.unix_owner, "a user"));
    v.Optional("unix_group", OwnerOrEmpty(socket.unix_group, "a group"));
    v.Optional("defer_accept", TimeOrZero(socket.defer_accept, "off", 1s, 1h));
    v.Optional("fast_open", Count(socket.fast_open, 0, 65535));
    SocketFields(socket, v);
  }};
}

void DefaultsFields(Defaults& defaults, Visitor& v) {
  v.Optional("timeouts", Of(defaults.timeouts));
  v.Optional("half_close", OneOf(defaults.half_close,
                                 {{"relay", HalfClose::kRelay}, {"close", HalfClose::kClose}}));
  v.Optional("new_connections", NewConnections(defaults.new_connections));
  v.Optional("proxy_protocol", Of(defaults.proxy_protocol));
  v.Optional("access", Of(defaults.access));
  v.Optional("per_source", Of(defaults.per_source));
  v.Optional("bandwidth", Of(defaults.bandwidth));
  v.Optional("preread", ShapeOf(defaults.preread));
  v.Optional("socket", Of(defaults.socket));
}

Shape Bind(core::Address& address) { return BindAddress(address); }

Shape Of(Listener& listener) {
  return Map{[&listener](Visitor& v) {
    v.Required("name", Name(listener.name));
    v.Required("bind", OneOrListOf(core::Address::kForms, listener.bind, Bind));
    v.Required("upstream", Name(listener.upstream));
    v.Optional("routes", ShapeOf(listener.routes));
    v.Optional("max_connections", Count(listener.max_connections, 0, kConnectionsMax));
    v.Optional("on_limit",
               OneOf(listener.on_limit, {{"close", OnLimit::kClose}, {"wait", OnLimit::kWait}}));
    DefaultsFields(listener, v);
  }};
}

Scalar NameOrAddress(std::string& field) {
  Scalar name = NameOrEmpty(field, "its address");
  name.guess = Name(field).guess;
  return name;
}

Shape Of(Endpoint& endpoint) {
  const auto fields = [&endpoint](Visitor& v) {
    v.Required("address", EndpointAddressOrName(endpoint));
    v.Optional("name", NameOrAddress(endpoint.name));
    v.Optional("weight", Count(endpoint.weight, 0, 256));
    v.Optional("max_connections", Count(endpoint.max_connections, 0, kConnectionsMax));
    v.Optional("priority", Count(endpoint.priority, 0, 255));
  };
  return Map{fields, /*shorthand=*/"address", [&endpoint] { return endpoint.Identity(); }};
}

Shape Of(Hash& hash) {
  return Map{[&hash](Visitor& v) {
    v.Optional("on", OneOf(hash.on, {{"source", HashOn::kSource},
                                     {"proxy_source", HashOn::kProxySource},
                                     {"sni", HashOn::kSni}}));
    v.Optional("ipv4_prefix", Count(hash.ipv4_prefix, 1, 32));
    v.Optional("ipv6_prefix", Count(hash.ipv6_prefix, 1, 128));
    v.Optional("seed", Count(hash.seed, 0, std::numeric_limits<uint32_t>::max()));
    v.Optional("max_load", PercentOrZero(hash.max_load, "off", 101, 1000));
  }};
}

Shape Of(OnRemoved& on_removed) {
  return Map{[&on_removed](Visitor& v) {
    v.Optional("sessions", OneOf(on_removed.sessions, {{"keep", SessionsOfRemoved::kKeep},
                                                       {"reset", SessionsOfRemoved::kReset}}));
    v.Optional("drain_timeout", Time(on_removed.drain_timeout, 0s, 365 * kDay));
  }};
}

// What `defaults` may have for all upstreams, too.
void UpstreamFields(Upstream& upstream, Visitor& v) {
  v.Optional("balance", OneOf(upstream.balance, {{"round_robin", Balance::kRoundRobin},
                                                 {"least_connections", Balance::kLeastConnections},
                                                 {"random_two", Balance::kRandomTwo},
                                                 {"source_hash", Balance::kSourceHash},
                                                 {"maglev", Balance::kMaglev},
                                                 {"first", Balance::kFirst},
                                                 {"fastest", Balance::kFastest}}));
  v.Optional("hash", Of(upstream.hash));
  v.Optional("slow_start", TimeOrZero(upstream.slow_start, "off", 100ms, kDay));
  v.Optional("queue_timeout", TimeOrZero(upstream.queue_timeout, "no waiting", 1ms, kDay));
  v.Optional("connect_attempts", Count(upstream.connect_attempts, 1, 100));
  v.Optional("connect_backoff", TimeOrZero(upstream.connect_backoff, "at once", 1ms, 10s));
  v.Optional("retry_for", TimeOrZero(upstream.retry_for, "one round", 1ms, 1h));
  v.Optional("source_address",
             SourceHostOrEmpty(upstream.source_address, upstream.source_is_client));
  v.Optional("send_proxy", Of(upstream.send_proxy));
  v.Optional("on_removed", Of(upstream.on_removed));
  v.Optional("health", Of(upstream.health));
  v.Optional("agent", Of(upstream.agent));
  v.Optional("passive_health", Of(upstream.passive_health));
  v.Optional("panic", PercentOrZero(upstream.panic, "off", 1, 100));
  v.Optional("panic_ignores_checks", Flag(upstream.panic_ignores_checks));
  v.Optional("socket", Of(upstream.socket));
}

Shape Of(Upstream& upstream) {
  return Map{[&upstream](Visitor& v) {
    v.Required("name", Name(upstream.name));
    UpstreamFields(upstream, v);
    v.Optional("discover", ShapeOf(upstream.discover));
    List endpoints = OneOrListOf("one endpoint", upstream.endpoints, Of);
    endpoints.may_be_empty = true;  // not without `discover` (conf/reader/validate.cc)
    v.Optional("endpoints", endpoints);
  }};
}

Shape AllDefaults(Config& config) {
  return Map{[&config](Visitor& v) {
    DefaultsFields(config.defaults, v);
    v.Optional("upstream",
               Map{[&config](Visitor& inner) { UpstreamFields(config.default_upstream, inner); }});
  }};
}

// What a listener has before its own keys are read.
Listener FreshListener(const Config& config) {
  Listener listener;
  static_cast<Defaults&>(listener) = config.defaults;
  listener.on_limit = config.limits.on_limit;
  return listener;
}

// Shows the parts of a configuration to a visitor, less those that are in `common`.
class Parts {
 public:
  Parts(Config& config, const Common* common, Visitor& visitor)
      : config_(config), common_(common), visitor_(visitor) {}

  template <typename Part>
  bool Differs(Part Config::* part) const {
    return common_ == nullptr || !common_->IsSame(part);
  }
  template <typename Part>
  void Show(std::string_view key, Part Config::* part,
            std::type_identity_t<Shape (*)(Part&)> shape) {
    if (Differs(part)) visitor_.Optional(key, shape(config_.*part));
  }
  // `has`: whether an item of this name is in common.
  template <typename Item>
  void ShowList(std::string_view key, std::string_view what, std::vector<Item> Config::* part,
                const std::type_identity_t<Item>& fresh,
                bool (Common::*has)(std::string_view) const) {
    if (!Differs(part)) return;
    std::vector<Item>& items = config_.*part;
    List list = ListOf(what, items, Of, fresh);
    if (common_ != nullptr) {
      list.is_common = [&items, common = common_, has](size_t i) {
        return (common->*has)(items[i].name);
      };
    }
    visitor_.Required(key, list);
  }

 private:
  Config& config_;
  const Common* const common_;
  Visitor& visitor_;
};

Map DescribeParts(Config& config, const Common* common) {
  return Map{[&config, common](Visitor& v) {
    Parts parts(config, common, v);
    if (parts.Differs(&Config::version)) v.Optional("version", Count(config.version, 1, 1));
    parts.Show("runtime", &Config::runtime, Of);
    if (parts.Differs(&Config::privileges)) PrivilegesFields(config.privileges, v);
    parts.Show("limits", &Config::limits, Of);
    parts.Show("buffers", &Config::buffers, Of);
    parts.Show("shutdown", &Config::shutdown, Of);
    parts.Show("reload", &Config::reload, Of);
    parts.Show("upgrade", &Config::upgrade, Of);
    parts.Show("stats", &Config::stats, Of);
    parts.Show("log", &Config::log, Of);
    parts.Show("access_log", &Config::access_log, Of);
    parts.Show("admin", &Config::admin, Of);
    parts.Show("dns", &Config::dns, ShapeOf);
    parts.Show("ready_when", &Config::ready_when, ConditionsOf);
    parts.Show("access", &Config::access, conf::Of);
    if (parts.Differs(&Config::defaults) || parts.Differs(&Config::default_upstream)) {
      v.Optional("defaults", AllDefaults(config));
    }
    // After limits and defaults: a reader has filled them in by now, wherever the file has them.
    parts.ShowList("listeners", "listener", &Config::listeners, FreshListener(config),
                   &Common::HasListener);
    parts.ShowList("upstreams", "upstream", &Config::upstreams, config.default_upstream,
                   &Common::HasUpstream);
  }};
}

}  // namespace

Map Describe(Config& config) { return DescribeParts(config, nullptr); }

Map DescribeDifferences(Config& config, const Common& common) {
  return DescribeParts(config, &common);
}

}  // namespace sluice::conf
