// LineLog's queue and its thread's sleep, transcribed from core/log/line_log.cc (which uses the
// mutex and the condition variables of the standard library): every line is taken, Drain returns
// when it may, and the end comes. A nap ends by itself, so it is a moment without the mutex;
// Drain's timeout never comes, so that a notice that is lost is a deadlock.
#include <array>
#include <cstdint>

#include "core/base/check.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"

namespace sluice::model {
namespace {

// A condition variable for one waiter: a notice that comes before it waits is lost.
class Condition {
 public:
  void Wait(ModelMutex& mutex, Site site = Site::current()) {
    Execution* run = Execution::Current();
    run->Pass(place_, Action::kSignal, site);
    waits_ = true;
    told_ = false;
    mutex.Unlock(site);
    run->Block(place_, Action::kWait, &told_, site);
    mutex.Lock(site);
  }
  void Notify(Site site = Site::current()) {
    Execution::Current()->Pass(place_, Action::kSignal, site);
    if (!waits_) return;
    waits_ = false;
    told_ = true;
  }

 private:
  Place place_;
  bool waits_ = false;
  bool told_ = false;
};

enum class Mistake {
  kNone,
  kWriteWakesNobody,  // a sleeping thread is taken for one that naps
  kSleepForgotten,    // the thread does not say that it sleeps
  kLooksTooEarly,     // the thread lets go of the mutex between its look and its sleep
  kDoneUntold,        // Drain is not told
  kDoneTooSoon,       // what has been taken counts as written
  kStopUntold,        // the end is not announced
};

struct Log {
  explicit Log(Mistake mistake) : mistake(mistake) {}
  bool is(Mistake other) const { return mistake == other; }

  // LineLog::Write
  void Write() {
    mutex.Lock();
    ++orders;
    const bool wake = !hurry && sleeping && !is(Mistake::kWriteWakesNobody);
    if (wake) hurry = true;
    mutex.Unlock();
    if (wake) thread.Notify();
  }
  // LineLog::Drain
  void Drain() {
    mutex.Lock();
    const int wanted = orders;
    if (done < wanted) hurry = true;
    thread.Notify();
    while (done < wanted) drained.Wait(mutex);
    SLUICE_CHECK(written >= wanted);
    mutex.Unlock();
  }
  // LineLog::~LineLog, before it joins the thread
  void Stop() {
    mutex.Lock();
    stopping = true;
    if (!is(Mistake::kStopUntold)) hurry = true;
    mutex.Unlock();
    thread.Notify();
  }
  // LineLog::Run
  void Run() {
    int batch = 0;
    while (Take(batch)) {
      Nap();  // the write takes its time
      written = batch;
    }
  }
  // LineLog::Take
  bool Take(int& batch) {
    mutex.Lock();
    done = batch;
    if (!is(Mistake::kDoneUntold)) drained.Notify();
    if (!hurry && !stopping) {
      mutex.Unlock();  // the nap
      mutex.Lock();
    }
    while (orders == done) {
      if (stopping) {
        mutex.Unlock();
        return false;
      }
      hurry = false;
      sleeping = !is(Mistake::kSleepForgotten);
      if (is(Mistake::kLooksTooEarly)) {
        sleeping = false;
        mutex.Unlock();
        mutex.Lock();
        sleeping = true;
      }
      while (!hurry) thread.Wait(mutex);
      sleeping = false;
    }
    hurry = false;
    batch = orders;
    if (is(Mistake::kDoneTooSoon)) done = batch;
    mutex.Unlock();
    return true;
  }
  void Nap() {
    mutex.Lock();
    mutex.Unlock();
  }

  const Mistake mistake;
  ModelMutex mutex;
  Condition thread;
  Condition drained;
  int orders = 0;  // guarded by the mutex, as the four below
  int done = 0;
  bool sleeping = false;
  bool hurry = false;
  bool stopping = false;
  int written = 0;  // the thread's; read by Drain once it is told
};

// One writes and drains, one writes; then the log ends.
Model WriteAndDrain(Mistake mistake) {
  return [mistake](Execution& run) {
    auto& log = run.Make<Log>(mistake);
    run.Daemon("log", [&log] { log.Run(); });
    run.Thread("drains", [&log] {
      log.Write();
      log.Drain();
    });
    run.Thread("writes", [&log] { log.Write(); });
  };
}

// What is queued when the end comes is written, and the thread ends.
Model WriteAndStop(Mistake mistake) {
  return [mistake](Execution& run) {
    auto& log = run.Make<Log>(mistake);
    run.Thread("log", [&log] { log.Run(); });
    run.Thread("owner", [&log] {
      log.Write();
      log.Stop();
    });
    run.Finally([&log] { SLUICE_CHECK(log.written == 1); });
  };
}

// The thread sleeps, and only the one line wakes it.
Model OneLine(Mistake mistake) {
  return [mistake](Execution& run) {
    auto& log = run.Make<Log>(mistake);
    auto& all_written = run.Make<Signal>();
    run.Daemon("log", [&log, &all_written] {
      int batch = 0;
      while (log.Take(batch)) all_written.Set();
    });
    run.Thread("writes", [&log, &all_written] {
      log.Write();
      all_written.Wait();
    });
  };
}

TEST(LineLog, WriteAndDrain) { ExpectHolds(WriteAndDrain(Mistake::kNone)); }
TEST(LineLog, WriteAndStop) { ExpectHolds(WriteAndStop(Mistake::kNone)); }
TEST(LineLog, OneLine) { ExpectHolds(OneLine(Mistake::kNone)); }

TEST(LineLogMutant, WriteWakesNobody) { ExpectFails(OneLine(Mistake::kWriteWakesNobody)); }
TEST(LineLogMutant, SleepForgotten) { ExpectFails(OneLine(Mistake::kSleepForgotten)); }
TEST(LineLogMutant, LooksTooEarly) { ExpectFails(OneLine(Mistake::kLooksTooEarly)); }
TEST(LineLogMutant, DoneUntold) { ExpectFails(WriteAndDrain(Mistake::kDoneUntold)); }
TEST(LineLogMutant, DoneTooSoon) { ExpectFails(WriteAndDrain(Mistake::kDoneTooSoon)); }
TEST(LineLogMutant, StopUntold) { ExpectFails(WriteAndStop(Mistake::kStopUntold)); }

}  // namespace
}  // namespace sluice::model
