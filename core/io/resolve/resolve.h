// Resolve: the addresses of a name; ResolveService: the servers of a service (SRV records).
//
//     absl::StatusOr<ResolvedHost> host = co_await Resolve("db.internal");
//     if (!host.ok()) co_return host.status();
//     Connect(fd, host->addresses[0].WithPort(5432));
//
// /etc/hosts first, then name servers over UDP, and over TCP what is cut short. The answers are
// sorted, for servers turn them round from one to the next. `ttl` says how long one may be
// believed; nothing is kept here. An IP address is its own answer.
//
//   NOT_FOUND            there is no such name, or it has no such record
//   UNAVAILABLE          no server has answered, or with something else than an answer: ask again
//   INVALID_ARGUMENT     it cannot be a name
//   CANCELLED            the scope was cancelled: everything has been closed
//   FAILED_PRECONDITION  the library is not installed (library.h)
//   RESOURCE_EXHAUSTED   no memory, no thread
//
// Threads: inside a task, of any runtime. Files are read on a thread of its blocking pool.
// Checked by: tests/core/io/resolve/resolve_test.cc (both backends).
#ifndef SLUICE_CORE_IO_RESOLVE_RESOLVE_H_
#define SLUICE_CORE_IO_RESOLVE_RESOLVE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/time.h"
#include "core/io/resolve/options.h"
#include "core/net/address.h"
#include "core/task/task.h"

namespace sluice::core {

struct ResolvedHost {
  std::vector<Address> addresses = {};  // with port 0; sorted, at least one
  Duration ttl{0};
  // Of this family it is not known what there is: its question was not answered. (A server that
  // knows a name by itself may refuse the question for the family that it has nothing of.)
  bool lacks_ipv4 = false;
  bool lacks_ipv6 = false;

  bool operator==(const ResolvedHost&) const = default;
};

Task<absl::StatusOr<ResolvedHost>> Resolve(std::string name, ResolveOptions options = {});

// One server of a service. `addresses` have its port.
struct ServiceTarget {
  std::string host;
  std::vector<Address> addresses;
  bool lacks_ipv4 = false;  // as of a host
  bool lacks_ipv6 = false;
  uint16_t priority = 0;  // a smaller one is better
  uint16_t weight = 0;

  bool operator==(const ServiceTarget&) const = default;
};

struct ResolvedService {
  std::vector<ServiceTarget> targets;  // sorted
  Duration ttl{0};                     // also of their addresses

  bool operator==(const ResolvedService&) const = default;
};

// More targets than that are an error (UNAVAILABLE).
inline constexpr size_t kMostServiceTargets = 1024;
// And addresses of all of them.
inline constexpr size_t kMostServiceAddresses = 10'000;

// A target without an address is left out. If neither of its questions is answered, nothing is
// known (UNAVAILABLE).
Task<absl::StatusOr<ResolvedService>> ResolveService(std::string name, ResolveOptions options = {});

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_RESOLVE_RESOLVE_H_
