// CancellationSource and CancellationToken: a broadcast from one to many tasks, once.
//
//     CancellationSource stop;                        // owned by what decides
//     TaskTracker sessions(RuntimeHandle::Current());
//     sessions.Spawn(Serve(stop.token())).Detach();
//     ...
//     stop.Cancel();
//     sessions.Close();
//     (void)co_await sessions.Wait();                 // all have ended: `stop` may go
//
//     Task<void> Serve(CancellationToken stopped) {
//       while (!stopped.cancelled()) {                // asks
//         auto turn = co_await Select(ServeOne(), stopped.Cancelled());   // waits
//         ...
//       }
//     }
//
// Lifetime: a token is a pointer to its source, and keeps nothing alive. The source outlives all
// that has a token of it: a source that goes while a task waits for it ends the process, and one
// that has gone must not be asked either. Tasks that are not awaited hold a std::shared_ptr to it.
//
// A CancelNotice is one registration, for what is told without a coroutine that waits; it lives in
// the task that is to be told.
//
//   IDLE ── Register ──► LISTED ── source.Cancel ──► POSTED ── OnReady, in the task ──► IDLE
//     ▲                    │ Unregister: true            ▲
//     └────────────────────┘       Unregister: false ────┘ OnReady is on its way
//
// Threads: Cancel any; the rest inside the task that owns the notice. What waits is in a WaitList,
// under the source's mutex.
// Checked by: tests/core/sync/cancellation_test.cc, tests/model.
#ifndef SLUICE_CORE_SYNC_CANCELLATION_H_
#define SLUICE_CORE_SYNC_CANCELLATION_H_

#include <coroutine>

#include "absl/base/thread_annotations.h"
#include "core/base/atomic.h"
#include "core/base/thread_mutex.h"
#include "core/sync/wait_list.h"
#include "core/task/runnable.h"

namespace sluice::core {

class CancellationSource;

class CancellationToken {
 public:
  explicit CancellationToken(CancellationSource& source) : source_(&source) {}
  bool cancelled() const;

  // `co_await token.Cancelled()`: until the source is cancelled (true) or the scope is (false).
  auto Cancelled() const;

 private:
  friend class CancelNotice;
  friend class CancelledAwaiter;
  CancellationSource* source_;
};

class CancelNotice : public WaitEntry {
 public:
  CancelNotice() = default;

  // OnReady comes when the source is cancelled; soon if it is already. Not while registered.
  void Register(CancellationToken token, Runnable& task);

  // True: OnReady will not come. False: it was not registered or OnReady is on its way.
  bool Unregister();

  // From Register until Unregister == true or OnReady. WaitEntry::Cancel asks for OnReady at once.
  bool registered() const { return registered_; }

 protected:
  ~CancelNotice();
  void Delivered() { registered_ = false; }  // called first by OnReady

 private:
  bool registered_ = false;
};

class CancellationSource {
 public:
  CancellationSource() = default;
  CancellationSource(const CancellationSource&) = delete;
  CancellationSource& operator=(const CancellationSource&) = delete;
  ~CancellationSource();

  void Cancel();
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }
  CancellationToken token() { return CancellationToken(*this); }

 private:
  friend class CancelNotice;
  friend class CancelledAwaiter;

  // False: it is cancelled already.
  bool Add(WaitEntry& entry);

  ThreadMutex mutex_;
  Atomic<bool> cancelled_{false};  // written under mutex_
  WaitList<WaitEntry> waiting_ ABSL_GUARDED_BY(mutex_){mutex_};
};

inline bool CancellationToken::cancelled() const { return source_->cancelled(); }

class CancelledAwaiter final : public WaitAwaiter {
 public:
  explicit CancelledAwaiter(CancellationToken token) : source_(*token.source_) {}
  bool await_ready() const { return source_.cancelled(); }
  bool WouldWait() const { return !source_.cancelled(); }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    return Suspend(handle, [this] { return source_.Add(*this); });
  }
  bool await_resume() {
    Resumed();
    return source_.cancelled();
  }

 private:
  CancellationSource& source_;
};

inline auto CancellationToken::Cancelled() const { return CancelledAwaiter(*this); }

}  // namespace sluice::core

#endif  // SLUICE_CORE_SYNC_CANCELLATION_H_
