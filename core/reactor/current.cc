// What a thread knows of its own: the reactor and the buffers of the worker that it is. Always
// reached out of line: a coroutine may go on on another thread, and a compiler keeps the address of
// a thread_local across co_await.
#include "core/reactor/buffer_pool.h"
#include "core/reactor/reactor.h"

namespace sluice::core {
namespace {

thread_local Reactor* current_reactor = nullptr;
thread_local const BufferPool* current_pool = nullptr;

}  // namespace

[[gnu::noinline]] Reactor* Reactor::Current() { return current_reactor; }

void Reactor::SetCurrent(Reactor* reactor, const BufferPool* pool) {
  current_reactor = reactor;
  current_pool = pool;
}

[[gnu::noinline]] void BufferLease::Return() {
  if (buffer_ == nullptr) return;
  Buffer* buffer = std::exchange(buffer_, nullptr);
  buffer->GiveBack(buffer->pool != nullptr && current_pool != nullptr &&
                   (buffer->pool == current_pool || buffer->pool == current_pool->large()));
}

}  // namespace sluice::core
