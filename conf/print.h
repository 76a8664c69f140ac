// The effective configuration as YAML: every key, defaults and inherited values filled in.
//
// For a Config that came from LoadFile or LoadString, loading the text gives an equal Config, but
// that the paths of access lists are absolute.

#ifndef SLUICE_CONF_PRINT_H_
#define SLUICE_CONF_PRINT_H_

#include <string>

#include "conf/config.h"

namespace sluice::conf {

// kHide: "***" stands for each secret that is set.
enum class Secrets { kShow, kHide };

std::string Print(const Config& config, Secrets secrets = Secrets::kShow);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_PRINT_H_
