// DescriptorTable, the real header: a descriptor is closed and its number is used again at once,
// while an event of its first life is still in a reactor's hand. And two threads that are the first
// to ask for a number.
//
// EpollReactor::Advance, Register, Dispatch and Close are transcribed; the kernel's table of
// descriptors has a lock, as Linux's has, which orders what a closer wrote before what the next
// owner of the number reads.
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "epoll/descriptor_table.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"

namespace sluice::model {
namespace {

constexpr Order kRelaxed = std::memory_order_relaxed;
constexpr Order kAcquire = std::memory_order_acquire;
constexpr Order kRelease = std::memory_order_release;
constexpr int kFd = 0;

struct Mistakes {
  bool forgets_after_close = false;  // the number may be in use again by then
  bool forgets_nothing = false;      // the next owner of the number thinks it is registered
  bool old_cookie = false;           // registers with the generation of the first life
  bool no_generation = false;        // believes every event: no mistake, see below
};

// Too large to be made for every execution.
epoll::DescriptorTable& Table() {
  static epoll::DescriptorTable* table = new epoll::DescriptorTable;
  return *table;
}

// The kernel's epoll instance of one worker.
class Epoll {
 public:
  void Add(uint64_t cookie) {
    lock_.Lock();
    events_.push_back(cookie);
    lock_.Unlock();
    ready_.Set();
  }
  std::vector<uint64_t> Wait() {
    ready_.Wait();
    lock_.Lock();
    std::vector<uint64_t> events = std::exchange(events_, {});
    lock_.Unlock();
    return events;
  }

 private:
  ModelMutex lock_;
  Signal ready_;
  std::vector<uint64_t> events_;
};

struct State {
  explicit State(const Mistakes& mistakes) : mistakes(mistakes) {
    // The first life: registered, and its last system call said EAGAIN.
    descriptor.generation.store(7, kRelaxed);
    descriptor.registered.store(true, kRelaxed);
    descriptor.try_anyway.store(true, kRelaxed);
    descriptor.directions[epoll::kOut].Set();
    readiness.Set();
    readiness.Clear();
  }

  // --- the task of the first life, on one worker ---
  void Close() {
    if (!mistakes.forgets_after_close && !mistakes.forgets_nothing) Table().Forget(kFd);
    descriptors.Lock();
    descriptors.Unlock();
    closed.Set();
    if (mistakes.forgets_after_close) Table().Forget(kFd);
  }

  // --- the task of the second life, on another ---
  void Open() {
    closed.Wait();
    descriptors.Lock();
    descriptors.Unlock();
  }
  void Recv() {
    for (;;) {
      if (readiness.ready() || descriptor.try_anyway.load(kAcquire)) {
        readiness.Clear();
        if (Read()) return;
      }
      Register();
      request.Set(request.Get() + 1);  // the op's fields, before Park
      parked = true;
      if (!readiness.Park(op)) {
        parked = false;
        continue;
      }
      posted.Wait();
    }
  }
  bool Read() {
    socket.Lock();
    const bool found = bytes > 0;
    if (found) --bytes;
    socket.Unlock();
    return found;
  }
  void Register() {
    if (descriptor.registered.load(kAcquire)) return;
    const uint64_t generation = mistakes.old_cookie ? 7 : descriptor.generation.load(kRelaxed);
    descriptor.registered.store(true, kRelease);
    socket.Lock();
    cookie = generation << 32 | kFd;
    const bool there = bytes > 0;
    socket.Unlock();
    if (there) instance.Add(generation << 32 | kFd);
  }

  // --- the network: a byte for the second life ---
  void Arrive() {
    socket.Lock();
    ++bytes;
    const uint64_t registered = cookie;
    socket.Unlock();
    if (registered != 0) instance.Add(registered);
  }

  // --- the reactors ---
  void Dispatch(uint64_t event) {
    const bool old = descriptor.generation.load(kAcquire) != event >> 32;
    if (old && !mistakes.no_generation) return;
    core::Op* out = readiness.Signal();
    if (out == nullptr) return;
    SLUICE_CHECK(out == &op && parked);
    parked = false;
    request.Set(request.Get() + 1);
    posted.Set();
  }

  const Mistakes mistakes;
  epoll::Descriptor& descriptor = Table().at(kFd);
  epoll::Readiness& readiness = descriptor.directions[epoll::kIn];
  core::SingleShotOp op{core::OpKind::kPoll, kFd};
  Cell<int> request{"the op's fields"};
  ModelMutex descriptors;
  Signal closed;
  ModelMutex socket;
  int bytes = 0;
  uint64_t cookie = 0;  // 0: not registered
  Epoll instance;       // of the worker of the second life
  Signal posted;
  bool parked = false;  // between Park and what takes it out
};

Model UsedAgain(const Mistakes& mistakes = {}) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(mistakes);
    run.Thread("closes", [&s] { s.Close(); });
    run.Thread("late event", [&s] { s.Dispatch(uint64_t{7} << 32 | kFd); });
    run.Thread("opens", [&s] {
      s.Open();
      s.Recv();
    });
    run.Thread("network", [&s] { s.Arrive(); });
    run.Daemon("reactor", [&s] {
      for (;;) {
        for (const uint64_t event : s.instance.Wait()) s.Dispatch(event);
      }
    });
    run.Finally([&s] { SLUICE_CHECK(s.bytes == 0 && !s.parked); });
  };
}

// Too many executions to see all: those with few preemptions, and some of the others.
const Options kBounded = {.preemptions = 2};
const Options kSampled = {.samples = 50'000};

TEST(DescriptorLife, UsedAgain) {
  ExpectHolds(UsedAgain(), kBounded);
  ExpectHolds(UsedAgain(), kSampled);
}
// A late event that is believed makes a task try for nothing and does no other harm: the
// generation saves that.
TEST(DescriptorLife, LateEventsAreHarmless) {
  ExpectHolds(UsedAgain({.no_generation = true}), kBounded);
  ExpectHolds(UsedAgain({.no_generation = true}), kSampled);
}

TEST(DescriptorLifeMutant, ForgetsAfterClose) {
  ExpectFails(UsedAgain({.forgets_after_close = true}), kBounded);
}
TEST(DescriptorLifeMutant, ForgetsNothing) {
  ExpectFails(UsedAgain({.forgets_nothing = true}), kBounded);
}
TEST(DescriptorLifeMutant, OldCookie) { ExpectFails(UsedAgain({.old_cookie = true}), kBounded); }
TEST(DescriptorLifeMutant, ParkWithoutRelease) {
  ExpectCaught(UsedAgain(), {"Park(", Action::kCompareExchange}, kBounded);
}

// Grow (transcribed): the first two to ask for a number get the same entry, and see it made.
struct Growing {
  struct Chunk {
    Cell<int> entry{"an entry"};
  };
  Chunk* At(bool locked_look, Order publish) {
    Chunk* found = slot.load(kAcquire);
    if (found != nullptr) return found;
    mutex.Lock();
    if (!locked_look || slot.load(kRelaxed) == nullptr) {
      Chunk& made = chunks[grown++];
      made.entry.Set(1);
      slot.store(&made, publish);
    }
    found = slot.load(kRelaxed);
    mutex.Unlock();
    return found;
  }
  core::Atomic<Chunk*> slot{nullptr};
  ModelMutex mutex;
  Chunk chunks[2];
  int grown = 0;
};

Model FirstToAsk(bool locked_look, Order publish) {
  return [=](Execution& run) {
    auto& s = run.Make<Growing>();
    for (const char* name : {"one", "two"}) {
      run.Thread(name, [=, &s] { SLUICE_CHECK(s.At(locked_look, publish)->entry.Get() == 1); });
    }
    run.Finally([&s] { SLUICE_CHECK(s.grown == 1); });
  };
}

TEST(DescriptorTable, Grow) { ExpectHolds(FirstToAsk(true, kRelease)); }
TEST(DescriptorTableMutant, GrowsTwice) { ExpectFails(FirstToAsk(false, kRelease)); }
TEST(DescriptorTableMutant, PublishedWithoutRelease) { ExpectFails(FirstToAsk(true, kRelaxed)); }

// The real one: two workers take a number's entry for the first time.
TEST(DescriptorTable, RealGrow) {
  ExpectHolds([](Execution& run) {
    auto& table = run.Make<epoll::DescriptorTable>();
    auto& found = run.Make<std::vector<epoll::Descriptor*>>();
    for (const char* name : {"one", "two"}) {
      run.Thread(name, [&] { found.push_back(&table.at(1500)); });
    }
    run.Finally([&] { SLUICE_CHECK(found.size() == 2 && found[0] == found[1]); });
  });
}

}  // namespace
}  // namespace sluice::model
