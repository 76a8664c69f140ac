// The effective configuration as YAML: every key, defaults and inherited values filled in.
//
// For a Config that came from LoadFile or LoadString, loading the text gives an equal Config.

#ifndef SLUICE_CONF_PRINT_H_
#define SLUICE_CONF_PRINT_H_

#include <string>

#include "conf/config.h"

namespace sluice::conf {

std::string Print(const Config& config);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_PRINT_H_
