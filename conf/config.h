// The configuration as plain data; the default values below are the only place that defines them.
//
// Units: `_bytes` fields are bytes, `Duration` counts microseconds. A Config built by hand needs no
// file; one that came from a file has passed every check of conf/load.h. Adding a key: a field here
// and one line in conf/schema.cc (and in conf/reference.yaml, or its test fails).

#ifndef SLUICE_CONF_CONFIG_H_
#define SLUICE_CONF_CONFIG_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "conf/address.h"

namespace sluice::conf {

using Duration = std::chrono::microseconds;

enum class Backend { kAuto, kIoUring, kEpoll };
enum class OnLimit { kClose, kWait };
enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError, kOff };
enum class LogFormat { kText, kJson };
enum class Balance { kRoundRobin };

struct Runtime {
  Backend backend = Backend::kAuto;
  uint32_t workers = 0;  // 0 = auto: one per CPU this process may run on
  bool pin_workers = false;
  Duration busy_poll = std::chrono::microseconds(0);

  bool operator==(const Runtime&) const = default;
};

struct Limits {
  uint32_t max_connections = 10'000;
  uint64_t buffer_memory_bytes = uint64_t{256} << 20;
  OnLimit on_limit = OnLimit::kClose;

  bool operator==(const Limits&) const = default;
};

struct Buffers {
  uint64_t per_direction_bytes = uint64_t{256} << 10;

  bool operator==(const Buffers&) const = default;
};

struct Shutdown {
  Duration drain_timeout = std::chrono::seconds(30);  // 0 = end at once

  bool operator==(const Shutdown&) const = default;
};

struct Stats {
  Duration interval = std::chrono::seconds(10);  // 0 = off

  bool operator==(const Stats&) const = default;
};

struct Log {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;

  bool operator==(const Log&) const = default;
};

// 0 = none, for each of them.
struct Timeouts {
  Duration connect = std::chrono::seconds(5);
  Duration idle = std::chrono::minutes(10);
  Duration half_close = std::chrono::minutes(1);
  Duration write_stall = std::chrono::minutes(1);
  Duration max_lifetime = std::chrono::seconds(0);

  bool operator==(const Timeouts&) const = default;
};

struct Defaults {
  Timeouts timeouts;

  bool operator==(const Defaults&) const = default;
};

struct Listener {
  std::string name;
  std::vector<Address> bind;     // at least one
  std::string upstream;          // the name of one of Config::upstreams
  uint32_t max_connections = 0;  // 0 = no limit of its own
  Timeouts timeouts;             // complete: Defaults::timeouts are already merged in

  bool operator==(const Listener&) const = default;
};

struct Endpoint {
  Address address;
  uint32_t weight = 1;

  bool operator==(const Endpoint&) const = default;
};

struct Upstream {
  std::string name;
  Balance balance = Balance::kRoundRobin;
  std::vector<Endpoint> endpoints;  // at least one

  bool operator==(const Upstream&) const = default;
};

struct Config {
  uint32_t version = 1;
  Runtime runtime;
  Limits limits;
  Buffers buffers;
  Shutdown shutdown;
  Stats stats;
  Log log;
  Defaults defaults;
  std::vector<Listener> listeners;
  std::vector<Upstream> upstreams;

  bool operator==(const Config&) const = default;
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_CONFIG_H_
