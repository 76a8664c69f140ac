// TopAsker: what a view on a terminal asks of a process, and what is said when that fails.
#ifndef SLUICE_PROXY_TOP_ASKER_H_
#define SLUICE_PROXY_TOP_ASKER_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/base/time.h"
#include "proxy/ctl/json.h"
#include "proxy/ctl/options.h"

namespace sluice::proxy {

class TopAsker {
 public:
  // A key waits for an answer: short, but longer than an answer of a busy host takes.
  static constexpr core::Duration kPatience = 1500ms;

  // `options` outlives it.
  explicit TopAsker(const CtlSettings& options) : options_(options) {}

  absl::StatusOr<JsonValue> Ask(std::string_view method, const std::string& target,
                                core::Duration patience = kPatience) const;

 private:
  const CtlSettings& options_;
};

// "14:03:59"
std::string TimeOfDay();

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_TOP_ASKER_H_
