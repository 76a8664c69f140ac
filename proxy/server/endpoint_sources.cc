#include "proxy/server/endpoint_sources.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/sched/worker.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "proxy/server/config_watch.h"

namespace sluice::proxy {
namespace {

using core::LogLevel;

core::Task<absl::Status> WaitForFile(std::string path, uint64_t digest, RunElsewhere elsewhere) {
  ConfigWatch watch;
  watch.Set({{.path = std::move(path), .is_pattern = false, .digest = digest}});
  co_return co_await watch.WaitForChange(std::move(elsewhere));
}

std::set<std::string> NamesOf(const Snapshot& snapshot) {
  std::set<std::string> names;
  for (const conf::Endpoint& each : snapshot) names.insert(each.Identity());
  return names;
}

conf::Dns DnsFor(const core::Address& source, conf::Dns dns) {
  if (source.is_ip() && dns.family == conf::DnsFamily::kAny) {
    dns.family = source.family() == AF_INET ? conf::DnsFamily::kIpv4 : conf::DnsFamily::kIpv6;
  }
  return dns;
}

// A socket bound to an address of one family cannot connect to one of the other.
absl::Status CheckFamilies(const core::Address& source, const Snapshot& snapshot) {
  if (!source.is_ip()) return absl::OkStatus();
  const auto other = std::ranges::find_if(snapshot, [&source](const conf::Endpoint& each) {
    return each.address.is_ip() && each.address.family() != source.family();
  });
  if (other == snapshot.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("source_address ", source.HostToString(), " cannot reach the endpoint ",
                   other->address.ToString(), ": both have to be IPv4, or both IPv6"));
}

}  // namespace

std::vector<EndpointSources::WatchedPtr> EndpointSources::SourcesFor(
    const conf::Config& config, const RunElsewhere& elsewhere) {
  std::vector<WatchedPtr> all;
  for (const conf::Upstream& upstream : config.upstreams) {
    const conf::Dns dns = DnsFor(upstream.source_address, config.dns);
    for (SourceSpec& spec : SourcesOf(upstream)) {
      const auto asks_it = [&](const WatchedPtr& each) {
        return each->upstream == upstream.name && each->spec == spec;
      };
      const auto same = std::ranges::find_if(watched_, [&](const WatchedPtr& each) {
        return asks_it(each) && each->dns == dns && each->source == upstream.source_address;
      });
      if (same != watched_.end()) {
        all.push_back(*same);
        continue;
      }
      const auto watched = std::make_shared<Watched>();
      const auto before = std::ranges::find_if(watched_, asks_it);
      if (before != watched_.end()) watched->before = *before;
      watched->upstream = upstream.name;
      watched->spec = std::move(spec);
      watched->dns = dns;
      watched->source = upstream.source_address;
      all.push_back(watched);
      tasks_.Spawn(Watch(watched, elsewhere));
    }
  }
  return all;
}

void EndpointSources::Add(const conf::Config& config, const RunElsewhere& elsewhere) {
  for (WatchedPtr& each : SourcesFor(config, elsewhere)) {
    if (std::ranges::find(watched_, each) == watched_.end()) watched_.push_back(std::move(each));
  }
}

void EndpointSources::Follow(const conf::Config& config, const RunElsewhere& elsewhere) {
  std::vector<WatchedPtr> all = SourcesFor(config, elsewhere);
  for (const WatchedPtr& each : watched_) {
    if (std::ranges::find(all, each) == all.end()) each->stop.Cancel();
  }
  for (const WatchedPtr& each : all) each->in_force.Cancel();
  watched_ = std::move(all);
}

void EndpointSources::TellBegun(Watched& watched) {
  if (!watched.has_begun.exchange(true, std::memory_order_acq_rel)) begun_.All();
}

bool EndpointSources::HaveAllBegun() const {
  return std::ranges::all_of(watched_, [](const WatchedPtr& each) {
    return each->has_begun.load(std::memory_order_acquire);
  });
}

core::Task<void> EndpointSources::UntilFirst(core::Duration limit) {
  const core::Clock& clock = core::Worker::Current()->clock();
  const core::Instant end = clock.Now() + limit;
  for (;;) {
    auto change = begun_.Wait();  // before it looks
    if (HaveAllBegun() || clock.Now() >= end) co_return;
    auto outcome = co_await core::Select(core::Named<"change">(change),
                                         core::Named<"end">(core::Sleep(end - clock.Now())));
    if (outcome.Won<"end">()) co_return;
    if (!outcome.Get<"change">().ok()) co_return;
  }
}

core::Task<void> EndpointSources::Stop() {
  for (const WatchedPtr& each : watched_) each->stop.Cancel();
  watched_.clear();
  co_await tasks_.Join();
}

// Before its first answer is applied: false if it is not to be. What both found has one place in
// the upstream, so the one before has to have ended.
core::Task<bool> EndpointSources::TakePlace(Watched& watched) {
  const WatchedPtr before = std::exchange(watched.before, nullptr);
  if (before == nullptr) co_return true;
  TellBegun(watched);
  (void)co_await core::Select(core::Named<"force">(watched.in_force.token().Cancelled()),
                              core::Named<"stop">(watched.stop.token().Cancelled()));
  if (watched.stop.cancelled()) co_return false;
  co_return co_await before->ended.token().Cancelled();
}

core::Task<void> EndpointSources::Watch(WatchedPtr watched, RunElsewhere elsewhere) {
  const absl::Cleanup end = [&watched] {
    watched->before = nullptr;
    watched->ended.Cancel();
  };
  const uint64_t seed =
      static_cast<uint64_t>(getpid()) << 32 | seeds_.fetch_add(1, std::memory_order_relaxed) << 16;
  const auto wait = [elsewhere](std::string path, uint64_t digest) {
    return WaitForFile(std::move(path), digest, elsewhere);
  };
  const std::unique_ptr<EndpointSource> source = make_(watched->spec, {.dns = watched->dns,
                                                                       .elsewhere = elsewhere,
                                                                       .wait_for_change = wait,
                                                                       .turns = &turns_,
                                                                       .seed = seed});
  std::optional<Snapshot> last;
  std::string told;  // the last error, so that each is told once
  while (!watched->stop.cancelled()) {
    auto outcome = co_await core::Select(core::Named<"next">(source->Next()),
                                         core::Named<"stop">(watched->stop.token().Cancelled()));
    if (watched->stop.cancelled()) break;
    absl::StatusOr<Snapshot>& next = outcome.Get<"next">();
    if (next.ok()) {
      const absl::Status families = CheckFamilies(watched->source, *next);
      if (!families.ok()) next = families;
    }
    if (next.ok()) {
      if (!told.empty()) {
        events_.Tell({EventKind::kEndpoint, watched->upstream}, LogLevel::kInfo,
                     "upstream %s: %s: it is known again", watched->upstream, watched->spec.Key());
      }
      told.clear();
      if (!co_await TakePlace(*watched)) break;
      if (!last || *last != *next) {
        co_await Apply(*watched, last, *next, elsewhere);
        last = *std::move(next);
      }
    } else if (told != next.status().message()) {
      told = std::string(next.status().message());
      const bool has_endpoints = last.has_value() || watched->before != nullptr;
      TellError(*watched, next.status(), has_endpoints);
    }
    TellBegun(*watched);
  }
}

// Where no thread can be started it is done here.
core::Task<void> EndpointSources::Apply(const Watched& watched, const std::optional<Snapshot>& was,
                                        const Snapshot& is, const RunElsewhere& elsewhere) {
  const auto apply = [&] {
    TellChange(watched, was, is);
    const bool serves = serves_.load(std::memory_order_relaxed);
    actions_.Discover(watched.upstream, watched.spec.Key(), is,
                      serves ? Joiners::kUnchecked : Joiners::kUsable);
  };
  const absl::Status applied = co_await elsewhere(apply);
  if (!applied.ok()) apply();
}

void EndpointSources::TellChange(const Watched& watched, const std::optional<Snapshot>& was,
                                 const Snapshot& is) {
  const EventSubject subject{EventKind::kEndpoint, watched.upstream};
  if (!was) {
    events_.Tell(subject, LogLevel::kInfo, "upstream %s: %s: %d endpoints", watched.upstream,
                 watched.spec.Key(), is.size());
    return;
  }
  const std::set<std::string> before = NamesOf(*was);
  const std::set<std::string> after = NamesOf(is);
  const auto missing_in = [](const std::set<std::string>& names, const std::set<std::string>& of) {
    return std::ranges::count_if(of,
                                 [&](const std::string& name) { return !names.contains(name); });
  };
  events_.Tell(subject, LogLevel::kInfo, "upstream %s: %s: %d endpoints, %d joined, %d left",
               watched.upstream, watched.spec.Key(), is.size(), missing_in(before, after),
               missing_in(after, before));
}

void EndpointSources::TellError(const Watched& watched, const absl::Status& status,
                                bool has_endpoints) {
  // A file that is yet to come, or a name, is nothing wrong with what is there.
  const LogLevel level =
      absl::IsInvalidArgument(status) && watched.spec.kind == SourceSpec::Kind::kFile
          ? LogLevel::kError
          : LogLevel::kWarn;
  const EventSubject subject{EventKind::kEndpoint, watched.upstream};
  events_.TellLines(subject, level,
                    std::vector<std::string>(absl::StrSplit(status.message(), '\n')));
  events_.Tell(
      subject, level, "upstream %s: %s: %s", watched.upstream, watched.spec.Key(),
      has_endpoints ? "its endpoints stay as they were" : "no endpoints of it are known yet");
}

}  // namespace sluice::proxy
