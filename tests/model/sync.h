// What models use beside atomics: ModelMutex, Signal (an eventfd) and Cell (watched plain data).
#ifndef SLUICE_TESTS_MODEL_SYNC_H_
#define SLUICE_TESTS_MODEL_SYNC_H_

#include <array>
#include <cstdint>
#include <string>

#include "tests/model/run.h"

namespace sluice::model {

class ModelMutex {
 public:
  void Lock(Site site = Site::current()) {
    Execution* run = Execution::Current();
    if (run == nullptr) return;
    run->Block(place_, Action::kLock, &free_, site);
    free_ = false;
    run->memory().Receive(run->current(), view_);
  }
  void Unlock(Site site = Site::current()) {
    Execution* run = Execution::Current();
    if (run == nullptr) return;
    run->Pass(place_, Action::kUnlock, site);
    free_ = true;
    run->memory().Give(run->current(), view_);
  }

 private:
  Place place_;
  bool free_ = true;
  View view_;
};

// Set wakes Wait, which takes it back; several Sets before it are one.
class Signal {
 public:
  void Set(Site site = Site::current()) {
    Execution* run = Execution::Current();
    run->Pass(place_, Action::kSignal, site);
    set_ = true;
    run->memory().Give(run->current(), view_);
  }
  void Wait(Site site = Site::current()) {
    Execution* run = Execution::Current();
    run->Block(place_, Action::kWait, &set_, site);
    set_ = false;
    run->memory().Receive(run->current(), view_);
  }

 private:
  Place place_;
  bool set_ = false;
  View view_;
};

// Plain data: two accesses that nothing orders, one of them a write, fail the execution. It is a
// step of no thread, so the order of such accesses is not explored: it need not be.
template <typename T>
class Cell {
 public:
  explicit Cell(const char* name, T value = T()) : name_(name), value_(value) {}

  T Get() const {
    Execution* run = Execution::Current();
    Check(*run, /*write=*/false);
    reads_[run->current()] = run->memory().Step(run->current());
    return value_;
  }
  void Set(T value) {
    Execution* run = Execution::Current();
    Check(*run, /*write=*/true);
    writer_ = run->current();
    written_ = run->memory().Step(writer_);
    reads_.fill(0);
    value_ = value;
  }

 private:
  void Check(Execution& run, bool write) const {
    const int self = run.current();
    if (!run.memory().After(self, writer_, written_)) run.Fail(std::string("race on ") + name_);
    if (!write) return;
    for (int t = 0; t < kMaxThreads; ++t) {
      if (run.memory().After(self, t, reads_[t])) continue;
      run.Fail(std::string("race on ") + name_);
    }
  }

  const char* name_;
  T value_;
  int writer_ = 0;
  uint16_t written_ = 0;
  mutable std::array<uint16_t, kMaxThreads> reads_{};
};

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_SYNC_H_
