// FindBadOrder: runs a small case in every order in which waits, what they wait for and their
// cancellations can meet, and tells the first order in which something was lost or doubled.
//
// A case is two waits, each in a task of its own, and two grants: whatever ends one wait (a
// release, a value sent, an item taken from a full queue). The events of an order are
//
//     S0 S1   the task that awaits this wait starts
//     C0 C1   the wait is cancelled from outside: its scope, that is, when its task runs next
//     G  G    a grant, by a thread that runs no task
//
// in each of their 360 permutations, and after each event all tasks run that can ("."), or not. So
// a cancellation comes before the wait, while it waits, together with the grant and before or
// behind it, and after the end. The same without C0, without C1 and without both: where nothing
// cuts a wait short, it has to end by what it was granted. Each order is run twice: a wait that is
// cancelled before it starts begins in a scope that is cancelled already, or is cancelled as soon
// as it has begun. In the end what still waits is cancelled. All runs in the calling thread: 27,072
// runs in 100 ms.
//
//     struct SlotCase {
//       Slots slots{0};
//       Task<bool> Wait(int) { co_return co_await slots.Take(); }  // true: it got something
//       void Grant(int) { slots.Give(); }                          // the first is 0, the second 1
//       // What is wrong, or nothing: when all has run that can, and again at the end.
//       std::string Check(const CancelRun& run) {
//         int left = 0;
//         while (slots.TryTake()) ++left;
//         for (int i = 0; i < left; ++i) slots.Give();  // it is called twice
//         if (run.got + left != run.given) return "a slot was lost or doubled";
//         return run.waiting > 0 && left > 0 ? "one waits though there is a slot" : "";
//       }
//     };
//     TEST(SlotsTest, NothingIsLostInAnyOrder) { EXPECT_EQ(FindBadOrder<SlotCase>(), ""); }
#ifndef SLUICE_TESTS_CORE_SUPPORT_CANCEL_DRIVER_H_
#define SLUICE_TESTS_CORE_SUPPORT_CANCEL_DRIVER_H_

#include <algorithm>
#include <array>
#include <coroutine>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/check.h"
#include "core/runtime/spawn.h"
#include "core/sched/shared.h"
#include "core/sync/cancellation.h"
#include "core/task/select.h"

namespace sluice::core::testing {

// How a run stands.
struct CancelRun {
  int given = 0;    // calls of Grant
  int got = 0;      // waits that ended with true
  int waiting = 0;  // waits that have begun and not ended
  // By wait: whether it has begun, ended, and got something.
  std::array<bool, 2> begun{};
  std::array<bool, 2> ended{};
  std::array<bool, 2> has_got{};
};

// `co_await SpendBudget();` in a Wait: the task's turn is over, so that what begins behind it gives
// way first, if it does that at all, and may be cancelled meanwhile.
struct SpendBudget {
  bool await_ready() const { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> self) {
    while (self.promise().task->ConsumeBudget()) {
    }
    return false;
  }
  void await_resume() const {}
};

namespace internal {

template <typename Case>
class CancelDriver {
 public:
  // `cancelled_first`: whether a wait that is cancelled before it starts begins in a cancelled
  // scope.
  CancelDriver(Shared& shared, Case& subject, bool cancelled_first)
      : shared_(shared), subject_(subject), cancelled_first_(cancelled_first) {}

  // What is wrong, or nothing. `runs_behind`: the bit of an event says that tasks run behind it.
  std::string Run(std::string_view events, unsigned runs_behind) {
    for (size_t i = 0; i < events.size(); ++i) {
      Do(events[i]);
      if ((runs_behind >> i & 1) != 0) RunAll();
    }
    RunAll();
    if (std::string wrong = subject_.Check(run_); !wrong.empty()) return wrong;
    for (CancellationSource& source : sources_) source.Cancel();
    RunAll();
    if (run_.waiting != 0) return "a cancelled wait does not end";
    return subject_.Check(run_);
  }

  bool all_ended() const { return run_.waiting == 0; }

 private:
  void Do(char event) {
    if (event == 'G') return subject_.Grant(run_.given++);
    if (event == 'C' || event == 'D') return sources_[event - 'C'].Cancel();
    const int wait = event - 'S';
    auto* const task = new TaskCell<void>(Await(wait));
    task->Launch(shared_);
    task->Unref();
    run_.begun[wait] = true;
    ++run_.waiting;
    shared_.Schedule(*task);
  }
  void RunAll() {
    while (Runnable* task = shared_.PopInjected()) {
      if (task->Run() == Runnable::Outcome::kYield) shared_.Schedule(*task);
    }
  }

  Task<void> Await(int wait) {
    CancellationToken token = sources_[wait].token();
    bool got = false;
    if (cancelled_first_) {
      auto outcome = co_await Select(token.Cancelled(), subject_.Wait(wait));
      got = outcome.template Get<1>();
    } else {
      auto outcome = co_await Select(subject_.Wait(wait), token.Cancelled());
      got = outcome.template Get<0>();
    }
    run_.ended[wait] = true;
    run_.has_got[wait] = got;
    run_.got += got ? 1 : 0;
    --run_.waiting;
  }

  Shared& shared_;
  Case& subject_;
  const bool cancelled_first_;
  std::array<CancellationSource, 2> sources_;
  CancelRun run_;
};

inline std::string OrderText(std::string_view events, unsigned runs_behind) {
  std::string text;
  for (size_t i = 0; i < events.size(); ++i) {
    const char event = events[i];
    if (!text.empty()) text += ' ';
    text += event == 'D' ? 'C' : event == 'T' ? 'S' : event;
    if (event != 'G') text += event == 'C' || event == 'S' ? '0' : '1';
    if ((runs_behind >> i & 1) != 0) text += " .";
  }
  return text;
}

}  // namespace internal

namespace internal {

// In every order of these events.
template <typename Make>
std::string FindBadOrderOf(std::string events, Make make) {
  using Case = typename decltype(make())::element_type;
  Shared shared(1);
  do {
    for (unsigned runs = 0; runs < 1u << (events.size() - 1); ++runs) {
      for (const bool cancelled_first : {false, true}) {
        auto subject = make();
        auto driver = std::make_unique<CancelDriver<Case>>(shared, *subject, cancelled_first);
        const std::string wrong = driver->Run(events, runs);
        if (wrong.empty()) continue;
        if (!driver->all_ended()) {  // their frames are still there, and so is what they wait for
          using Kept = std::pair<decltype(driver), decltype(subject)>;
          [[maybe_unused]] static const Kept* const kept =
              new Kept(std::move(driver), std::move(subject));
        }
        return OrderText(events, runs) + (cancelled_first ? " (scopes cancelled first): " : ": ") +
               wrong;
      }
    }
  } while (std::next_permutation(events.begin(), events.end()));
  return "";
}

}  // namespace internal

// `make()` returns a std::unique_ptr to a new case.
template <typename Make>
std::string FindBadOrder(Make make) {
  // C and D cancel, S and T start: the two waits. Sorted.
  for (const char* events : {"CDGGST", "CGGST", "DGGST", "GGST"}) {
    std::string wrong = internal::FindBadOrderOf(events, make);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

template <typename Case>
std::string FindBadOrder() {
  return FindBadOrder([] { return std::make_unique<Case>(); });
}

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_SUPPORT_CANCEL_DRIVER_H_
