// Ops of the completion reactor that wait by a poll: one for a break, which the reactor itself ends
// by a cancel when it has seen one, a recv in bulk mode, which ends in its task, and a send, which
// does both. They meet a cancel from another worker.
//
// A transcription of UringReactor::PollEnd, OnPoll, OnReadable, OnWritable, OnCancel, StartCancel,
// DropRef, AdvanceBulk and of Op::Cancel and OnReady, with the real WakeFlag; the ring is a list of
// completions. What a cancel needs from the kernel is as in kernel_refs_model_test.
#include <optional>
#include <utility>
#include <vector>

#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/reactor/wake_flag.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"

namespace sluice::model {
namespace {

constexpr Order kAcquire = std::memory_order_acquire;
constexpr Order kAcqRel = std::memory_order_acq_rel;
constexpr int kCancelled = -1;
constexpr int kNotFound = -2;
constexpr int kSent = 2;

struct Mistakes {
  bool own_cancel_takes_no_ref = false;
  bool forgets_what_it_saw = false;   // the end by its own cancel counts as cancelled
  bool cancels_once = false;          // a cancel that came too early is not made again
  bool retries_cancelled = false;     // a recv goes on although a cancel still knows it
  bool retry_ignores_cancel = false;  // and waits again although it is to end
};

struct Completion {
  bool is_cancel;
  int result;
  bool more;
};

// Holds one poll.
class Kernel {
 public:
  void Submit() {
    lock_.Lock();
    holds_ = true;
    lock_.Unlock();
  }
  // The socket: an event. `last`: the poll ends with it.
  void Event(int result, bool last) {
    lock_.Lock();
    if (holds_) completions_.push_back({false, result, !last});
    if (last) holds_ = false;
    lock_.Unlock();
    ready.Set();
  }
  void Cancel() {
    lock_.Lock();
    if (holds_) completions_.push_back({false, kCancelled, false});
    completions_.push_back({true, holds_ ? 0 : kNotFound, false});
    holds_ = false;
    lock_.Unlock();
    ready.Set();
  }
  std::vector<Completion> Reap() {
    lock_.Lock();
    std::vector<Completion> all = std::exchange(completions_, {});
    lock_.Unlock();
    return all;
  }

  Signal ready;  // a completion, or the wake-up

 private:
  ModelMutex lock_;
  bool holds_ = true;
  std::vector<Completion> completions_;
};

enum class Kind { kPoll, kBulkRecv, kSend };

struct State {
  State(const Mistakes& mistakes, Kind kind) : mistakes(mistakes), kind(kind) {}

  // --- the op's task, on another worker ---
  void Cancel() {
    cancel_requested = true;
    uint32_t known = refs.load(kAcquire);
    do {
      if (known == 0) return;
    } while (!refs.compare_exchange_weak(known, known + 1, kAcqRel, kAcquire));
    remote.Lock();
    ++cancels;
    remote.Unlock();
    Wake();
  }
  void WaitForEnd() {
    for (;;) {
      posted.Wait();
      TouchOp();
      if (!std::exchange(retry, false)) break;
      if (cancel_requested && !mistakes.retry_ignores_cancel) {
        result = kCancelled;
        break;
      }
      if (kind == Kind::kSend) {
        result = kSent;
        break;
      }
      place_ended = false;  // nothing to read: it waits again, here
      refs.store(1, std::memory_order_relaxed);
      kernel.Submit();
    }
    ended = true;
    TouchOp();  // its memory is something else now
  }
  void Wake() {
    if (wake.Wake()) kernel.ready.Set();
  }

  // --- the reactor's worker ---
  void Turn() {
    remote.Lock();
    const int taken = std::exchange(cancels, 0);
    remote.Unlock();
    for (int i = 0; i < taken; ++i) StartCancel();
    if (wake.BeginSleep()) {
      kernel.ready.Wait();
      wake.EndSleep();
    }
    for (const Completion& completion : kernel.Reap()) {
      TouchOp();
      if (completion.is_cancel) {
        OnCancel(completion.result);
      } else if (kind == Kind::kBulkRecv) {
        OnReadable(completion.result);
      } else if (kind == Kind::kSend) {
        OnWritable(completion.result, completion.more);
      } else {
        OnPoll(completion.result, completion.more);
      }
    }
  }
  void StartCancel() {
    TouchOp();
    if (!place_ended) {
      kernel.Cancel();
    } else if (DropRef()) {
      Post();
    }
  }
  void OnCancel(int answer) {
    if (answer < 0 && !place_ended && !mistakes.cancels_once) {
      kernel.Cancel();
      return;
    }
    if (DropRef()) Post();
  }
  // Events are 1, what was wanted, or 0, something else.
  std::optional<int> PollEnd(int event, bool more) {
    if (more) {
      if (event <= 0 || result != 0) return std::nullopt;
      result = event;
      if (!mistakes.own_cancel_takes_no_ref) refs.fetch_add(1, kAcqRel);
      kernel.Cancel();
      return std::nullopt;
    }
    if (event == 0) {
      kernel.Submit();
      return std::nullopt;
    }
    return result > 0 && !mistakes.forgets_what_it_saw ? result : event;
  }
  void OnPoll(int event, bool more) {
    const std::optional<int> end = PollEnd(event, more);
    if (!end.has_value()) return;
    result = *end;
    place_ended = true;
    if (DropRef()) Post();
  }
  void OnWritable(int event, bool more) {
    const std::optional<int> end = PollEnd(event, more);
    if (!end.has_value()) return;
    retry = *end > 0;
    result = *end > 0 ? kCancelled : *end;
    place_ended = true;
    if (DropRef() || mistakes.retries_cancelled) Post();
  }
  void OnReadable(int event) {
    result = kCancelled;
    place_ended = true;
    if (!DropRef() && !mistakes.retries_cancelled) return;
    retry = event >= 0;
    Post();
  }
  bool DropRef() { return refs.fetch_sub(1, kAcqRel) == 1; }
  void Post() {
    SLUICE_CHECK(!ended);
    posted.Set();
  }
  void TouchOp() { op.Set(op.Get() + 1); }

  const Mistakes mistakes;
  const Kind kind;
  Kernel kernel;
  core::Atomic<uint32_t> refs{1};
  core::WakeFlag wake;
  ModelMutex remote;
  int cancels = 0;
  Cell<int> op{"the op"};
  int result = 0;
  bool retry = false;
  bool place_ended = false;
  bool cancel_requested = false;
  bool ended = false;
  Signal posted;
};

enum class Poll { kBreaks, kBreaksAtTheEnd, kPassesOver };

// A task waits for a break; `cancel`: and gives up.
Model ForABreak(Poll what, bool cancel, const Mistakes& mistakes = {}) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(mistakes, Kind::kPoll);
    run.Daemon("reactor", [&s] {
      for (;;) s.Turn();
    });
    run.Thread("task", [&s, cancel] {
      if (cancel) s.Cancel();
      s.WaitForEnd();
    });
    run.Thread("network", [&s, what] {
      s.kernel.Event(what == Poll::kPassesOver ? 0 : 1, what != Poll::kBreaks);
    });
    run.Finally([&s, what, cancel] {
      SLUICE_CHECK(s.ended && s.refs.load(std::memory_order_relaxed) == 0);
      SLUICE_CHECK(s.result == 1 || (cancel && s.result == kCancelled));
      SLUICE_CHECK(what != Poll::kPassesOver || s.result == kCancelled);
    });
  };
}

// A recv in bulk mode is told to try, finds nothing, and is cancelled.
Model Bulk(const Mistakes& mistakes = {}) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(mistakes, Kind::kBulkRecv);
    run.Daemon("reactor", [&s] {
      for (;;) s.Turn();
    });
    run.Thread("task", [&s] {
      s.Cancel();
      s.WaitForEnd();
    });
    run.Thread("network", [&s] { s.kernel.Event(1, /*last=*/true); });
    run.Finally([&s] {
      SLUICE_CHECK(s.ended && s.refs.load(std::memory_order_relaxed) == 0);
      SLUICE_CHECK(s.result == kCancelled);
    });
  };
}

// A send waits until it may go on: the poll ends by itself, or is ended.
Model Send(Poll what, bool cancel, const Mistakes& mistakes = {}) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(mistakes, Kind::kSend);
    run.Daemon("reactor", [&s] {
      for (;;) s.Turn();
    });
    run.Thread("task", [&s, cancel] {
      if (cancel) s.Cancel();
      s.WaitForEnd();
    });
    run.Thread("network", [&s, what] { s.kernel.Event(1, what == Poll::kBreaksAtTheEnd); });
    run.Finally([&s, cancel] {
      SLUICE_CHECK(s.ended && s.refs.load(std::memory_order_relaxed) == 0);
      SLUICE_CHECK(s.result == (cancel ? kCancelled : kSent));
    });
  };
}

TEST(PollEnd, Breaks) { ExpectHolds(ForABreak(Poll::kBreaks, false)); }
TEST(PollEnd, BreaksWithItsLastEvent) { ExpectHolds(ForABreak(Poll::kBreaksAtTheEnd, false)); }
TEST(PollEnd, BreaksAndIsCancelled) { ExpectHolds(ForABreak(Poll::kBreaks, true)); }
TEST(PollEnd, EndsUnwantedAndIsCancelled) { ExpectHolds(ForABreak(Poll::kPassesOver, true)); }
TEST(BulkRecv, IsCancelled) { ExpectHolds(Bulk()); }
TEST(Send, GoesOn) { ExpectHolds(Send(Poll::kBreaks, false)); }
TEST(Send, GoesOnWithTheLastEvent) { ExpectHolds(Send(Poll::kBreaksAtTheEnd, false)); }
TEST(Send, IsCancelled) { ExpectHolds(Send(Poll::kBreaks, true)); }
TEST(Send, IsCancelledWithTheLastEvent) { ExpectHolds(Send(Poll::kBreaksAtTheEnd, true)); }

TEST(PollEndMutant, OwnCancelTakesNoReference) {
  ExpectFails(ForABreak(Poll::kBreaks, true, {.own_cancel_takes_no_ref = true}));
}
TEST(PollEndMutant, ForgetsWhatItSaw) {
  ExpectFails(ForABreak(Poll::kBreaks, false, {.forgets_what_it_saw = true}));
}
TEST(PollEndMutant, CancelsOnce) {
  ExpectFails(ForABreak(Poll::kPassesOver, true, {.cancels_once = true}));
}
TEST(SendMutant, OwnCancelTakesNoReference) {
  ExpectFails(Send(Poll::kBreaks, false, {.own_cancel_takes_no_ref = true}));
}
TEST(SendMutant, ForgetsWhatItSaw) {
  ExpectFails(Send(Poll::kBreaks, false, {.forgets_what_it_saw = true}));
}
TEST(SendMutant, RetriesWhileACancelKnowsIt) {
  ExpectFails(Send(Poll::kBreaks, true, {.retries_cancelled = true}));
}
TEST(BulkRecvMutant, RetriesWhatIsCancelled) { ExpectFails(Bulk({.retries_cancelled = true})); }
TEST(BulkRecvMutant, RetryIgnoresTheCancel) { ExpectFails(Bulk({.retry_ignores_cancel = true})); }

}  // namespace
}  // namespace sluice::model
