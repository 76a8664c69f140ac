// Which settings of a configuration are the process's own: they keep their value while it runs.
#ifndef SLUICE_PROXY_SERVER_PROCESS_SETTINGS_H_
#define SLUICE_PROXY_SERVER_PROCESS_SETTINGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "conf/config.h"

namespace sluice::proxy {

// Gives `next` the settings of `in_force` that cannot change while the process runs, and the number
// that `limits.max_connections: auto` stands for. Returns the keys whose value would be another.
// `prepared`: for so many connections the process was prepared at its start. `log_changes`: it can
// give the access log another file.
std::vector<std::string> KeepProcessSettings(const conf::Config& in_force, uint32_t prepared,
                                             bool log_changes, conf::Config& next);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_PROCESS_SETTINGS_H_
