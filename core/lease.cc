// BufferLease::Return: the one place where a lease asks which worker it is on.
#include "core/worker.h"

namespace sluice::core {

void BufferLease::Return() {
  if (buffer_ == nullptr) return;
  Buffer* buffer = std::exchange(buffer_, nullptr);
  const Worker* worker = Worker::Current();
  buffer->GiveBack(worker != nullptr && worker->Owns(buffer->pool));
}

}  // namespace sluice::core
