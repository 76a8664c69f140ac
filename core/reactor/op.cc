#include "core/reactor/op.h"

#include <utility>

#include "core/reactor/reactor.h"

namespace sluice::core {

void Op::Cancel() {
  if (!in_flight || cancel_requested) return;
  cancel_requested = true;
  reactor->Cancel(*this);
}

void Op::OnReady() {
  if (retry) {
    retry = false;
    if (!reactor->Retry(*this)) return;  // back in flight
  }
  in_flight = false;
  cancel_requested = false;
  if (waiter) std::exchange(waiter, {}).resume();
}

}  // namespace sluice::core
