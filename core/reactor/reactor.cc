#include "core/reactor/reactor.h"

#include <algorithm>
#include <thread>

namespace sluice::core {

void Reactor::OweWake() {
  Reactor* caller = Current();
  if (caller == nullptr) {
    while (!TryWake()) std::this_thread::sleep_for(kRetryWake);
    return;
  }
  std::vector<Reactor*>& owed = caller->owed_wakes_;
  if (std::find(owed.begin(), owed.end(), this) == owed.end()) owed.push_back(this);
}

std::optional<Duration> Reactor::RetryOwedWakes(std::optional<Duration> timeout) {
  std::erase_if(owed_wakes_, [](Reactor* reactor) { return reactor->TryWake(); });
  if (owed_wakes_.empty()) return timeout;
  return std::min(timeout.value_or(kRetryWake), kRetryWake);
}

}  // namespace sluice::core
