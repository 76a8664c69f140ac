#include "proxy/upstream/discovery/dns_source.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "absl/strings/str_cat.h"
#include "core/base/random.h"
#include "core/time/sleep.h"
#include "proxy/upstream/discovery/named_endpoints.h"

namespace sluice::proxy {
namespace {

constexpr core::Duration kFirstPause = 1s;
constexpr core::Duration kLongestPause = 30s;
constexpr uint32_t kMostDoublings = 5;

core::ResolveOptions OptionsOf(const conf::Dns& dns) {
  core::ResolveOptions options;
  options.servers = dns.servers;
  options.timeout = dns.timeout;
  options.family = dns.family == conf::DnsFamily::kIpv4   ? core::ResolveFamily::kIpv4
                   : dns.family == conf::DnsFamily::kIpv6 ? core::ResolveFamily::kIpv6
                                                          : core::ResolveFamily::kAny;
  return options;
}

absl::Status Named(const SourceSpec& spec, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(spec.Key(), ": ", std::string(status.message())));
}

// Before anything is made of an answer, and before it is kept.
absl::Status CheckSize(size_t addresses) {
  if (addresses <= kMostOfSource) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("there are ", addresses, " addresses, allowed: ", kMostOfSource));
}

// Of a target in an answer: it has an address.
uint16_t PortOf(const core::ServiceTarget& target) { return target.addresses[0].port(); }

// `answer`: a host or a target. What is known of a family whose question was not answered stays.
// IPv4 is first, as in answers.
void KeepLacking(auto& answer, std::span<const core::Address> known) {
  std::vector<core::Address>& addresses = answer.addresses;
  std::ptrdiff_t ipv4_kept = 0;
  for (const core::Address& each : known) {
    const bool is_ipv4 = each.family() == AF_INET;
    if (is_ipv4 && answer.lacks_ipv4) addresses.insert(addresses.begin() + ipv4_kept++, each);
    if (!is_ipv4 && answer.lacks_ipv6) addresses.push_back(each);
  }
}

}  // namespace

DnsSource::DnsSource(SourceSpec spec, SourceSettings settings)
    : spec_(std::move(spec)), settings_(std::move(settings)), options_(OptionsOf(settings_.dns)) {}

core::Task<DnsSource::Answer> DnsSource::AskForHost() {
  absl::StatusOr<core::ResolvedHost> host = co_await core::Resolve(spec_.name, options_);
  if (!host.ok()) co_return Answer{.endpoints = host.status()};
  KeepLacking(*host, addresses_);
  absl::Status size = CheckSize(host->addresses.size());
  if (!size.ok()) co_return Answer{.endpoints = std::move(size)};
  addresses_ = std::move(host->addresses);
  co_return Answer{.endpoints = EndpointsOfHost(spec_.name, spec_.port, addresses_),
                   .ttl = host->ttl};
}

core::Task<DnsSource::Answer> DnsSource::AskForService() {
  absl::StatusOr<core::ResolvedService> service =
      co_await core::ResolveService(spec_.name, options_);
  if (!service.ok()) co_return Answer{.endpoints = service.status()};
  size_t addresses = 0;
  for (core::ServiceTarget& target : service->targets) {
    const auto same = std::ranges::find_if(targets_, [&target](const core::ServiceTarget& known) {
      return known.host == target.host && PortOf(known) == PortOf(target);
    });
    if (same != targets_.end()) KeepLacking(target, same->addresses);
    addresses += target.addresses.size();
  }
  absl::Status size = CheckSize(addresses);
  if (!size.ok()) co_return Answer{.endpoints = std::move(size)};
  targets_ = std::move(service->targets);
  co_return Answer{.endpoints = EndpointsOfService(targets_), .ttl = service->ttl};
}

core::Task<DnsSource::Answer> DnsSource::Ask() {
  if (spec_.kind == SourceSpec::Kind::kHost) co_return co_await AskForHost();
  co_return co_await AskForService();
}

core::Duration DnsSource::PauseAfter(const Answer& answer) {
  core::Duration pause = answer.ttl;
  if (answer.endpoints.ok()) {
    errors_ = 0;
  } else {
    pause = std::min(kLongestPause, kFirstPause * (1 << std::min(errors_, kMostDoublings)));
    ++errors_;
  }
  pause = std::clamp(pause, settings_.dns.min_ttl, settings_.dns.max_ttl);
  return pause - core::Jitter(pause / 10 + core::Duration(1), settings_.seed + ++draws_);
}

core::Task<absl::StatusOr<Snapshot>> DnsSource::Next() {
  if (pause_ > 0s && !co_await core::Sleep(pause_)) co_return absl::CancelledError();
  std::optional<Answer> asked;
  {
    const auto turn = co_await settings_.turns->Acquire();
    if (!turn.ok()) co_return absl::CancelledError();
    asked = co_await Ask();
  }
  Answer& answer = *asked;
  if (absl::IsCancelled(answer.endpoints.status())) co_return answer.endpoints.status();
  pause_ = PauseAfter(answer);
  if (!answer.endpoints.ok()) co_return Named(spec_, answer.endpoints.status());
  co_return std::move(answer.endpoints);
}

}  // namespace sluice::proxy
