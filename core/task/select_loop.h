// SelectLoop: waits, turn after turn, for the next of several things, and cancels none of them.
//
//     SelectLoop loop(Repeat<"line">([&] { return lines.Next(); }),
//                     Repeat<"tick">([&] { return heartbeat.Tick(); }));
//     while (co_await loop.Next()) {                       // false: the scope is cancelled
//       if (auto line = loop.Take<"line">()) {
//         if (!co_await Handle(*line)) break;              // the others go on meanwhile
//       } else if (loop.Won<"tick">()) {
//         co_await SendPing();
//       }
//     }
//     co_await loop.Stop();                                // ends what still runs
//     if (auto line = loop.Take<"line">()) ...             // what that had got all the same
//
// Select in a loop cancels the losers of each turn, and makes them again in the next: right for
// waits that lose nothing by it, wrong for a task that has done half of its work. Here a branch
// runs until it ends, and is made again by its function only after its value has come:
//
//   IDLE ── Next: is made and begins ──► RUNNING ── ends ──► ENDED ── a turn, or Stop ──► HAS VALUE
//     ▲                                                                                      │
//     └──────────────── taken; or the next turn begins, then the value is dropped ◄──────────┘
//
// One branch wins a turn; others that have ended by then win the next ones, in the order in which
// they ended, before any branch begins again. Each turn begins with the branch behind the last
// winner, and as soon as one has ended no other begins: each is asked first in its turn. An
// exception is thrown by the Next that would have brought its value (or by Stop, the first of them,
// when all have ended).
//
// When the scope is cancelled, all are, and Next brings false when they have ended; what they had
// got can be taken then. The loop is destroyed only when nothing runs: a way out that does not come
// from a Next that brought false passes by Stop. After Stop the loop may go on.
//
// Nothing is allocated but the frames of Tasks. Threads: inside one task.
// Checked by: tests/core/task/select_loop_test.cc.
#ifndef SLUICE_CORE_TASK_SELECT_LOOP_H_
#define SLUICE_CORE_TASK_SELECT_LOOP_H_

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "core/base/check.h"
#include "core/task/awaitable.h"
#include "core/task/branch.h"
#include "core/task/cancel_scope.h"
#include "core/task/runnable.h"
#include "core/task/select.h"
#include "core/task/task.h"

namespace sluice::core {

// Made by Repeat.
template <BranchName kName, typename Make>
struct RepeatedBranch {
  Make make;
};
// `make()` makes the awaitable of each round; what it captures lives as long as the loop.
template <BranchName kName, typename Make>
RepeatedBranch<kName, Make> Repeat(Make make) {
  return {std::move(make)};
}

namespace internal {

class LoopBranch : public ChildObserver {
 public:
  virtual void Make() = 0;
  virtual void Begin(Runnable* task, CancelScope& around) = 0;
  virtual void CancelRound() = 0;
  // It has ended: keeps its value, or throws.
  virtual void Collect() = 0;
  virtual void DropValue() = 0;

 protected:
  ~LoopBranch() = default;
};

// The part that depends only on how many there are.
template <size_t kCount>
class LoopCore {
 public:
  LoopCore() = default;
  LoopCore(const LoopCore&) = delete;
  LoopCore& operator=(const LoopCore&) = delete;

  class TurnAwaiter;

 protected:
  static constexpr size_t kNone = kCount;
  enum class State : uint8_t { kIdle, kRunning, kEnded };

  ~LoopCore() = default;

  void CheckNothingLeft() const {
    SLUICE_CHECK_USE(running_ == 0 && ended_count_ == 0,
                     "await Stop() before a SelectLoop goes: a branch of it still runs");
  }

  virtual LoopBranch& branch(size_t index) = 0;

  std::coroutine_handle<> Ended(size_t index) {
    states_[index] = State::kEnded;
    ended_[ended_count_++] = index;
    --running_;
    if (starting_ || waiting_ == nullptr || (waiting_for_all_ && running_ > 0)) {
      return std::noop_coroutine();
    }
    waiting_ = nullptr;
    return parent_;
  }
  size_t winner() const { return winner_; }

 private:
  void CancelAll() {
    waiting_for_all_ = true;
    for (size_t i = 0; i < kCount; ++i) {
      if (states_[i] == State::kRunning) branch(i).CancelRound();
    }
  }
  void StartIdle(Runnable* task) {
    starting_ = true;
    for (size_t i = 0; i < kCount && ended_count_ == 0; ++i) {
      const size_t index = (first_ + i) % kCount;
      if (states_[index] != State::kIdle) continue;
      try {
        branch(index).Make();
      } catch (...) {
        starting_ = false;
        throw;
      }
      states_[index] = State::kRunning;
      ++running_;
      branch(index).Begin(task, around_branches_.scopes[0]);
    }
    starting_ = false;
  }
  size_t PopEnded() {
    const size_t index = ended_[0];
    --ended_count_;
    for (size_t i = 0; i < ended_count_; ++i) ended_[i] = ended_[i + 1];
    states_[index] = State::kIdle;
    return index;
  }

  std::array<State, kCount> states_{};
  std::array<size_t, kCount> ended_{};  // in the order in which they ended
  size_t ended_count_ = 0;
  size_t running_ = 0;
  size_t winner_ = kNone;
  size_t first_ = 0;
  bool starting_ = false;
  bool waiting_for_all_ = false;
  TurnAwaiter* waiting_ = nullptr;
  std::coroutine_handle<> parent_;
  ScopeRow<1> around_branches_;  // around it: the scope of the Next or Stop that waits
};

template <size_t kCount>
class [[nodiscard]] LoopCore<kCount>::TurnAwaiter final : public Waiter {
 public:
  TurnAwaiter(LoopCore& loop, bool stop) : loop_(loop), stop_(stop) {}
  TurnAwaiter(const TurnAwaiter&) = delete;
  TurnAwaiter& operator=(const TurnAwaiter&) = delete;

  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> parent) {
    PromiseBase& promise = parent.promise();
    scope_ = promise.scope;
    loop_.around_branches_.around = scope_;
    loop_.winner_ = kNone;
    for (size_t i = 0; i < kCount; ++i) loop_.branch(i).DropValue();
    loop_.waiting_for_all_ = false;
    if (stop_ || scope_->cancelled()) {
      loop_.CancelAll();
      if (loop_.running_ == 0) return false;
    } else {
      loop_.StartIdle(promise.task);
      if (loop_.ended_count_ > 0) return false;
    }
    loop_.parent_ = parent;
    loop_.waiting_ = this;
    scope_->Enter(*this);
    entered_ = true;
    return true;
  }
  // False: all have ended, because of Stop or a cancelled scope.
  bool await_resume() {
    if (entered_) scope_->Leave(*this);
    loop_.around_branches_.around = nullptr;
    if (!loop_.waiting_for_all_) {
      const size_t index = loop_.PopEnded();
      loop_.first_ = (index + 1) % kCount;
      loop_.branch(index).Collect();
      loop_.winner_ = index;
      return true;
    }
    std::exception_ptr thrown;
    while (loop_.ended_count_ > 0) {
      try {
        loop_.branch(loop_.PopEnded()).Collect();
      } catch (...) {
        if (thrown == nullptr) thrown = std::current_exception();
      }
    }
    if (thrown != nullptr) std::rethrow_exception(thrown);
    return false;
  }

  void Cancel() override { loop_.CancelAll(); }
  void OnReady() override { SLUICE_CHECK(false); }  // never posted

 private:
  LoopCore& loop_;
  CancelScope* scope_ = nullptr;
  const bool stop_;
  bool entered_ = false;
};

template <typename Maker>
class LoopSlot : public LoopBranch {
 public:
  using A = std::invoke_result_t<Maker&>;
  using Value = typename Branch<A>::Value;

  void Make() final { round_.emplace(maker_); }
  void Begin(Runnable* task, CancelScope& around) final {
    round_->row.around = &around;
    round_->branch.Start(task, round_->row.scopes.data(), *this);
  }
  void CancelRound() final { round_->row.scopes[0].Cancel(); }
  void Collect() final {
    struct Reset {
      ~Reset() { round.reset(); }
      std::optional<Round>& round;
    } reset{round_};
    value_.emplace(round_->branch.TakeValue());
  }
  void DropValue() final { value_.reset(); }
  std::optional<Value> Take() { return std::exchange(value_, std::nullopt); }

 protected:
  explicit LoopSlot(Maker maker) : maker_(std::move(maker)) {}
  ~LoopSlot() = default;

 private:
  // The awaitable is made in its place: many cannot be moved.
  struct Round {
    explicit Round(Maker& maker) : awaitable(maker()), branch(static_cast<A&&>(awaitable)) {}
    A awaitable;
    Branch<A> branch;
    ScopeRow<1> row;
  };

  Maker maker_;
  std::optional<Round> round_;
  std::optional<Value> value_;
};

}  // namespace internal

template <typename... Branch>
class SelectLoop;

template <BranchName... kName, typename... Make>
class SelectLoop<RepeatedBranch<kName, Make>...> final
    : private internal::LoopCore<sizeof...(Make)> {
  using Core = internal::LoopCore<sizeof...(Make)>;
  template <BranchName kOne>
  static constexpr bool kIsOne = internal::NamesOneBranch<kOne, NamedValue<kName, int>...>;
  template <BranchName kOne>
  static constexpr size_t kIndex = internal::kIndexOf<kOne, NamedValue<kName, int>...>;

 public:
  explicit SelectLoop(RepeatedBranch<kName, Make>... branches)
      : slots_(SlotArgument<Make>{*this, std::move(branches.make)}...) {
    size_t index = 0;
    std::apply([&](auto&... slots) { ((slots.index = index++), ...); }, slots_);
  }

  ~SelectLoop() { this->CheckNothingLeft(); }

  // `while (co_await loop.Next())`: until the next branch has ended. False: the scope is cancelled,
  // and all have ended.
  typename Core::TurnAwaiter Next() { return {*this, /*stop=*/false}; }
  // `co_await loop.Stop();` cancels what runs and waits for it.
  typename Core::TurnAwaiter Stop() { return {*this, /*stop=*/true}; }

  // Whether that branch has won the turn.
  template <BranchName kOne>
    requires kIsOne<kOne>
  bool Won() const {
    return this->winner() == kIndex<kOne>;
  }
  // What it brought, once: if it has won the turn, or has ended by Stop or a cancelled scope.
  template <BranchName kOne>
    requires kIsOne<kOne>
  auto Take() {
    return std::get<kIndex<kOne>>(slots_).Take();
  }

 private:
  template <typename M>
  struct SlotArgument {
    SelectLoop& loop;
    M make;
  };
  template <typename M>
  struct Slot final : internal::LoopSlot<M> {
    explicit Slot(SlotArgument<M> argument)
        : internal::LoopSlot<M>(std::move(argument.make)), loop(argument.loop) {}
    std::coroutine_handle<> ChildDone() final { return loop.Ended(index); }
    SelectLoop& loop;
    size_t index = 0;
  };

  internal::LoopBranch& branch(size_t index) final {
    internal::LoopBranch* found = nullptr;
    size_t i = 0;
    std::apply([&](auto&... slots) { ((i++ == index ? void(found = &slots) : void()), ...); },
               slots_);
    return *found;
  }

  std::tuple<Slot<Make>...> slots_;
};

template <BranchName... kName, typename... Make>
SelectLoop(RepeatedBranch<kName, Make>...) -> SelectLoop<RepeatedBranch<kName, Make>...>;

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_SELECT_LOOP_H_
