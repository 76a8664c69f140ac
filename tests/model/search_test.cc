// The search: on small random programs its reduction misses no outcome.
#include "tests/model/search.h"

#include <array>
#include <cstdint>
#include <set>
#include <vector>

#include "core/base/atomic.h"
#include "tests/model/expect.h"

namespace sluice::model {
namespace {

using core::Atomic;
using core::AtomicFence;

constexpr Order kRelaxed = std::memory_order_relaxed;
constexpr Order kAcquire = std::memory_order_acquire;
constexpr Order kRelease = std::memory_order_release;
constexpr Order kSeqCst = std::memory_order_seq_cst;

// Three threads, three steps each on two variables.
class Program {
 public:
  explicit Program(uint32_t seed) : random_(seed) {
    for (std::array<Step, kLength>& thread : steps_) {
      for (Step& step : thread) {
        step = {static_cast<int>(Next(6)), static_cast<int>(Next(2)), static_cast<int>(Next(4))};
      }
    }
  }

  std::set<std::vector<int>> Outcomes(bool reduce) {
    std::set<std::vector<int>> outcomes;
    Options options;
    options.reduce = reduce;
    const Result result = Explore(options, [&](Execution& run) {
      struct State {
        std::array<Atomic<int>, 2> variables;
        std::array<std::vector<int>, kThreads> read;
      };
      auto& state = run.Make<State>();
      for (int t = 0; t < kThreads; ++t) {
        run.Thread("thread", [this, &state, t] {
          for (int i = 0; i < kLength; ++i) {
            const Step& step = steps_[t][i];
            Do(step, t * kLength + i + 1, state.variables[step.variable], state.read[t]);
          }
        });
      }
      run.Finally([&outcomes, &state] {
        std::vector<int> all;
        for (const std::vector<int>& read : state.read) {
          all.insert(all.end(), read.begin(), read.end());
          all.push_back(-1);
        }
        for (Atomic<int>& variable : state.variables) all.push_back(variable.load(kRelaxed));
        outcomes.insert(all);
      });
    });
    EXPECT_TRUE(result.complete);
    executions += result.executions;
    return outcomes;
  }

  uint64_t executions = 0;

 private:
  static constexpr int kThreads = 3;
  static constexpr int kLength = 3;
  struct Step {
    int kind = 0;
    int variable = 0;
    int strength = 0;
  };

  uint32_t Next(uint32_t bound) {
    random_ = random_ * 1664525u + 1013904223u;
    return (random_ >> 16) % bound;
  }

  static void Do(const Step& step, int value, Atomic<int>& variable, std::vector<int>& read) {
    static constexpr Order kLoads[] = {kRelaxed, kRelaxed, kAcquire, kSeqCst};
    static constexpr Order kStores[] = {kRelaxed, kRelaxed, kRelease, kSeqCst};
    static constexpr Order kUpdates[] = {kRelaxed, kAcquire, kRelease, kSeqCst};
    int expected = 0;
    switch (step.kind) {
      case 0:
      case 1:
        read.push_back(variable.load(kLoads[step.strength]));
        break;
      case 2:
        variable.store(value, kStores[step.strength]);
        break;
      case 3:
        read.push_back(variable.exchange(value, kUpdates[step.strength]));
        break;
      case 4:
        variable.compare_exchange_strong(expected, value, kUpdates[step.strength]);
        read.push_back(expected);
        break;
      default:
        AtomicFence(kUpdates[step.strength]);
        break;
    }
  }

  uint32_t random_;
  std::array<std::array<Step, kLength>, kThreads> steps_;
};

TEST(Search, ReductionMissesNothing) {
  uint64_t reduced = 0;
  uint64_t full = 0;
  for (uint32_t seed = 1; seed <= 100; ++seed) {
    Program one(seed);
    Program other(seed);
    EXPECT_EQ(one.Outcomes(/*reduce=*/true), other.Outcomes(/*reduce=*/false)) << seed;
    reduced += one.executions;
    full += other.executions;
  }
  std::printf("  %llu executions instead of %llu\n", static_cast<unsigned long long>(reduced),
              static_cast<unsigned long long>(full));
}

}  // namespace
}  // namespace sluice::model
