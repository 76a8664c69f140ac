// StealQueue, the real header at capacity 4: every task is taken exactly once, whatever the owner
// and two thieves do, and the thread that takes it sees what was written to it before.
#include <array>
#include <span>

#include "core/sched/steal_queue.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"

namespace sluice::model {
namespace {

using Queue = core::StealQueue<Cell<int>, 4>;

struct State {
  // `before`: the position at which the queue begins.
  explicit State(int before) {
    const uint32_t position = static_cast<uint32_t>(before);
    Head(queue).store(uint64_t{position} << 32 | position, std::memory_order_relaxed);
    Tail(queue).store(position, std::memory_order_relaxed);
    SLUICE_CHECK(queue.SizeHint() == 0);
  }

  // The first two members, each at the beginning of a cache line.
  static core::Atomic<uint64_t>& Head(Queue& queue) {
    return *reinterpret_cast<core::Atomic<uint64_t>*>(&queue);
  }
  static core::Atomic<uint32_t>& Tail(Queue& queue) {
    return *reinterpret_cast<core::Atomic<uint32_t>*>(reinterpret_cast<char*>(&queue) + 64);
  }

  void Push(int count) {
    for (int i = 0; i < count; ++i) {
      Cell<int>& task = tasks[pushed++];
      task.Set(1);
      queue.Push(&task, [](std::span<Cell<int>* const> over) {
        for (Cell<int>* old : over) Take(old);
      });
    }
  }
  void Pop(int count) {
    for (int i = 0; i < count; ++i) {
      if (Cell<int>* task = queue.Pop()) Take(task);
    }
  }
  // A thief: steals once, then runs what it has got.
  void Steal(Queue& into) {
    if (Cell<int>* task = queue.StealInto(into)) Take(task);
    while (Cell<int>* task = into.Pop()) Take(task);
  }
  static void Take(Cell<int>* task) { task->Set(task->Get() + 1); }

  void CheckAllTaken() {
    while (Cell<int>* task = queue.Pop()) Take(task);
    for (int i = 0; i < pushed; ++i) SLUICE_CHECK(tasks[i].Get() == 2);
  }

  Queue queue;
  Queue own_of_first;
  Queue own_of_second;
  std::array<Cell<int>, 8> tasks{Cell<int>("task 0"), Cell<int>("task 1"), Cell<int>("task 2"),
                                 Cell<int>("task 3"), Cell<int>("task 4"), Cell<int>("task 5"),
                                 Cell<int>("task 6"), Cell<int>("task 7")};
  int pushed = 0;
};

// The owner pushes and pops while the thieves steal; `ready` tasks are in the queue at the start.
Model Queueing(int before, int ready, int push, int pop, int thieves) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(before);
    s.Push(ready);
    run.Thread("owner", [&s, push, pop] {
      s.Push(push);
      s.Pop(pop);
    });
    run.Thread("thief one", [&s] { s.Steal(s.own_of_first); });
    if (thieves > 1) run.Thread("thief two", [&s] { s.Steal(s.own_of_second); });
    run.Finally([&s] { s.CheckAllTaken(); });
  };
}

TEST(StealQueue, PushAndPopWithOneThief) { ExpectHolds(Queueing(0, 0, 3, 3, 1)); }
TEST(StealQueue, PushAndPopWithTwoThieves) { ExpectHolds(Queueing(0, 1, 1, 1, 2)); }
TEST(StealQueue, TwoThievesOfMany) { ExpectHolds(Queueing(0, 3, 1, 1, 2)); }
TEST(StealQueue, OverflowWithOneThief) { ExpectHolds(Queueing(0, 4, 2, 2, 1)); }
TEST(StealQueue, OverflowWithTwoThieves) { ExpectHolds(Queueing(0, 4, 1, 1, 2)); }
TEST(StealQueue, SlotsAreUsedAgain) { ExpectHolds(Queueing(3, 3, 3, 1, 1)); }
TEST(StealQueue, OverflowFromEmpty) { ExpectHolds(Queueing(0, 0, 5, 0, 1)); }
TEST(StealQueue, SlotsAreUsedAgainWithTwoThieves) { ExpectHolds(Queueing(3, 2, 3, 1, 2)); }

// The second thief steals from the first one's queue.
Model StealingOn(int ready) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(0);
    s.Push(ready);
    run.Thread("thief one", [&s] { s.Steal(s.own_of_first); });
    run.Thread("thief two", [&s] {
      if (Cell<int>* task = s.own_of_first.StealInto(s.own_of_second)) State::Take(task);
      while (Cell<int>* task = s.own_of_second.Pop()) State::Take(task);
    });
    run.Finally([&s] { s.CheckAllTaken(); });
  };
}

TEST(StealQueue, StealingFromAThief) { ExpectHolds(StealingOn(4)); }

TEST(StealQueue, PositionsWrapRound) {
  ExpectHolds(Queueing(-2, 0, 3, 3, 1));
  ExpectHolds(Queueing(-2, 3, 1, 1, 2));
  ExpectHolds(Queueing(-3, 4, 1, 1, 1));
}

constexpr Order kAcquire = std::memory_order_acquire;

TEST(StealQueueMutant, OwnerPublishesTailWithoutRelease) {
  ExpectCaught(Queueing(0, 0, 3, 3, 1), {"Push(", Action::kStore, 1});
}
TEST(StealQueueMutant, ThiefPublishesTailWithoutRelease) {
  ExpectCaught(StealingOn(4), {"StealInto(", Action::kStore, 1});
}
// As if it read tail before head: the difference wraps.
TEST(StealQueueMutant, ThiefReadsHeadWithoutAcquire) {
  ExpectCaught(Queueing(0, 0, 3, 3, 1), {"Claim(", Action::kLoad, 0});
}
TEST(StealQueueMutant, ThiefReadsTailWithoutAcquire) {
  ExpectCaught(Queueing(0, 0, 3, 3, 1), {"Claim(", Action::kLoad, 1});
}
TEST(StealQueueMutant, OwnerPopsWithoutRelease) {
  ExpectCaught(Queueing(0, 0, 3, 3, 1), {"Pop(", Action::kCompareExchange, -1, kAcquire});
}
TEST(StealQueueMutant, OverflowMovesHeadWithoutRelease) {
  ExpectCaught(Queueing(0, 0, 5, 0, 1), {"PushOverflow(", Action::kCompareExchange, -1, kAcquire});
}

}  // namespace
}  // namespace sluice::model
