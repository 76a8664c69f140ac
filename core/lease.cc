// BufferLease::Return: the one place where a lease asks which worker it is on.
#include "core/worker.h"

namespace sluice::core {

void BufferLease::Return() {
  if (buffer_ == nullptr) return;
  Buffer* buffer = std::exchange(buffer_, nullptr);
  if (buffer->pool == nullptr) {
    buffer->reserve->Release(buffer);
    return;
  }
  const Worker* worker = Worker::Current();
  buffer->pool->Release(buffer, worker != nullptr && worker->Owns(*buffer->pool));
}

}  // namespace sluice::core
