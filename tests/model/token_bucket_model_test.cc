// TokenBucket, the real code: threads that take at the same time get no more than there is.
#include <array>

#include "core/base/check.h"
#include "core/time/token_bucket.h"
#include "tests/model/expect.h"

namespace sluice::model {
namespace {

using core::Duration;
using core::Instant;

constexpr Instant kNow(100s);
constexpr uint64_t kRate = 1;  // a second: the bucket holds one token

// The mistake that compare_exchange is there to prevent.
class LoadThenStore {
 public:
  explicit LoadThenStore(uint64_t) {}
  Duration TryTake(Instant now) {
    const Instant full_at = full_at_.load(std::memory_order_relaxed);
    if (full_at > now) return full_at - now;
    full_at_.store(now + 1s, std::memory_order_relaxed);
    return 0s;
  }
  Duration Take(Instant now, uint64_t) {
    const Instant begin = std::max(full_at_.load(std::memory_order_relaxed), now);
    full_at_.store(begin + 1s, std::memory_order_relaxed);
    return begin - now;
  }
  void GiveBack() { full_at_.store(kNow, std::memory_order_relaxed); }

 private:
  core::Atomic<Instant> full_at_;
};

template <typename Bucket>
struct State {
  Bucket bucket{kRate};
  int taken = 0;  // counted directly after a step, so it belongs to it
  std::array<Duration, 3> waits{};
};

// One token for three takers.
template <typename Bucket>
void TryTake(Execution& run) {
  auto& s = run.Make<State<Bucket>>();
  for (const char* name : {"one", "two", "three"}) {
    run.Thread(name, [&s] {
      const Duration wait = s.bucket.TryTake(kNow);
      if (wait == 0s) ++s.taken;
      SLUICE_CHECK(wait == 0s || wait == 1s);
    });
  }
  run.Finally([&s] {
    SLUICE_CHECK(s.taken == 1);
    SLUICE_CHECK(s.bucket.TryTake(kNow + 1s) == 0s);
  });
}

// Threads that take ahead wait for 0, 1 and 2 seconds, in whatever order.
template <typename Bucket>
void TakeAhead(Execution& run) {
  auto& s = run.Make<State<Bucket>>();
  int taker = 0;
  for (const char* name : {"one", "two", "three"}) {
    run.Thread(name, [&s, i = taker++] { s.waits[i] = s.bucket.Take(kNow, 1); });
  }
  run.Finally([&s] {
    std::ranges::sort(s.waits);
    for (int i = 0; i < 3; ++i) SLUICE_CHECK(s.waits[i] == i * 1s);
  });
}

// What is given back is there again, once: nothing that others take meanwhile is lost with it.
template <typename Bucket>
void GiveBack(Execution& run) {
  auto& s = run.Make<State<Bucket>>();
  SLUICE_CHECK(s.bucket.TryTake(kNow) == 0s);
  run.Thread("gives back", [&s] { s.bucket.GiveBack(); });
  for (const char* name : {"one", "two"}) {
    run.Thread(name, [&s] {
      if (s.bucket.TryTake(kNow) == 0s) ++s.taken;
    });
  }
  run.Finally([&s] {
    SLUICE_CHECK(s.taken <= 1);
    if (s.bucket.TryTake(kNow) == 0s) ++s.taken;
    SLUICE_CHECK(s.taken == 1);
  });
}

Options WithSpurious() { return {.spurious_failures = true}; }

using Real = core::TokenBucket;

TEST(TokenBucket, TryTake) { ExpectHolds(TryTake<Real>, WithSpurious()); }
TEST(TokenBucket, TakeAhead) { ExpectHolds(TakeAhead<Real>, WithSpurious()); }
TEST(TokenBucket, GiveBack) { ExpectHolds(GiveBack<Real>, WithSpurious()); }

TEST(TokenBucketMutant, TryTakeStores) { ExpectFails(TryTake<LoadThenStore>); }
TEST(TokenBucketMutant, TakeStores) { ExpectFails(TakeAhead<LoadThenStore>); }
TEST(TokenBucketMutant, GiveBackStores) { ExpectFails(GiveBack<LoadThenStore>); }

}  // namespace
}  // namespace sluice::model
