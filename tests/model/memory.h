// Memory: what each thread of a model may read, by the rules of C++ for weak memory.
//
// A location keeps every value it ever had, in modification order. A thread has a view: for each
// location the oldest value that it may still read. A load picks any value from there on, and its
// view moves up to it. What makes views meet:
//
//   release store ─── its message carries the writer's view ──► an acquire load that reads it
//   relaxed store, after a release fence: the view at the fence; relaxed load, before an acquire
//   fence: the reader gets the view at the fence
//   a read-modify-write reads the newest value and hands on the view of the message it replaces
//   seq_cst fence: also an exchange of views with all seq_cst fences before it
//   seq_cst load, store: reads nothing older than the last seq_cst operation on the same location,
//   or a seq_cst fence after a store, has seen
//
// Races on plain data are found by a second half of the view, the count of each thread's steps,
// which only release and acquire hand on: seq_cst fences alone order no plain data.
//
// What is left out: modification order is the order in which stores are made, and no load reads a
// store that is made later (no 2+2W, no load buffering); the order of seq_cst operations is the
// order in which they are made.
#ifndef SLUICE_TESTS_MODEL_MEMORY_H_
#define SLUICE_TESTS_MODEL_MEMORY_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "tests/model/search.h"

namespace sluice::model {

inline constexpr int kMaxLocations = 192;

struct View {
  std::array<uint16_t, kMaxLocations> newest{};  // the oldest value that may be read, by location
  std::array<uint16_t, kMaxThreads> steps{};     // of each thread, that come before

  void JoinValues(const View& other, int locations) {
    for (int i = 0; i < locations; ++i) {
      if (newest[i] < other.newest[i]) newest[i] = other.newest[i];
    }
  }
  void Join(const View& other, int locations) {
    JoinValues(other, locations);
    for (size_t i = 0; i < steps.size(); ++i) {
      if (steps[i] < other.steps[i]) steps[i] = other.steps[i];
    }
  }
};

class Memory {
 public:
  explicit Memory(Search& search) : search_(search) {}

  void Begin();
  int AddLocation(uint64_t value);

  struct Read {
    uint64_t value = 0;
    int age = 0;           // 0: the newest value
    bool matched = false;  // CompareExchange
  };
  Read Load(int thread, int location, std::memory_order order, bool newest_only);
  void Store(int thread, int location, uint64_t value, std::memory_order order);
  // Reads the newest value; Replace has to follow.
  Read Exchange(int thread, int location, std::memory_order order);
  // On a match Replace has to follow. Else it is a load of some value other than `expected`.
  Read CompareExchange(int thread, int location, uint64_t expected, std::memory_order success,
                       std::memory_order failure, bool newest_only);
  void Replace(int thread, int location, uint64_t value, std::memory_order order);
  void Fence(int thread, std::memory_order order);

  // Hands a view over with something else than an atomic (a mutex, a signal).
  void Give(int thread, View& view);
  void Receive(int thread, const View& view);

  // `child` begins with what `parent` knows; `parent` knows what `child` knew at its end.
  void Fork(int parent, int child);
  void Merge(int parent, int child);

  // Plain data. `last_write` and `reads` belong to the datum: the steps at which it was touched.
  uint16_t Step(int thread) const { return threads_[thread].now.steps[thread]; }
  bool After(int thread, int other, uint16_t step) const {
    return threads_[thread].now.steps[other] >= step;
  }

 private:
  struct Message {
    uint64_t value = 0;
    int step = -1;  // Search's; -1: before the threads began
    View view;
  };
  struct Location {
    std::vector<Message> messages;
    size_t count = 0;
  };
  struct Thread {
    View now;
    View at_acquire;  // what an acquire fence would add
    View at_release;  // as of the last release fence
  };

  Message& Append(int location);
  void Saw(int thread, int location, int index, std::memory_order order);
  int Floor(int thread, int location, std::memory_order order) const;
  void Publish(int thread, int location, uint64_t value, std::memory_order order,
               const View* replaced);

  Search& search_;
  int count_ = 0;
  std::array<Location, kMaxLocations> locations_;
  std::array<Thread, kMaxThreads> threads_;
  View seq_cst_;
};

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_MEMORY_H_
