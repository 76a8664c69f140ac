// Join: waits for several awaitables side by side inside one task.
//
// `auto [a, b] = co_await Join(A(), Sleep(1s));` A co_await of void brings a Unit. Nothing is
// allocated besides the frames of the Tasks among them. Each has a cancel scope of its own; when
// the enclosing scope is cancelled, all are.
#ifndef SLUICE_CORE_TASK_JOIN_H_
#define SLUICE_CORE_TASK_JOIN_H_

#include <utility>

#include "core/task/awaitable.h"
#include "core/task/branches.h"

namespace sluice::core {

template <typename... A>
class [[nodiscard]] JoinAwaiter final : public internal::Branches<A...> {
 public:
  explicit JoinAwaiter(A&&... awaitables)
      : internal::Branches<A...>(/*cancel_rest=*/false, std::forward<A>(awaitables)...) {}

  auto await_resume() { return this->TakeValues(); }
};

// Tasks and other awaitables that can be moved are moved into it; any other must live until it has
// been awaited, as all do that stand in the same expression.
template <Awaitable... A>
JoinAwaiter<A...> Join(A&&... awaitables) {
  return JoinAwaiter<A...>(std::forward<A>(awaitables)...);
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_JOIN_H_
