// Which settings of a configuration are the process's own: they keep their value while it runs.
#ifndef SLUICE_PROXY_SERVER_PROCESS_SETTINGS_H_
#define SLUICE_PROXY_SERVER_PROCESS_SETTINGS_H_

#include <string>
#include <vector>

#include "conf/config.h"

namespace sluice::proxy {

// Gives `next` the process's settings of `now`. Returns the names of the sections where they were
// others.
std::vector<std::string> KeepProcessSettings(const conf::Config& now, conf::Config& next);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_PROCESS_SETTINGS_H_
