// The readiness reactor's ops that wait for a buffer: a buffer that is given back reaches one of
// them, however it races with the reactor going to sleep and with a cancel from another worker.
//
// EpollReactor::Starve, FeedStarved, Cancel and Turn are transcribed; BufferPool and WakeFlag are
// the real ones.
#include <array>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/reactor/buffer_pool.h"
#include "core/reactor/wake_flag.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"

namespace sluice::model {
namespace {

struct Mistakes {
  bool does_not_collect = false;  // counts only what the owner gave back itself
  bool wants_no_more = false;     // one look at the list, and it wants no buffers
  bool ignores_answer = false;    // cancels what has been fed already
  bool cancel_ends_wait = false;  // one op less waits, and the reactor thinks that none does
  bool no_second_look = false;    // none after it has starved: no mistake, see below
};

struct State {
  State(const Mistakes& mistakes, int ops) : mistakes(mistakes) {
    leased = pool.Take();
    for (int op = 0; op < ops; ++op) tries.push_back(op);
  }

  // --- the owner: tasks, and the reactor when there is nothing to run ---
  void Own() {
    for (;;) {
      for (const int op : std::exchange(tries, {})) Try(op);
      Turn();
    }
  }
  // Advance of a recv, the pool being exhausted or not.
  void Try(int op) {
    core::Buffer* buffer = pool.Take();
    if (buffer == nullptr) {
      Starve(op);
      return;
    }
    ended[op].Set();
    pool.Release(buffer, /*owner=*/true);
  }
  void Starve(int op) {
    list.Lock();
    starved.push_back(op);
    list.Unlock();
    has_starved = true;
    pool.SetWanted(true);
    waits.Set();
    if (pool.has_free() && !mistakes.no_second_look) Wake();
  }
  void Turn() {
    if (FeedStarved() || !wake.BeginSleep()) return;
    eventfd.Wait();
    wake.EndSleep();
  }
  bool FeedStarved() {
    if (!has_starved) return false;
    if (!mistakes.does_not_collect) pool.CollectRemote();
    size_t room = pool.count() - pool.taken();
    list.Lock();
    while (room-- > 0 && !starved.empty()) {
      Post(starved.front());
      tries.push_back(starved.front());
      starved.erase(starved.begin());
    }
    has_starved = !starved.empty();
    pool.SetWanted(has_starved && !mistakes.wants_no_more);
    list.Unlock();
    return !tries.empty();
  }
  void Wake() {
    if (wake.Wake()) eventfd.Set();
  }
  void Post(int op) { SLUICE_CHECK(++posts[op] == 1); }

  // --- others ---
  void GiveBack() { pool.Release(leased, /*owner=*/false); }
  // By the op's task, which has gone to another worker.
  void Cancel(int op) {
    list.Lock();
    const bool removed = std::erase(starved, op) > 0;
    if (removed && mistakes.cancel_ends_wait) has_starved = false;
    list.Unlock();
    if (!removed && !mistakes.ignores_answer) return;
    Post(op);
    ended[op].Set();
  }

  const Mistakes mistakes;
  core::WakeFlag wake;
  Signal eventfd;
  core::BufferPool pool{1, 64, [this] { Wake(); }};
  core::Buffer* leased = nullptr;
  ModelMutex list;
  std::vector<int> starved;
  bool has_starved = false;  // the owner's
  std::vector<int> tries;    // whose tasks run here next
  Signal waits;
  std::array<Signal, 2> ended;
  std::array<int, 2> posts{};
};

// `ops` find the pool exhausted; its one buffer comes back, and one of them may be cancelled.
Model Starving(int ops, bool cancel, const Mistakes& mistakes = {}) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(mistakes, ops);
    run.Daemon("owner", [&s] { s.Own(); });
    run.Thread("gives back", [&s, ops] {
      s.GiveBack();
      for (int op = 0; op < ops; ++op) s.ended[op].Wait();
    });
    if (!cancel) return;
    run.Daemon("cancels", [&s] {  // if there is anything to cancel
      s.waits.Wait();
      s.Cancel(0);
    });
  };
}

constexpr uint64_t kSamples = 50'000;

TEST(Starved, One) { ExpectHolds(Starving(1, false)); }
TEST(Starved, Two) { ExpectHolds(Starving(2, false)); }
TEST(Starved, TwoAndOneIsCancelled) {
  ExpectHolds(Starving(2, true), {.preemptions = 3});
  ExpectHolds(Starving(2, true), {.samples = kSamples});
}
// The look that every Turn begins with comes after the wish, too.
TEST(Starved, TurnLooksAgainAnyway) { ExpectHolds(Starving(2, false, {.no_second_look = true})); }

TEST(StarvedMutant, DoesNotCollect) { ExpectFails(Starving(1, false, {.does_not_collect = true})); }
TEST(StarvedMutant, WantsNoMore) { ExpectFails(Starving(1, false, {.wants_no_more = true})); }
TEST(StarvedMutant, FedAndCancelled) {
  ExpectFails(Starving(2, true, {.ignores_answer = true}), {.preemptions = 3});
}
TEST(StarvedMutant, CancelOfOneForgetsTheOther) {
  ExpectFails(Starving(2, true, {.cancel_ends_wait = true}), {.preemptions = 3});
}
TEST(StarvedMutant, WantedWithoutFence) {
  ExpectCaught(Starving(1, false), {"SetWanted(", Action::kFence});
}
TEST(StarvedMutant, ReleaseWithoutFence) {
  ExpectCaught(Starving(1, false), {"::Release(", Action::kFence});
}

}  // namespace
}  // namespace sluice::model
