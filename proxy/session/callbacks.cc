#include "proxy/session/callbacks.h"

#include "core/sched/worker.h"

namespace sluice::proxy {

void SessionCallbacks::MoveTimer(core::Instant deadline) {
  if (armed() && !Disarm()) return;  // it is about to fire, and the session will look
  core::Worker::Current()->wheel().Arm(*this, deadline, task());
}

}  // namespace sluice::proxy
