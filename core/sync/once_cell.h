// OnceCell<T>: a value that is made once, by the first task that needs it; the others wait for it.
//
//     core::OnceCell<Connection> database;
//
//     auto connection = co_await database.GetOrInit([&] { return Connect(address); });
//     if (!connection.ok()) co_return;  // ECANCELED, or the error of Connect
//     (*connection)->Query(text);       // a Connection*
//
// The initialiser is called without arguments and returns an awaitable (a Task, as a rule) of T, or
// of an IoResult<T>. One runs at a time. If it brings an error, throws, or is cancelled (its waits
// end with ECANCELED, and it returns that), the cell stays empty, its own caller gets the error,
// and the turn passes on to the next task that waits, with that one's initialiser. First in, first
// out.
//
// Get takes no lock and no turn: ask it first where the value is needed often, for GetOrInit has a
// frame of its own. The turn is a Semaphore of one permit, closed when the value is there, as in
// Tokio.
//
// Threads: any; GetOrInit inside a task. It outlives the tasks that wait for it, and what uses the
// value. The value is shared: T says what may be done to it at the same time.
// Checked by: tests/core/sync/once_cell_test.cc.
#ifndef SLUICE_CORE_SYNC_ONCE_CELL_H_
#define SLUICE_CORE_SYNC_ONCE_CELL_H_

#include <cerrno>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/base/check.h"
#include "core/base/result.h"
#include "core/sync/semaphore.h"
#include "core/task/awaitable.h"
#include "core/task/task.h"

namespace sluice::core {

template <typename T>
class OnceCell {
 public:
  OnceCell() = default;
  OnceCell(const OnceCell&) = delete;
  OnceCell& operator=(const OnceCell&) = delete;
  ~OnceCell() {
    SLUICE_CHECK_USE(turn_.available() == 1,
                     "an initialiser of this OnceCell still runs: let the tasks that use it end "
                     "first");
  }

  // The value, or null: there is none yet.
  T* Get() { return turn_.closed() ? &*value_ : nullptr; }
  const T* Get() const { return turn_.closed() ? &*value_ : nullptr; }

  // False, and nothing has changed: there is a value, or one is being made.
  bool Set(T value) {
    const std::optional<Semaphore::Permit> turn = turn_.TryAcquire();
    if (!turn.has_value()) return false;
    Fill(std::move(value));
    return true;
  }

  template <typename Initialiser>
  Task<IoResult<T*>> GetOrInit(Initialiser initialiser) {
    if (T* value = Get()) co_return value;
    IoResult<Semaphore::Permit> turn = co_await turn_.Acquire();
    if (turn.error() == EPIPE) co_return Get();
    if (!turn.ok()) co_return IoError(turn.error());
    using Made = AwaitValue<std::invoke_result_t<Initialiser&>>;
    if constexpr (std::is_same_v<Made, IoResult<T>>) {
      IoResult<T> made = co_await initialiser();
      if (!made.ok()) co_return IoError(made.error());
      Fill(std::move(*made));
    } else {
      Fill(co_await initialiser());
    }
    co_return Get();
  }

  // For tests and logs: how many tasks wait for their turn; it may be another a moment later.
  size_t waiting() const { return turn_.waiting(); }

 private:
  // By the one that has the turn.
  void Fill(T value) {
    value_.emplace(std::move(value));
    turn_.Close();
  }

  Semaphore turn_{1};  // closed: there is a value, which changes no more
  std::optional<T> value_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SYNC_ONCE_CELL_H_
