#include "core/io/resolve/resolve.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/combine/unordered.h"
#include "core/io/resolve/answer.h"
#include "core/io/resolve/hosts_file.h"
#include "core/io/resolve/query.h"
#include "core/net/host_name.h"
#include "core/runtime/blocking_pool.h"
#include "core/task/join.h"

namespace sluice::core {
namespace {

constexpr Duration kTtlOfFiles = 5s;
constexpr size_t kMostHostsBytes = size_t{4} << 20;
constexpr size_t kTargetsAtATime = 4;

// What is read from files before anybody is asked.
struct Prepared {
  std::vector<Address> addresses;                            // known without asking; else:
  absl::StatusOr<QueryChannelPtr> ipv4 = QueryChannelPtr();  // null: that is not asked for
  absl::StatusOr<QueryChannelPtr> ipv6 = QueryChannelPtr();
  absl::StatusOr<QueryChannelPtr> service = QueryChannelPtr();
};

std::string ReadHosts(const std::string& path) {
  std::string text;
  if (path.empty()) return text;
  std::FILE* const file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return text;
  std::array<char, 16384> chunk;
  while (text.size() < kMostHostsBytes) {
    const size_t count = std::fread(chunk.data(), 1, chunk.size(), file);
    if (count == 0) break;
    text.append(chunk.data(), count);
  }
  std::fclose(file);
  return text;
}

bool IsWanted(const Address& address, ResolveFamily family) {
  return family == ResolveFamily::kAny ||
         address.family() == (family == ResolveFamily::kIpv4 ? AF_INET : AF_INET6);
}

void KeepWanted(std::vector<Address>& addresses, ResolveFamily family) {
  std::erase_if(addresses, [family](const Address& address) { return !IsWanted(address, family); });
}

Prepared Prepare(const std::string& name, const ResolveOptions& options) {
  Prepared prepared;
  prepared.addresses = FindInHosts(ReadHosts(options.hosts_file), name);
  KeepWanted(prepared.addresses, options.family);
  if (prepared.addresses.empty()) prepared.addresses = AddressesOfLocalhost(name);
  KeepWanted(prepared.addresses, options.family);
  if (!prepared.addresses.empty()) return prepared;
  if (options.family != ResolveFamily::kIpv6) prepared.ipv4 = MakeQueryChannel(options);
  if (options.family != ResolveFamily::kIpv4) prepared.ipv6 = MakeQueryChannel(options);
  return prepared;
}

Prepared PrepareService(const ResolveOptions& options) {
  Prepared prepared;
  prepared.service = MakeQueryChannel(options);
  return prepared;
}

// On a thread that may wait for files.
template <typename Make>
auto Elsewhere(Make make) -> Task<absl::StatusOr<std::invoke_result_t<Make&>>> {
  auto outcome = co_await RunBlocking(std::move(make));
  if (outcome.has_value()) co_return std::move(outcome).value();
  if (outcome.cancelled()) co_return absl::CancelledError();
  co_return absl::ResourceExhaustedError("no thread can be started to read files");
}

void Sort(std::vector<Address>& addresses) {
  const auto key = [](const Address& address) {
    return std::tuple(address.family(), address.ToString());
  };
  std::ranges::sort(addresses, {}, key);
  const auto same = std::ranges::unique(addresses);
  addresses.erase(same.begin(), same.end());
}

using Answer = absl::StatusOr<DnsAnswer>;

// Nothing: it was not asked for.
Task<std::optional<Answer>> Ask(absl::StatusOr<QueryChannelPtr> channel, std::string name,
                                DnsType type) {
  if (!channel.ok()) co_return Answer(channel.status());
  if (*channel == nullptr) co_return std::nullopt;
  co_return co_await Query(*std::move(channel), std::move(name), type);
}

// Not known: there may be addresses.
bool IsLacking(const std::optional<Answer>& answer) {
  return answer && !answer->ok() && !absl::IsNotFound(answer->status());
}

absl::StatusOr<ResolvedHost> Merge(const std::optional<Answer>& ipv4,
                                   const std::optional<Answer>& ipv6) {
  ResolvedHost host{.lacks_ipv4 = IsLacking(ipv4), .lacks_ipv6 = IsLacking(ipv6)};
  std::optional<uint32_t> ttl;
  absl::Status why = absl::NotFoundError("nothing was asked for");
  bool is_first = true;
  for (const std::optional<Answer>* each : {&ipv4, &ipv6}) {
    if (!*each) continue;
    const Answer& answer = **each;
    if (answer.ok()) {
      host.addresses.insert(host.addresses.end(), answer->addresses.begin(),
                            answer->addresses.end());
      ttl = std::min(ttl.value_or(answer->ttl_seconds), answer->ttl_seconds);
    } else if (std::exchange(is_first, false) || absl::IsNotFound(why)) {
      why = answer.status();
    }
  }
  if (!ttl) return why;
  host.ttl = std::chrono::seconds(*ttl);
  Sort(host.addresses);
  return host;
}

}  // namespace

Task<absl::StatusOr<ResolvedHost>> Resolve(std::string name, ResolveOptions options) {
  if (const absl::StatusOr<Address> address = Address::ParseHost(name); address.ok()) {
    if (!IsWanted(*address, options.family)) {
      co_return absl::NotFoundError(absl::StrCat(name, " is an address of the other family"));
    }
    co_return ResolvedHost{.addresses = {*address}, .ttl = kTtlOfFiles};
  }
  if (!IsHostName(name)) {
    co_return absl::InvalidArgumentError(absl::StrCat(name, " is no name"));
  }
  absl::StatusOr<Prepared> prepared =
      co_await Elsewhere([&name, &options] { return Prepare(name, options); });
  if (!prepared.ok()) co_return prepared.status();
  if (!prepared->addresses.empty()) {
    ResolvedHost host{.addresses = std::move(prepared->addresses), .ttl = kTtlOfFiles};
    Sort(host.addresses);
    co_return host;
  }
  const auto [ipv4, ipv6] = co_await Join(Ask(std::move(prepared->ipv4), name, DnsType::kA),
                                          Ask(std::move(prepared->ipv6), name, DnsType::kAaaa));
  co_return Merge(ipv4, ipv6);
}

namespace {

struct Target {
  ServiceTarget target;
  absl::Status status;  // not OK: it is not known which addresses it has
  Duration ttl{0};
};

Task<Target> ResolveTarget(DnsService service, const ResolveOptions& options) {
  Target found;
  const absl::StatusOr<ResolvedHost> host = co_await Resolve(service.host, options);
  found.target = {.host = service.host,
                  .addresses = {},
                  .lacks_ipv4 = host.ok() && host->lacks_ipv4,
                  .lacks_ipv6 = host.ok() && host->lacks_ipv6,
                  .priority = service.priority,
                  .weight = service.weight};
  if (!host.ok()) {
    if (!absl::IsNotFound(host.status())) found.status = host.status();
    co_return found;
  }
  found.ttl = host->ttl;
  for (const Address& address : host->addresses) {
    found.target.addresses.push_back(address.WithPort(service.port));
  }
  co_return found;
}

}  // namespace

Task<absl::StatusOr<ResolvedService>> ResolveService(std::string name, ResolveOptions options) {
  if (!IsHostName(name)) {
    co_return absl::InvalidArgumentError(absl::StrCat(name, " is no name"));
  }
  absl::StatusOr<Prepared> prepared =
      co_await Elsewhere([&options] { return PrepareService(options); });
  if (!prepared.ok()) co_return prepared.status();
  if (!prepared->service.ok()) co_return prepared->service.status();
  absl::StatusOr<DnsAnswer> answer =
      co_await Query(*std::move(prepared->service), name, DnsType::kSrv);
  if (!answer.ok()) co_return answer.status();
  if (answer->services.size() > kMostServiceTargets) {
    co_return absl::UnavailableError(absl::StrCat(name, " has ", answer->services.size(),
                                                  " servers, allowed: ", kMostServiceTargets));
  }
  ResolvedService service{.targets = {}, .ttl = std::chrono::seconds(answer->ttl_seconds)};
  Unordered<Target> targets;
  size_t begun = 0;
  size_t addresses = 0;
  absl::Status status;
  for (;;) {
    while (status.ok() && begun < answer->services.size() && targets.size() < kTargetsAtATime) {
      targets.Add(ResolveTarget(std::move(answer->services[begun++]), options));
    }
    std::optional<Target> target = co_await targets.Next();
    if (!target) break;
    status.Update(target->status);
    if (!status.ok() || target->target.addresses.empty()) continue;
    addresses += target->target.addresses.size();
    if (addresses > kMostServiceAddresses) {
      status = absl::UnavailableError(absl::StrCat(name, " has more than ", kMostServiceAddresses,
                                                   " addresses, which are not kept"));
      service.targets.clear();
      continue;
    }
    service.ttl = std::min(service.ttl, target->ttl);
    service.targets.push_back(std::move(target->target));
  }
  if (!status.ok()) co_return status;
  if (service.targets.empty()) {
    co_return absl::NotFoundError(absl::StrCat("no server of ", name, " has an address"));
  }
  std::ranges::sort(service.targets, {}, [](const ServiceTarget& target) {
    return std::tuple(target.priority, target.host, target.addresses[0].port(), target.weight);
  });
  co_return service;
}

}  // namespace sluice::core
