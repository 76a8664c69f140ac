// Execution: one way in which a model can run. Explore: all of them.
//
//   Result result = Explore(Options(), [](Execution& run) {
//     auto& state = run.Make<State>();                  // atomics, mutexes, signals, cells
//     run.Thread("writer", [&] { state.Write(); });
//     run.Thread("reader", [&] { state.Read(); });
//     run.Finally([&] { SLUICE_CHECK(state.all_read); });
//   });
//
// The function sets one execution up; it has to do the same every time. The threads take turns at
// their atomic operations; between two of them a thread is alone. An execution fails by a failed
// SLUICE_CHECK, a race on a Cell, a deadlock (threads that wait and none that could wake them), or
// too many steps. Explore stops at the first failure and tells its trace and its schedule.
//
// Mutations weaken chosen operations of the code under test: the checker has to notice.
#ifndef SLUICE_TESTS_MODEL_RUN_H_
#define SLUICE_TESTS_MODEL_RUN_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "tests/model/fiber.h"
#include "tests/model/memory.h"
#include "tests/model/search.h"

namespace sluice::model {

using Order = std::memory_order;
using Site = std::source_location;

enum class Action : uint8_t {
  kLoad,
  kStore,
  kUpdate,  // exchange, fetch_add and so on
  kCompareExchange,
  kFence,
  kLock,
  kUnlock,
  kWait,
  kSignal,
};

// Operations of one kind in a function whose name has `function` in it get the weaker order `order`
// (for a fence, relaxed: as if it were not there). `nth`: which one of them, in the order in which
// they are first reached; -1: all.
struct Mutation {
  std::string function;
  Action action;
  int nth = -1;
  Order order = std::memory_order_relaxed;
};

struct Options {
  std::vector<Mutation> mutations = {};
  uint64_t max_executions = 5'000'000;
  int preemptions = -1;  // at most so many an execution; -1: no bound
  uint64_t samples = 0;  // not 0: so many executions at random, for what is too large to search
  int max_steps = 2000;
  bool reduce = true;              // false: every order of all steps, to check the search itself
  bool spurious_failures = false;  // a compare_exchange_weak may fail for nothing, once a run
  std::string schedule = {};       // not empty: only this execution
};

struct Result {
  bool failed = false;
  bool complete = false;   // every execution has been seen
  std::string what;        // the failure
  std::string trace;       // step by step
  std::string schedule;    // for Options::schedule
  uint64_t executions = 0;
  uint64_t steps = 0;
};

// An atomic's place in the memory of one execution.
struct Place {
  uint64_t execution = 0;
  int location = -1;
};

class Execution {
 public:
  // The execution under way, or null.
  static Execution* Current();

  // Lives until the end of the execution; destroyed after `Finally`, unless the execution failed.
  template <typename State, typename... Args>
  State& Make(Args&&... args) {
    State* state = new State(std::forward<Args>(args)...);
    cleanups_.push_back([state] { delete state; });
    return *state;
  }
  // A thread that has to come to its end, and one that may wait for ever once all others are done.
  void Thread(const char* name, std::function<void()> body) { Add(name, std::move(body), false); }
  void Daemon(const char* name, std::function<void()> body) { Add(name, std::move(body), true); }
  // After all threads, alone.
  void Finally(std::function<void()> check) { finally_ = std::move(check); }
  // Called whenever another thread goes on, with its number (1 is the first).
  void OnSwitch(std::function<void(int)> hook) { on_switch_ = std::move(hook); }

  int current() const { return current_; }
  [[noreturn]] void Fail(const std::string& what);

  // The operations, for Atomic; values are bit patterns. Begin... is followed by Replace (on a
  // match).
  uint64_t Load(Place& place, uint64_t initial, Order order, const Site& site);
  void Store(Place& place, uint64_t initial, uint64_t value, Order order, const Site& site);
  uint64_t BeginUpdate(Place& place, uint64_t initial, Order order, const Site& site);
  Memory::Read BeginCompareExchange(Place& place, uint64_t initial, uint64_t expected, bool weak,
                                    Order success, Order failure, const Site& site);
  void Replace(Place& place, uint64_t value);
  void Fence(Order order, const Site& site);

  // Mutexes and signals: waits until `*open`, which only they change.
  void Block(Place& place, Action action, const bool* open, const Site& site);
  void Pass(Place& place, Action action, const Site& site);
  Memory& memory() { return memory_; }

 private:
  friend Result Explore(const Options&, const std::function<void(Execution&)>&);
  explicit Execution(const Options& options)
      : options_(options),
        search_(options.reduce, options.samples > 0, options.preemptions),
        memory_(search_) {}

  struct ModelThread {
    const char* name = "main";
    std::function<void()> body;
    bool daemon = false;
    bool finished = true;
    const bool* open = nullptr;  // what it waits for, or null
    Fiber fiber;
  };
  struct Event {  // a line of the trace
    int thread;
    Action action;
    int location;
    Order order;
    uint64_t value;
    int age;
    bool matched;
    Site site;
  };

  void Add(const char* name, std::function<void()> body, bool daemon);
  void Execute(const std::function<void(Execution&)>& model);
  void Threads();
  void RunThread(int thread);
  ThreadSet Enabled() const;
  void GoOn();
  void SwitchTo(int thread);
  void CheckStuck();
  Order Announce(Place* place, uint64_t initial, Action action, Order order, const Site& site);
  void Done(Footprint::Touch touch, Order order);
  Order Mutated(Action action, Order order, const Site& site);
  static std::string ValueText(uint64_t value, std::vector<uint64_t>& addresses);
  std::string Trace() const;

  Options options_;
  Search search_;
  Memory memory_;
  enum { kSetup, kStart, kThreads, kFinally } phase_ = kSetup;
  uint64_t execution_ = 0;
  std::array<ModelThread, kMaxThreads> threads_;
  std::array<Footprint, kMaxThreads> pending_;
  int count_ = 1;
  int current_ = 0;
  Fiber outside_;
  bool spurious_used_ = false;
  std::function<void()> finally_;
  std::function<void(int)> on_switch_;
  std::vector<std::function<void()>> cleanups_;
  std::vector<Event> events_;
  std::vector<std::vector<uint32_t>> mutated_lines_;  // by mutation: the lines it matches
  Order update_order_ = std::memory_order_relaxed;
  Result result_;
};

Result Explore(const Options& options, const std::function<void(Execution&)>& model);

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_RUN_H_
