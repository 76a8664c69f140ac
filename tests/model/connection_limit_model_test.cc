// ConnectionLimit, the real code: never more than its maximum, and a task that waits for a free
// slot gets one.
#include <array>

#include "core/base/check.h"
#include "core/runtime/spawn.h"
#include "proxy/admission/connection_limit.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"
#include "tests/model/tasks.h"

namespace sluice::model {
namespace {

struct State : Tasks {
  explicit State(uint32_t max) : limit(max) {}

  bool TryAcquire() {
    if (!limit.TryAcquire()) return false;
    ++held;
    SLUICE_CHECK(held <= limit.max());
    return true;
  }
  void Release() {
    --held;
    limit.Release();
  }

  proxy::ConnectionLimit limit;
  uint32_t held = 0;  // counted directly after a step, so it belongs to it
  int served = 0;
  std::array<core::Runnable*, 2> listeners{};
};

// What a listener does.
core::Task<void> Listen(State& state) {
  while (!state.TryAcquire()) co_await state.limit.FreeSlot();
  ++state.served;
  state.Release();
}

// The limit is used up; `listeners` wait for a free slot while all the slots are given back.
Model Waiting(uint32_t max, int listeners) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(max);
    for (uint32_t i = 0; i < max; ++i) SLUICE_CHECK(s.TryAcquire());
    for (int i = 0; i < listeners; ++i) {
      core::Joinable<void>& task = s.Make(Listen(s));
      task.Unref();
      s.listeners[i] = &task;
      const char* name = i == 0 ? "listener one" : "listener two";
      run.Thread(name, [&s, i] { Tasks::Run(*s.listeners[i]); });
    }
    for (uint32_t i = 0; i < max; ++i) {
      run.Thread(i == 0 ? "session one" : "session two", [&s] { s.Release(); });
    }
    run.Finally([&s, listeners] {
      s.RunWoken();
      SLUICE_CHECK(s.served == listeners);
    });
  };
}

void Competing(Execution& run) {
  auto& s = run.Make<State>(1);
  for (const char* name : {"one", "two", "three"}) {
    run.Thread(name, [&s] {
      if (s.TryAcquire()) s.Release();
    });
  }
}

// A client over the limit of its listener, while a client of another listener takes the last global
// slot.
struct TwoListeners {
  TwoListeners() { SLUICE_CHECK(all.TryAcquire() && over.TryAcquire()); }
  ~TwoListeners() {
    over.Release();
    all.Release();
  }
  proxy::ConnectionLimit all{2};
  proxy::ConnectionLimit over{1};
  proxy::ConnectionLimit within{1};
};

// The mistake that looking first is there to prevent.
proxy::LimitSlot TakeWithoutLooking(TwoListeners& s) {
  if (!s.all.TryAcquire()) return {};
  if (!s.over.TryAcquire()) s.all.Release();
  return {};
}

Model OverItsOwn(bool looks) {
  return [looks](Execution& run) {
    auto& s = run.Make<TwoListeners>();
    run.Thread("over", [&s, looks] {
      proxy::ConnectionLimit* exhausted = nullptr;
      if (looks) {
        proxy::LimitSlot slot = proxy::LimitSlot::TryAcquire(s.all, s.over, exhausted);
        SLUICE_CHECK(exhausted == &s.over || exhausted == &s.all);
      } else {
        TakeWithoutLooking(s);
      }
    });
    run.Thread("within", [&s] {
      proxy::ConnectionLimit* exhausted = nullptr;
      proxy::LimitSlot slot = proxy::LimitSlot::TryAcquire(s.all, s.within, exhausted);
      SLUICE_CHECK(exhausted == nullptr);
    });
  };
}

TEST(LimitSlot, RejectedByOneTakesNothingOfAll) { ExpectHolds(OverItsOwn(/*looks=*/true)); }
TEST(LimitSlotMutant, TakesWithoutLooking) { ExpectFails(OverItsOwn(/*looks=*/false)); }

TEST(ConnectionLimit, NeverAboveMax) { ExpectHolds(Competing); }
TEST(ConnectionLimit, OneWaits) { ExpectHolds(Waiting(1, 1)); }
TEST(ConnectionLimit, OneWaitsForOneOfTwo) { ExpectHolds(Waiting(2, 1)); }
TEST(ConnectionLimit, TwoWait) { ExpectHolds(Waiting(1, 2)); }

TEST(ConnectionLimitMutant, ReleaseWithoutFence) {
  ExpectCaught(Waiting(1, 1), {"::Release(", Action::kFence});
}
TEST(ConnectionLimitMutant, QueueWithoutFence) {
  ExpectCaught(Waiting(1, 1), {"QueueIfExhausted(", Action::kFence});
}

}  // namespace
}  // namespace sluice::model
