// The checker itself: litmus tests, one by one what C++ allows and forbids. `Seen` collects the
// results of all executions.
#include <set>
#include <string>
#include <utility>

#include "core/base/atomic.h"
#include "core/base/check.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"

namespace sluice::model {
namespace {

using core::Atomic;
using core::AtomicFence;

constexpr Order kRelaxed = std::memory_order_relaxed;
constexpr Order kAcquire = std::memory_order_acquire;
constexpr Order kRelease = std::memory_order_release;
constexpr Order kAcqRel = std::memory_order_acq_rel;
constexpr Order kSeqCst = std::memory_order_seq_cst;

using Pair = std::pair<int, int>;
using Seen = std::set<Pair>;

struct TwoVariables {
  Atomic<int> x{0};
  Atomic<int> y{0};
  int r1 = -1;
  int r2 = -1;
};

Seen Collect(const std::function<void(Execution&, TwoVariables&)>& threads) {
  Seen seen;
  ExpectHolds([&](Execution& run) {
    auto& v = run.Make<TwoVariables>();
    threads(run, v);
    run.Finally([&seen, &v] { seen.insert({v.r1, v.r2}); });
  });
  return seen;
}

Seen StoreBuffering(Order store, Order load, Order fence) {
  return Collect([=](Execution& run, TwoVariables& v) {
    run.Thread("one", [&v, store, load, fence] {
      v.x.store(1, store);
      AtomicFence(fence);
      v.r1 = v.y.load(load);
    });
    run.Thread("two", [&v, store, load, fence] {
      v.y.store(1, store);
      AtomicFence(fence);
      v.r2 = v.x.load(load);
    });
  });
}

TEST(Checker, StoreBuffering) {
  EXPECT_EQ(StoreBuffering(kRelease, kAcquire, kRelaxed), (Seen{{0, 0}, {0, 1}, {1, 0}, {1, 1}}));
  EXPECT_EQ(StoreBuffering(kSeqCst, kSeqCst, kRelaxed), (Seen{{0, 1}, {1, 0}, {1, 1}}));
  EXPECT_EQ(StoreBuffering(kRelaxed, kRelaxed, kSeqCst), (Seen{{0, 1}, {1, 0}, {1, 1}}));
  EXPECT_EQ(StoreBuffering(kRelaxed, kRelaxed, kAcqRel).count({0, 0}), 1u);
}

Seen MessagePassing(Order store, Order load) {
  return Collect([=](Execution& run, TwoVariables& v) {
    run.Thread("writer", [&v, store] {
      v.x.store(1, kRelaxed);
      v.y.store(1, store);
    });
    run.Thread("reader", [&v, load] {
      v.r1 = v.y.load(load);
      v.r2 = v.x.load(kRelaxed);
    });
  });
}

TEST(Checker, MessagePassing) {
  EXPECT_EQ(MessagePassing(kRelease, kAcquire), (Seen{{0, 0}, {0, 1}, {1, 1}}));
  EXPECT_EQ(MessagePassing(kRelaxed, kAcquire).count({1, 0}), 1u);
  EXPECT_EQ(MessagePassing(kRelease, kRelaxed).count({1, 0}), 1u);
}

TEST(Checker, CoherenceOfOneLocation) {
  const Seen seen = Collect([](Execution& run, TwoVariables& v) {
    run.Thread("writer", [&v] {
      v.x.store(1, kRelaxed);
      v.x.store(2, kRelaxed);
    });
    run.Thread("reader", [&v] {
      v.r1 = v.x.load(kRelaxed);
      v.r2 = v.x.load(kRelaxed);
    });
  });
  EXPECT_EQ(seen, (Seen{{0, 0}, {0, 1}, {0, 2}, {1, 1}, {1, 2}, {2, 2}}));
}

// Independent reads of independent writes: two readers may see them in different orders, unless all
// is seq_cst.
bool ReadersDisagree(Order store, Order load) {
  bool disagree = false;
  ExpectHolds([&disagree, store, load](Execution& run) {
    struct State : TwoVariables {
      int r3 = -1;
      int r4 = -1;
    };
    auto& v = run.Make<State>();
    run.Thread("x", [&v, store] { v.x.store(1, store); });
    run.Thread("y", [&v, store] { v.y.store(1, store); });
    run.Thread("one", [&v, load] {
      v.r1 = v.x.load(load);
      v.r2 = v.y.load(load);
    });
    run.Thread("two", [&v, load] {
      v.r3 = v.y.load(load);
      v.r4 = v.x.load(load);
    });
    run.Finally([&disagree, &v] {
      if (v.r1 == 1 && v.r2 == 0 && v.r3 == 1 && v.r4 == 0) disagree = true;
    });
  });
  return disagree;
}

TEST(Checker, IndependentReadsOfIndependentWrites) {
  EXPECT_TRUE(ReadersDisagree(kRelease, kAcquire));
  EXPECT_FALSE(ReadersDisagree(kSeqCst, kSeqCst));
}

TEST(Checker, AddsAreNotLost) {
  ExpectHolds([](Execution& run) {
    auto& v = run.Make<TwoVariables>();
    for (const char* name : {"one", "two", "three"}) {
      run.Thread(name, [&v] { v.x.fetch_add(1, kRelaxed); });
    }
    run.Finally([&v] { SLUICE_CHECK(v.x.load(kRelaxed) == 3); });
  });
}

TEST(Checker, LostAddsAreFound) {
  ExpectFails([](Execution& run) {
    auto& v = run.Make<TwoVariables>();
    for (const char* name : {"one", "two"}) {
      run.Thread(name, [&v] { v.x.store(v.x.load(kSeqCst) + 1, kSeqCst); });
    }
    run.Finally([&v] { SLUICE_CHECK(v.x.load(kRelaxed) == 2); });
  });
}

struct Guarded {
  Atomic<int> ready{0};
  Cell<int> data{"data"};
  ModelMutex first;
  ModelMutex second;
  Signal signal;
};

Model PassData(Order store, Order load) {
  return [store, load](Execution& run) {
    auto& g = run.Make<Guarded>();
    run.Thread("writer", [&g, store] {
      g.data.Set(7);
      g.ready.store(1, store);
    });
    run.Thread("reader", [&g, load] {
      if (g.ready.load(load) == 1) SLUICE_CHECK(g.data.Get() == 7);
    });
  };
}

TEST(Checker, Races) {
  ExpectHolds(PassData(kRelease, kAcquire));
  ExpectHolds(PassData(kSeqCst, kSeqCst));
  ExpectFails(PassData(kRelaxed, kAcquire));
  ExpectFails(PassData(kRelease, kRelaxed));
}

// A seq_cst fence on both sides orders loads, but makes no plain data visible by itself.
TEST(Checker, FencesAloneOrderNoPlainData) {
  ExpectFails([](Execution& run) {
    auto& g = run.Make<Guarded>();
    run.Thread("writer", [&g] {
      g.data.Set(1);
      AtomicFence(kSeqCst);
    });
    run.Thread("reader", [&g] {
      AtomicFence(kSeqCst);
      g.data.Get();
    });
  });
}

Model TwoLocks(bool same_order) {
  return [same_order](Execution& run) {
    auto& g = run.Make<Guarded>();
    run.Thread("one", [&g] {
      g.first.Lock();
      g.second.Lock();
      g.data.Set(g.data.Get() + 1);
      g.second.Unlock();
      g.first.Unlock();
    });
    run.Thread("two", [&g, same_order] {
      ModelMutex& outer = same_order ? g.first : g.second;
      ModelMutex& inner = same_order ? g.second : g.first;
      outer.Lock();
      inner.Lock();
      g.data.Set(g.data.Get() + 1);
      inner.Unlock();
      outer.Unlock();
    });
    run.Finally([&g] { SLUICE_CHECK(g.data.Get() == 2); });
  };
}

TEST(Checker, Deadlock) {
  ExpectHolds(TwoLocks(/*same_order=*/true));
  ExpectFails(TwoLocks(/*same_order=*/false));
}

Model SleepAndWake(bool set) {
  return [set](Execution& run) {
    auto& g = run.Make<Guarded>();
    run.Thread("sleeper", [&g] {
      g.signal.Wait();
      SLUICE_CHECK(g.data.Get() == 1);
    });
    run.Thread("waker", [&g, set] {
      g.data.Set(1);
      if (set) g.signal.Set();
    });
  };
}

TEST(Checker, LostWakeUp) {
  ExpectHolds(SleepAndWake(/*set=*/true));
  ExpectFails(SleepAndWake(/*set=*/false));
}

// Two threads wait for the same signal, which comes twice: each may be woken first.
std::set<std::string> WhoIsWoken(bool reduce) {
  std::set<std::string> seen;
  Options options;
  options.reduce = reduce;
  const Result result = Explore(options, [&seen](Execution& run) {
    struct State : Guarded {
      std::string woken;
    };
    auto& state = run.Make<State>();
    for (const char* name : {"a", "b"}) {
      run.Daemon(name, [&state, name] {
        for (;;) {
          state.signal.Wait();
          state.woken += name;
        }
      });
    }
    for (const char* name : {"one", "two"}) {
      run.Thread(name, [&state] { state.signal.Set(); });
    }
    run.Finally([&seen, &state] { seen.insert(state.woken); });
  });
  EXPECT_TRUE(result.complete);
  return seen;
}

TEST(Checker, SignalsReachWhoeverWaits) {
  const std::set<std::string> all = {"a", "b", "aa", "ab", "ba", "bb"};
  EXPECT_EQ(WhoIsWoken(/*reduce=*/true), all);
  EXPECT_EQ(WhoIsWoken(/*reduce=*/false), all);
}

TEST(Checker, EndlessLoop) {
  ExpectFails([](Execution& run) {
    auto& v = run.Make<TwoVariables>();
    run.Thread("one", [&v] {
      while (v.x.load(kRelaxed) == 0) {
      }
    });
  });
}

// Three threads, two steps each on the same location: as many executions as orders.
TEST(Checker, ExploresEachOrderOnce) {
  const Model model = [](Execution& run) {
    auto& v = run.Make<TwoVariables>();
    for (const char* name : {"one", "two", "three"}) {
      run.Thread(name, [&v] {
        v.x.fetch_add(1, kAcqRel);
        v.x.fetch_add(1, kAcqRel);
      });
    }
  };
  const Result result = Explore(Options(), model);
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.executions, 90u);  // 6! / 2!^3
}

}  // namespace
}  // namespace sluice::model
