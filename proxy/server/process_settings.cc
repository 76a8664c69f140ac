#include "proxy/server/process_settings.h"

#include "conf/diff.h"

namespace sluice::proxy {

std::vector<std::string> KeepProcessSettings(const conf::Config& in_force, uint32_t prepared,
                                             bool log_changes, conf::Config& next) {
  std::vector<std::string> kept;
  for (const conf::Change& change : conf::Compare(in_force, next).changes) {
    const std::string key = conf::KeyOf(change.path);
    if (conf::KeepsUntilRestart(key)) kept.push_back(key);
  }
  next.admin.bind = in_force.admin.bind;
  next.admin.probe_bind = in_force.admin.probe_bind;
  next.admin.state_file = in_force.admin.state_file;
  next.runtime = in_force.runtime;
  next.privileges = in_force.privileges;
  next.buffers = in_force.buffers;
  next.limits.buffer_memory_bytes = in_force.limits.buffer_memory_bytes;
  if (next.limits.max_connections == 0) next.limits.max_connections = prepared;
  if (next.limits.max_connections > prepared) {
    kept.emplace_back("limits.max_connections");
    next.limits.max_connections = in_force.limits.max_connections;
  }
  if (!log_changes && next.access_log != in_force.access_log) {
    kept.emplace_back("access_log");
    next.access_log = in_force.access_log;
  }
  return kept;
}

}  // namespace sluice::proxy
