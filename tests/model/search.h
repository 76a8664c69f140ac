// Search: which execution comes next. A depth-first search over two kinds of decisions, which
// thread makes the next step and which of several values a step reads.
//
// It is stateless: an execution is a list of decisions from the start, and the next one repeats a
// prefix of it and then goes elsewhere. Only decisions that can matter are tried (source-set
// dynamic partial order reduction; Abdulla et al., "Optimal dynamic partial order reduction",
// 2014):
//
//   - Two steps of different threads depend on each other when they touch the same location and one
//     of them writes. Steps that do not may be exchanged without any effect.
//   - After a step that depends on an earlier one of another thread, and is ordered with it by
//     nothing else (a race), the other order is to be tried too: a thread is added to the `todo` of
//     the decision before the earlier step.
//   - A thread whose step has been tried at a decision sleeps below it until a step that depends on
//     its own wakes it.
//
// When the search ends, every execution has been seen up to the order of independent steps, unless
// it was given a bound on preemptions.
#ifndef SLUICE_TESTS_MODEL_SEARCH_H_
#define SLUICE_TESTS_MODEL_SEARCH_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace sluice::model {

inline constexpr int kMaxThreads = 6;  // of a model, with its main thread, which is number 0

using ThreadSet = uint32_t;
inline constexpr ThreadSet Only(int thread) { return ThreadSet{1} << thread; }

// What a step touches.
struct Footprint {
  enum Touch : uint8_t { kNothing, kRead, kWrite };
  int location = -1;
  Touch touch = kNothing;
  Touch order = kNothing;  // the one order of all seq_cst operations; a fence writes it
  enum Kind : uint8_t { kPlain, kLock, kUnlock, kWait } kind = kPlain;
};

bool Dependent(const Footprint& a, const Footprint& b);

// How many steps of each thread come before.
struct Clock {
  std::array<uint16_t, kMaxThreads> steps{};
  void Join(const Clock& other) {
    for (size_t i = 0; i < steps.size(); ++i) {
      if (steps[i] < other.steps[i]) steps[i] = other.steps[i];
    }
  }
};

class Search {
 public:
  // `reduce` false: all orders of all steps. `sample`: each execution decides at random instead.
  // `preemptions`: how often an execution may leave a thread that could go on; -1: no bound.
  Search(bool reduce, bool sample, int preemptions)
      : reduce_(reduce && !sample), sample_(sample), preemptions_(preemptions) {}

  // Before each execution.
  void Begin();

  // The thread that makes the next step; `pending` is what each would do. Not when none can.
  int PickThread(ThreadSet enabled, int current, const Footprint* pending);

  // 0 to count - 1; the first time 0.
  int PickValue(int count);

  // `thread` has made the step.
  void Happened(int thread, const Footprint& footprint);

  // The execution is over and `thread` still waits to make this step.
  void Stuck(int thread, const Footprint& footprint);

  // The number of the step that is being made, and whether `thread` has come after that step.
  int now() const { return static_cast<int>(steps_.size()); }
  bool Knows(int thread, int step) const {
    if (step < 0 || !reduce_) return true;
    return clocks_[thread].steps[steps_[step].thread] >= steps_[step].number;
  }

  // Prepares the next execution. False: there is none (never when it samples).
  bool Next();

  // The decisions so far as text ("1 2 2:1", thread:value), and the other way round.
  std::string Schedule() const;
  void Replay(const std::string& schedule);

 private:
  struct Decision {
    int8_t thread = 0;
    int8_t previous = 0;      // the thread that made the step before
    int16_t preemptions = 0;  // before this decision
    int16_t value = 0;
    int16_t values = 1;
    ThreadSet enabled = 0;
    ThreadSet todo = 0;  // those tried among them
    ThreadSet done = 0;
    ThreadSet asleep = 0;
  };
  struct Step {
    int thread = 0;
    uint16_t number = 0;  // of its thread's steps, from 1
    Clock clock;          // steps that come before it, and itself
    Footprint footprint;
  };
  // What happened to a location so far.
  struct History {
    int last_write = -1;
    int last_taken = -1;  // by a lock or a wait
    std::array<int, kMaxThreads> reads;  // since last_write; -1: none
    Clock writes;
    Clock all;
  };

  static int Preempts(const Decision& decision, int thread);
  ThreadSet Left(const Decision& decision) const;
  ThreadSet AsleepBelow(const Decision& above, const Footprint* pending) const;
  History& HistoryOf(size_t index);
  void FindRaces(const Step& step, const Clock& before);
  void Remember(int thread, size_t index, Footprint::Touch touch, const Clock& clock);
  void AddRacers(int thread, const Footprint& footprint, size_t index, Footprint::Touch touch);
  void Reverse(int earlier, const Step& later);

  uint32_t Random(uint32_t bound);

  const bool reduce_;
  const bool sample_;
  const int preemptions_;
  uint64_t random_ = 1;
  std::vector<Decision> decisions_;
  size_t repeat_ = 0;    // decisions given by the execution before
  bool idle_ = false;    // all that can run sleep: the rest of this execution has been seen
  std::vector<Step> steps_;
  std::array<Clock, kMaxThreads> clocks_;
  std::array<int, kMaxThreads> last_step_;
  std::vector<History> histories_;
  size_t histories_used_ = 0;
  std::vector<int> racers_;
};

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_SEARCH_H_
