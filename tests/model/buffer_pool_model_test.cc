// BufferPool, the real code: buffers given back by other threads are taken again once each, with
// what was read from them before; an owner that found the pool exhausted is woken.
#include <array>

#include "core/base/check.h"
#include "core/reactor/buffer_pool.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"

namespace sluice::model {
namespace {

constexpr int kBuffers = 2;

struct State {
  explicit State(bool look_again) : look_again(look_again) {
    for (core::Buffer*& buffer : leased) buffer = pool.Take();
  }

  // What a reactor does when a recv finds no buffer.
  core::Buffer* TakeOrWait() {
    for (;;) {
      if (core::Buffer* buffer = pool.Take()) return buffer;
      pool.SetWanted(true);
      if (look_again) {
        if (core::Buffer* buffer = pool.Take()) {
          pool.SetWanted(false);
          return buffer;
        }
      }
      woken.Wait();
      pool.SetWanted(false);
    }
  }
  void Owner(int times) {
    for (int i = 0; i < times; ++i) {
      core::Buffer* buffer = TakeOrWait();
      Cell<int>& bytes = contents[buffer->index];
      bytes.Set(bytes.Get() + 1);
      held[buffer->index] = true;
    }
  }
  void GiveBack(int which) {
    Cell<int>& bytes = contents[leased[which]->index];
    bytes.Set(bytes.Get() + 1);
    pool.Release(leased[which], /*owner=*/false);
  }
  void CheckAndGiveBackAll() {
    for (int i = 0; i < kBuffers; ++i) {
      core::Buffer& buffer = pool.at(i);
      if (held[i]) pool.Release(&buffer, /*owner=*/true);
    }
    pool.CollectRemote();
    SLUICE_CHECK(pool.taken() == 0);  // I1
    for (core::Buffer*& buffer : leased) {
      buffer = pool.Take();
      SLUICE_CHECK(buffer != nullptr);
    }
    SLUICE_CHECK(pool.Take() == nullptr);
    for (core::Buffer* buffer : leased) pool.Release(buffer, /*owner=*/true);
  }

  const bool look_again;
  Signal woken;
  core::BufferPool pool{kBuffers, 64, [this] { woken.Set(); }};
  std::array<core::Buffer*, kBuffers> leased{};
  std::array<bool, kBuffers> held{};
  std::array<Cell<int>, kBuffers> contents{Cell<int>("buffer 0"), Cell<int>("buffer 1")};
};

Model GivingBack(int taken_again, bool look_again = true) {
  return [taken_again, look_again](Execution& run) {
    auto& s = run.Make<State>(look_again);
    run.Thread("owner", [&s, taken_again] { s.Owner(taken_again); });
    run.Thread("one", [&s] { s.GiveBack(0); });
    run.Thread("two", [&s] { s.GiveBack(1); });
    run.Finally([&s] { s.CheckAndGiveBackAll(); });
  };
}

TEST(BufferPool, OneIsTakenAgain) { ExpectHolds(GivingBack(1)); }
TEST(BufferPool, BothAreTakenAgain) { ExpectHolds(GivingBack(2)); }
TEST(BufferPool, SpuriousFailures) {
  Options options;
  options.spurious_failures = true;
  ExpectHolds(GivingBack(2), options);
}

TEST(BufferPoolMutant, OwnerDoesNotLookAgain) { ExpectFails(GivingBack(2, /*look_again=*/false)); }
TEST(BufferPoolMutant, ReleaseWithoutFence) {
  ExpectCaught(GivingBack(2), {"::Release(", Action::kFence});
}
TEST(BufferPoolMutant, WantedWithoutFence) {
  ExpectCaught(GivingBack(2), {"SetWanted(", Action::kFence});
}
TEST(BufferPoolMutant, PushedWithoutRelease) {
  ExpectCaught(GivingBack(2), {"::Release(", Action::kCompareExchange});
}
TEST(BufferPoolMutant, CollectedWithoutAcquire) {
  ExpectCaught(GivingBack(2), {"CollectRemote(", Action::kUpdate});
}

}  // namespace
}  // namespace sluice::model
