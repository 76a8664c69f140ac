#include "proxy/app/descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/reactor/accept_op.h"
#include "core/reactor/op.h"
#include "core/runtime/backend.h"
#include "proxy/admin/http/http_server.h"

namespace sluice::proxy {
namespace {

constexpr uint64_t kPerConnection = 2;
constexpr uint64_t kMostChecks = 256;  // HealthMonitors::kMostChecks
constexpr uint64_t kSpare = 64;        // files that libraries open, closes that are on their way
constexpr uint64_t kMostAsking = 32;   // EndpointSources::kMostAsking
constexpr uint64_t kPerAnswer = 8;     // sockets, for each family and server that is asked
constexpr uint64_t kPerFile = 3;  // two watches while one takes the other's place, and the file
constexpr uint64_t kAdminAddresses = 2;
constexpr uint64_t kLogDescriptors = 3;  // the file, what ends its thread, a file to change to

}  // namespace

DescriptorNeeds NeedsOf(const conf::Config& config, uint32_t workers) {
  DescriptorNeeds needs{.workers = workers};
  for (const conf::Listener& listener : config.listeners) needs.addresses += listener.bind.size();
  if (config.access_log.path != "off") needs.logs = kLogDescriptors;
  if (config.admin.enabled()) needs.admin = HttpServer::kDescriptors + kAdminAddresses;
  uint64_t asking = 0;
  for (const conf::Upstream& upstream : config.upstreams) {
    uint64_t endpoints = upstream.endpoints.size();
    const auto names = static_cast<uint64_t>(
        std::ranges::count_if(upstream.endpoints, &conf::Endpoint::is_host) +
        (upstream.discover.dns.name.empty() ? 0 : 1) + (upstream.discover.dns.srv.empty() ? 0 : 1));
    asking += names;
    if (!upstream.discover.file.empty()) needs.sources += kPerFile;
    const bool discovers = names > 0 || !upstream.discover.is_off();
    if (discovers) endpoints = kMostChecks;  // there may be any number
    if (upstream.health.check != conf::Check::kOff) needs.checks += endpoints;
    if (upstream.agent.port != 0) needs.checks += endpoints;
  }
  needs.sources += kPerAnswer * std::min(asking, kMostAsking);
  needs.checks = std::min(needs.checks, kMostChecks);
  return needs;
}

uint64_t DescriptorNeeds::unjudged() const { return addresses * workers * core::kAcceptsPerSubmit; }

uint64_t RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return core::kMaxDescriptors;
  const rlim_t wanted = std::min<rlim_t>(limit.rlim_max, core::kMaxDescriptors);
  if (limit.rlim_cur == wanted) return wanted;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = wanted;
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return wanted;
  return before;
}

uint64_t OpenDescriptors() {
  uint64_t open = 0;
  if (DIR* folder = opendir("/proc/self/fd")) {
    while (const dirent* entry = readdir(folder)) {  // NOLINT(concurrency-mt-unsafe): its own DIR
      if (entry->d_name[0] != '.') ++open;
    }
    closedir(folder);
    return open - 1;  // the folder itself
  }
  constexpr int kLikely = 1024;  // without /proc
  for (int fd = 0; fd < kLikely; ++fd) open += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return open;
}

uint32_t DefaultConnections(const DescriptorNeeds& needs, uint64_t limit, uint64_t open) {
  const uint64_t taken = open + needs.to_run();
  const uint64_t left = limit > taken ? limit - taken : 0;
  const uint64_t spare = std::min(needs.unjudged() + kSpare, left / 2);
  return static_cast<uint32_t>(
      std::clamp<uint64_t>((left - spare) / kPerConnection, 1, kMostByDefault));
}

absl::StatusOr<std::string> CheckDescriptors(const DescriptorNeeds& needs, uint64_t max_connections,
                                             uint64_t limit, uint64_t open) {
  const uint64_t before_any = open + needs.to_run();
  if (before_any + kPerConnection > limit) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "too few descriptors to serve a connection: this process may open ", limit, ", has ", open,
        " and needs ", needs.to_run() + kPerConnection, " more: ", needs.to_listen(), " for ",
        needs.addresses, " addresses and ", needs.workers,
        " workers, each of which accepts at each, ", needs.to_run() - needs.to_listen(),
        " for the workers themselves, the access log, the admin endpoint, checks "
        "and sources of endpoints, ",
        kPerConnection, " for a connection (raise RLIMIT_NOFILE or lower runtime.workers)"));
  }
  const uint64_t needed = before_any + kPerConnection * max_connections + needs.unjudged() + kSpare;
  if (needed <= limit) return "";
  return absl::StrCat("limits.max_connections ", max_connections, " needs ", needed,
                      " descriptors but this process may open ", limit,
                      ": beyond that clients wait or are reset (raise RLIMIT_NOFILE or lower the "
                      "limit)");
}

}  // namespace sluice::proxy
