#include "proxy/server/next_topology.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proxy/server/process_settings.h"

namespace sluice::proxy {
namespace {

using core::LogLevel;

constexpr size_t kShown = 1000;  // lines; the log holds 8192

// Another prefix makes other sources: Admission begins a new count then.
bool BeginsCount(const conf::PerSource& before, const conf::PerSource& after) {
  const bool splits_like =
      before.ipv4_prefix == after.ipv4_prefix && before.ipv6_prefix == after.ipv6_prefix;
  return !splits_like && before.max_connections > 0 && after.max_connections > 0;
}

std::vector<std::string> Recounted(const conf::Config& before, const conf::Config& after) {
  std::unordered_map<std::string_view, const conf::PerSource*> known;  // by the listener's name
  for (const conf::Listener& listener : before.listeners) {
    known.emplace(listener.name, &listener.per_source);
  }
  std::vector<std::string> names;
  for (const conf::Listener& listener : after.listeners) {
    const auto same = known.find(listener.name);
    if (same == known.end()) continue;
    if (BeginsCount(*same->second, listener.per_source)) names.push_back(listener.name);
  }
  return names;
}

}  // namespace

NextTopology MakeNextTopology(conf::Config config, ListenersOptions options,
                              const NextTopologySources& sources) {
  NextTopology next;
  const conf::Config& in_force = sources.before.config();
  const AccessLog* const log = sources.services.access_log;
  next.kept = KeepProcessSettings(in_force, sources.at_start.limits.max_connections,
                                  log != nullptr && log->can_change(), config);
  next.diff = conf::Sentences(conf::Compare(in_force, config));
  next.recounted = Recounted(in_force, config);
  next.topology = core::MakeRef<Topology>(std::move(config), sources.services, &sources.before);
  next.addresses = Addresses(next.topology->config(), std::move(options), sources.runtime,
                             sources.accept_context, sources.addresses);
  const std::vector<std::string>& kept = next.addresses.kept_options();
  next.kept.insert(next.kept.end(), kept.begin(), kept.end());
  return next;
}

void LogDiff(const NextTopology& next, Events& events) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < std::min(next.diff.size(), kShown); ++i) {
    lines.push_back(absl::StrCat("reload: ", next.diff[i]));
  }
  if (next.diff.size() > kShown) {
    lines.push_back(absl::StrCat("reload: and ", next.diff.size() - kShown, " more"));
  }
  if (next.diff.empty()) lines.emplace_back("reload: nothing else is different");
  events.TellLines({EventKind::kReload}, LogLevel::kInfo, lines);
  if (!next.recounted.empty()) {
    events.Tell({EventKind::kReload}, LogLevel::kWarn,
                "per_source has another prefix: connections that are open count for no source any "
                "more (listener %s)",
                absl::StrJoin(next.recounted, ", "));
  }
  if (next.kept.empty()) return;
  events.Tell({EventKind::kReload}, LogLevel::kWarn,
              "settings that keep their value until a restart: %s", absl::StrJoin(next.kept, ", "));
}

}  // namespace sluice::proxy
