// The manual: sluice(1), sluice.yaml(5) and sluice-ctl(1), made of the tables that the program
// itself goes by, so that no option, command or key can be missing or told in two ways.
//
// Checked by: tests/release/test_manual.py.
#ifndef SLUICE_PROXY_APP_MANUAL_H_
#define SLUICE_PROXY_APP_MANUAL_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice::proxy {

// `page`: "sluice.1", "sluice.yaml.5" or "sluice-ctl.1", as man(7) has it. `date`: "2026-11-29".
absl::StatusOr<std::string> ManualPage(std::string_view page, std::string_view date);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_APP_MANUAL_H_
