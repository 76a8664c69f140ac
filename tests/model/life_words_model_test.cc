// LifeWords, the real header: what a reader takes for the words of one life, and for the counter
// that belongs to it, is of that life.
#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/runtime/life_words.h"
#include "tests/model/expect.h"

namespace sluice::model {
namespace {

constexpr Order kRelaxed = std::memory_order_relaxed;

struct State {
  void Live(uint64_t id, bool ends) {
    life.Begin(id, {id, id}, [this, id] { counter.store(id, kRelaxed); });
    counter.store(id + 10, kRelaxed);
    if (ends) life.End();
  }
  void Read() {
    core::LifeWords<2>::Words words{};
    const uint64_t id = life.Look(words);
    if (id == 0) return;
    const uint64_t count = counter.load(kRelaxed);
    if (!life.IsStill(id)) return;
    SLUICE_CHECK(words[0] == id && words[1] == id);
    SLUICE_CHECK(count == id || count == id + 10);
  }

  core::LifeWords<2> life;
  core::Atomic<uint64_t> counter{0};
};

Model TwoLives(bool ends) {
  return [ends](Execution& run) {
    auto& s = run.Make<State>();
    run.Thread("tasks", [&s, ends] {
      s.Live(1, ends);
      s.Live(2, ends);
    });
    run.Thread("reader", [&s] { s.Read(); });
  };
}

void TwoReaders(Execution& run) {
  auto& s = run.Make<State>();
  run.Thread("tasks", [&s] {
    s.Live(1, true);
    s.Live(2, false);
  });
  for (const char* name : {"reader one", "reader two"}) run.Thread(name, [&s] { s.Read(); });
}

// In the second life another thread writes: it has got that life by way of a queue.
void AnotherWriter(Execution& run) {
  struct Handed : State {
    core::Atomic<bool> is_there{false};
  };
  auto& s = run.Make<Handed>();
  run.Thread("tasks", [&s] {
    s.Live(1, true);
    s.life.Begin(2, {2, 2}, [&s] { s.counter.store(2, kRelaxed); });
    s.is_there.store(true, std::memory_order_release);
  });
  run.Thread("worker", [&s] {
    if (!s.is_there.load(std::memory_order_acquire)) return;
    s.life.BeforeWrites();
    s.counter.store(12, kRelaxed);
  });
  run.Thread("reader", [&s] { s.Read(); });
}

TEST(LifeWords, AnotherWriter) { ExpectHolds(AnotherWriter, {.preemptions = 3}); }
TEST(LifeWordsMutant, NoFenceBeforeWhatAnotherWrites) {
  ExpectCaught(AnotherWriter, {.function = "::BeforeWrites(", .action = Action::kFence});
}

TEST(LifeWords, TwoLives) { ExpectHolds(TwoLives(true)); }
TEST(LifeWords, TwoReaders) { ExpectHolds(TwoReaders, {.preemptions = 3}); }

TEST(LifeWordsMutant, TheEndIsLeftOut) { ExpectFails(TwoLives(false)); }
TEST(LifeWordsMutant, NoFenceBeforeTheWords) {
  ExpectCaught(TwoLives(true), {.function = "::Begin(", .action = Action::kFence});
}
TEST(LifeWordsMutant, NoFenceBehindTheReads) {
  ExpectCaught(TwoLives(true), {.function = "::IsStill(", .action = Action::kFence});
}
TEST(LifeWordsMutant, TheIdIsNotReleased) {
  ExpectCaught(TwoLives(true), {.function = "::Begin(", .action = Action::kStore, .nth = 1});
}
TEST(LifeWordsMutant, TheIdIsNotAcquired) {
  ExpectCaught(TwoLives(true), {.function = "::Look(", .action = Action::kLoad, .nth = 0});
}

}  // namespace
}  // namespace sluice::model
