// kernel_refs: an op of the completion reactor is cancelled from another worker while the kernel
// completes it. Its last completion is posted exactly once, and no thread touches the op
// afterwards.
//
// A transcription of UringReactor::Cancel, TakeRemoteCancels, StartCancel, OnCancel, OnRecv
// (ENOBUFS), ReceiveAgain (ETIME), FeedStarved, End and DropRef, with the real WakeFlag; the ring
// is a list of completions. Op::state is the owner's and plain, as there; every access to the op is
// watched.
#include <utility>
#include <vector>

#include "core/base/atomic.h"
#include "core/base/check.h"
#include "core/reactor/wake_flag.h"
#include "tests/model/expect.h"
#include "tests/model/sync.h"

namespace sluice::model {
namespace {

constexpr Order kRelaxed = std::memory_order_relaxed;
constexpr Order kAcquire = std::memory_order_acquire;
constexpr Order kAcqRel = std::memory_order_acq_rel;

enum Place { kInKernel, kTold, kStarved, kEnded };
enum Tag { kTagOp, kTagCancel };

struct Mistakes {
  bool cancel_takes_no_ref = false;
  bool cancel_from_zero = false;  // takes a reference although the last completion is on its way
  bool posts_at_op = false;       // the op's own completion posts, whatever else knows the op
  bool forgets_starved = false;   // a cancel that failed in the kernel leaves a starved op alone
  bool forgets_told = false;      // an op whose cancel came as its pause ended goes on waiting
};

// The kernel: holds one op, completes it once or fails its cancel. A pause ends in two steps: in
// between its timer's callback runs on another processor.
class Kernel {
 public:
  struct Completion {
    Tag tag;
    bool worked = false;   // kTagOp: not cancelled; kTagCancel: found the op
    bool dry = false;      // ENOBUFS
    bool paused = false;   // ETIME
    bool already = false;  // EALREADY
  };

  void Submit() {
    WithLock([this] { holds_ = true; });
  }
  // From the network.
  void Complete(bool dry) {
    WithLock([this, dry] {
      if (holds_) completions_.push_back({.tag = kTagOp, .worked = true, .dry = dry});
      holds_ = false;
    });
    ready.Set();
  }
  void BeginToEndPause() {
    WithLock([this] { ends_pause_ = std::exchange(holds_, false); });
  }
  void EndPause() {
    WithLock([this] {
      if (std::exchange(ends_pause_, false)) {
        completions_.push_back({.tag = kTagOp, .worked = true, .paused = true});
      }
    });
    ready.Set();
  }
  void Cancel() {
    WithLock([this] {
      if (holds_) completions_.push_back({.tag = kTagOp});
      completions_.push_back({.tag = kTagCancel, .worked = holds_, .already = ends_pause_});
      holds_ = false;
    });
    ready.Set();
  }
  std::vector<Completion> Reap() {
    std::vector<Completion> all;
    WithLock([this, &all] { all.swap(completions_); });
    return all;
  }

  Signal ready;  // a completion, or the wake-up

 private:
  template <typename F>
  void WithLock(F&& f) {
    mutex_.Lock();
    f();
    mutex_.Unlock();
  }
  ModelMutex mutex_;
  bool holds_ = false;
  bool ends_pause_ = false;
  std::vector<Completion> completions_;
};

struct State {
  explicit State(const Mistakes& mistakes) : mistakes(mistakes) {}

  // --- the op's task, on another worker ---
  void Task(bool dry_first) {
    TaskCancel();
    done.Wait();
    if (dry_first) SLUICE_CHECK(posts == 1);
    op.Set(op.Get() + 1);  // its memory is something else now
  }
  void TaskCancel() {
    uint32_t refs = kernel_refs.load(kAcquire);
    do {
      if (refs == 0 && !mistakes.cancel_from_zero) return;
      if (mistakes.cancel_takes_no_ref) break;
    } while (!kernel_refs.compare_exchange_weak(refs, refs + 1, kAcqRel, kAcquire));
    remote.Lock();
    ++remote_cancels;
    has_remote_cancels.store(true, std::memory_order_release);
    remote.Unlock();
    if (wake.Wake()) kernel.ready.Set();
  }

  // --- the reactor's worker ---
  void Turn() {
    TakeRemoteCancels();
    if (place == kStarved && buffers.load(kAcquire)) {
      TouchOp();
      place = kInKernel;
      kernel.Submit();
    }
    if (wake.BeginSleep()) {
      kernel.ready.Wait();
      wake.EndSleep();
    }
    for (const Kernel::Completion& completion : kernel.Reap()) OnCompletion(completion);
  }
  void TakeRemoteCancels() {
    if (!has_remote_cancels.load(kAcquire)) return;
    remote.Lock();
    const int cancels = std::exchange(remote_cancels, 0);
    has_remote_cancels.store(false, kRelaxed);
    remote.Unlock();
    for (int i = 0; i < cancels; ++i) StartCancel();
  }
  void StartCancel() {
    TouchOp();
    if (place == kInKernel) {
      kernel.Cancel();
      return;
    }
    if (place == kStarved) {
      place = kEnded;
      SLUICE_CHECK(!DropRef());
    }
    if (mistakes.cancel_takes_no_ref || DropRef()) Post();
  }
  void OnCompletion(const Kernel::Completion& completion) {
    TouchOp();
    if (completion.tag == kTagCancel) {
      OnCancel(completion);
      return;
    }
    if (completion.paused && (place != kTold || mistakes.forgets_told)) {
      place = kInKernel;  // from now on it polls
      kernel.Submit();
      return;
    }
    if (completion.dry) {
      place = kStarved;
      return;
    }
    place = kEnded;
    if (DropRef() || mistakes.posts_at_op) Post();
  }
  void OnCancel(const Kernel::Completion& completion) {
    if (completion.already && place == kInKernel) {
      place = kTold;
      SLUICE_CHECK(!DropRef());  // its own is left
      return;
    }
    if (!completion.worked && place == kInKernel) {
      kernel.Cancel();
      return;
    }
    if (place == kStarved && !mistakes.forgets_starved) {
      place = kEnded;
      SLUICE_CHECK(!DropRef());
    }
    if (mistakes.cancel_takes_no_ref) return;
    if (DropRef()) Post();
  }
  bool DropRef() { return kernel_refs.fetch_sub(1, kAcqRel) == 1; }
  void Post() {
    SLUICE_CHECK(++posts == 1);
    done.Set();
  }
  void TouchOp() { op.Set(op.Get() + 1); }

  const Mistakes mistakes;
  Kernel kernel;
  core::Atomic<uint32_t> kernel_refs{1};
  core::Atomic<bool> has_remote_cancels{false};
  core::Atomic<bool> buffers{false};
  core::WakeFlag wake;
  ModelMutex remote;
  int remote_cancels = 0;
  Cell<int> op{"the op"};
  int place = kInKernel;
  int posts = 0;
  Signal done;
};

// `dry`: first it finds no buffer; then buffers come back and it is submitted once more.
Model CancelMeetsCompletion(bool dry, const Mistakes& mistakes = {}) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(mistakes);
    s.kernel.Submit();
    run.Daemon("reactor", [&s] {
      for (;;) s.Turn();
    });
    run.Thread("task", [&s, dry] { s.Task(dry); });
    run.Thread("network", [&s, dry] {
      if (dry) {
        s.kernel.Complete(/*dry=*/true);
        s.buffers.store(true, std::memory_order_release);
        if (s.wake.Wake()) s.kernel.ready.Set();
      } else {
        s.kernel.Complete(/*dry=*/false);
      }
    });
    run.Finally([&s] {
      SLUICE_CHECK(s.posts == 1);
      SLUICE_CHECK(s.kernel_refs.load(kRelaxed) == 0);
    });
  };
}

// Nothing comes from the network: without the cancel the op would wait for ever.
Model CancelMeetsEndOfPause(const Mistakes& mistakes = {}) {
  return [=](Execution& run) {
    auto& s = run.Make<State>(mistakes);
    s.kernel.Submit();
    run.Daemon("reactor", [&s] {
      for (;;) s.Turn();
    });
    run.Thread("task", [&s] { s.Task(/*dry_first=*/false); });
    run.Thread("timer", [&s] {
      s.kernel.BeginToEndPause();
      s.kernel.EndPause();
    });
    run.Finally([&s] {
      SLUICE_CHECK(s.posts == 1);
      SLUICE_CHECK(s.kernel_refs.load(kRelaxed) == 0);
    });
  };
}

TEST(KernelRefs, CancelMeetsCompletion) { ExpectHolds(CancelMeetsCompletion(/*dry=*/false)); }
TEST(KernelRefs, CancelMeetsDryPool) { ExpectHolds(CancelMeetsCompletion(/*dry=*/true)); }

TEST(KernelRefs, CancelMeetsEndOfPause) { ExpectHolds(CancelMeetsEndOfPause()); }

TEST(KernelRefsMutant, CancelTakesNoReference) {
  ExpectFails(CancelMeetsCompletion(false, {.cancel_takes_no_ref = true}));
}
TEST(KernelRefsMutant, CancelOfWhatHasEnded) {
  ExpectFails(CancelMeetsCompletion(false, {.cancel_from_zero = true}));
}
TEST(KernelRefsMutant, CompletionPostsAtOnce) {
  ExpectFails(CancelMeetsCompletion(false, {.posts_at_op = true}));
}
TEST(KernelRefsMutant, CancelForgetsTheStarved) {
  ExpectFails(CancelMeetsCompletion(true, {.forgets_starved = true}));
}

TEST(KernelRefsMutant, PauseForgetsItsCancel) {
  ExpectFails(CancelMeetsEndOfPause({.forgets_told = true}));
}

}  // namespace
}  // namespace sluice::model
