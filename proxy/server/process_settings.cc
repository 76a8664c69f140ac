#include "proxy/server/process_settings.h"

namespace sluice::proxy {

std::vector<std::string> KeepProcessSettings(const conf::Config& now, conf::Config& next) {
  std::vector<std::string> kept;
  const auto keep = [&](const char* name, const auto& value, auto& changed) {
    if (changed == value) return;
    kept.emplace_back(name);
    changed = value;
  };
  keep("runtime", now.runtime, next.runtime);
  conf::Limits limits = now.limits;
  limits.on_limit = next.limits.on_limit;  // a default of listeners
  // `auto` in the file; what it came to at the start is kept and is no change.
  if (next.limits.max_connections == 0) next.limits.max_connections = limits.max_connections;
  keep("limits", limits, next.limits);
  keep("buffers", now.buffers, next.buffers);
  keep("shutdown", now.shutdown, next.shutdown);
  keep("stats", now.stats, next.stats);
  keep("log", now.log, next.log);
  keep("access_log", now.access_log, next.access_log);
  return kept;
}

}  // namespace sluice::proxy
