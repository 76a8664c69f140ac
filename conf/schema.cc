#include "conf/schema.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "conf/scalars.h"

namespace sluice::conf {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kKiB = uint64_t{1} << 10;
constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr Duration kDay = hours(24);
constexpr uint32_t kConnectionsMax = 10'000'000;

// A list whose new items are copies of `fresh`; `shape` gives the Shape of an item.
template <typename Item>
List ListOf(std::string_view what, std::vector<Item>& items,
            std::type_identity_t<Shape (*)(Item&)> shape, const Item& fresh = {}) {
  return {.what = std::string(what),
          .size = [&items] { return items.size(); },
          .add = [&items, fresh] { items.push_back(fresh); },
          .item = [&items, shape](size_t i) { return shape(items[i]); }};
}

template <typename Item>
List OneOrListOf(std::string_view what, std::vector<Item>& items,
                 std::type_identity_t<Shape (*)(Item&)> shape) {
  List list = ListOf(what, items, shape);
  list.takes_single = true;
  return list;
}

Scalar Timeout(Duration& field) { return TimeOrZero(field, "none", milliseconds(1), 365 * kDay); }

Shape Of(Runtime& runtime) {
  return Map{[&runtime](Visitor& v) {
    v.Optional("backend", OneOf(runtime.backend, {{"auto", Backend::kAuto},
                                                  {"io_uring", Backend::kIoUring},
                                                  {"epoll", Backend::kEpoll}}));
    v.Optional("workers", CountOrAuto(runtime.workers, 1, 256));
    v.Optional("pin_workers", Flag(runtime.pin_workers));
    v.Optional("busy_poll", Time(runtime.busy_poll, Duration(0), seconds(1)));
  }};
}

Shape Of(Limits& limits) {
  return Map{[&limits](Visitor& v) {
    v.Optional("max_connections", Count(limits.max_connections, 1, kConnectionsMax));
    v.Optional("buffer_memory", Size(limits.buffer_memory_bytes, kMiB, 1024 * kGiB));
    v.Optional("on_limit",
               OneOf(limits.on_limit, {{"close", OnLimit::kClose}, {"wait", OnLimit::kWait}}));
  }};
}

Shape Of(Buffers& buffers) {
  return Map{[&buffers](Visitor& v) {
    v.Optional("per_direction", Size(buffers.per_direction_bytes, 4 * kKiB, 16 * kMiB));
  }};
}

Shape Of(Shutdown& shutdown) {
  return Map{[&shutdown](Visitor& v) {
    v.Optional("drain_timeout", Time(shutdown.drain_timeout, Duration(0), kDay));
  }};
}

Shape Of(Stats& stats) {
  return Map{[&stats](Visitor& v) {
    v.Optional("interval", TimeOrZero(stats.interval, "off", milliseconds(10), kDay));
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

Shape Of(Timeouts& timeouts) {
  return Map{[&timeouts](Visitor& v) {
    v.Optional("connect", Timeout(timeouts.connect));
    v.Optional("idle", Timeout(timeouts.idle));
    v.Optional("half_close", Timeout(timeouts.half_close));
    v.Optional("write_stall", Timeout(timeouts.write_stall));
    v.Optional("max_lifetime", Timeout(timeouts.max_lifetime));
  }};
}

Shape Of(Defaults& defaults) {
  return Map{[&defaults](Visitor& v) { v.Optional("timeouts", Of(defaults.timeouts)); }};
}

Shape Bind(Address& address) { return BindAddress(address); }

Shape Of(Listener& listener) {
  return Map{[&listener](Visitor& v) {
    v.Required("name", Name(listener.name));
    v.Required("bind", OneOrListOf(Address::kForms, listener.bind, Bind));
    v.Required("upstream", Name(listener.upstream));
    v.Optional("max_connections", Count(listener.max_connections, 0, kConnectionsMax));
    v.Optional("timeouts", Of(listener.timeouts));
  }};
}

Shape Of(Endpoint& endpoint) {
  const auto fields = [&endpoint](Visitor& v) {
    v.Required("address", EndpointAddress(endpoint.address));
    v.Optional("weight", Count(endpoint.weight, 1, 256));
  };
  return Map{fields, /*shorthand=*/"address"};
}

Shape Of(Upstream& upstream) {
  return Map{[&upstream](Visitor& v) {
    v.Required("name", Name(upstream.name));
    v.Optional("balance", OneOf(upstream.balance, {{"round_robin", Balance::kRoundRobin}},
                                {"least_connections", "random_two", "source_hash", "maglev"}));
    v.Required("endpoints", ListOf("endpoint", upstream.endpoints, Of));
  }};
}

// What a listener has before its own keys are read.
Listener FreshListener(const Defaults& defaults) {
  Listener listener;
  listener.timeouts = defaults.timeouts;
  return listener;
}

}  // namespace

Map Describe(Config& config) {
  return Map{[&config](Visitor& v) {
    v.Optional("version", Count(config.version, 1, 1));
    v.Optional("runtime", Of(config.runtime));
    v.Optional("limits", Of(config.limits));
    v.Optional("buffers", Of(config.buffers));
    v.Optional("shutdown", Of(config.shutdown));
    v.Optional("stats", Of(config.stats));
    v.Optional("log", Of(config.log));
    v.Optional("defaults", Of(config.defaults));
    // After the defaults: a reader has filled them in by now, wherever they stand in the file.
    v.Required("listeners",
               ListOf("listener", config.listeners, Of, FreshListener(config.defaults)));
    v.Required("upstreams", ListOf("upstream", config.upstreams, Of));
  }};
}

}  // namespace sluice::conf
