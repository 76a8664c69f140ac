// CancellationSource and CancellationToken: a broadcast from one to many tasks, once.
//
// The source is owned by who decides (main's shutdown); every listener, session and service holds a
// token. A CancelNotice is one registration: it lives in the task that is to be told.
//
//   notice:  IDLE ── Register ──► LISTED ── source.Cancel ──► POSTED ── OnReady, in the task ──► IDLE
//              ▲                    │ Unregister: true            ▲
//              └────────────────────┘       Unregister: false ────┘ OnReady is on its way
//
// Threads: Cancel any; the rest inside the task that owns the notice. A mutex guards the list; the
// posts are made after it has been released, and each notice is read before it is posted.
// Checked by: tests/core/task/cancellation_test.cc, tests/model.
#ifndef SLUICE_CORE_TASK_CANCELLATION_H_
#define SLUICE_CORE_TASK_CANCELLATION_H_

#include <coroutine>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/atomic.h"
#include "core/task/cancel_scope.h"
#include "core/task/task.h"

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
  CancellationSource* source_;
};

class CancelNotice : public Waiter {
 public:
  CancelNotice() = default;
  CancelNotice(const CancelNotice&) = delete;
  CancelNotice& operator=(const CancelNotice&) = delete;

  // OnReady comes when the source is cancelled; soon if it is already. Not while registered.
  void Register(CancellationToken token, Runnable& task);

  // True: OnReady will not come. False: it was not registered or OnReady is on its way.
  bool Unregister();

  // From Register until Unregister == true or OnReady.
  bool registered() const { return registered_; }

  void Cancel() override;  // asks for OnReady at once

 protected:
  ~CancelNotice();
  void Delivered() { registered_ = false; }  // called first by OnReady
  // The task given to the last Register.
  Runnable& task() const { return *task_; }

 private:
  friend class CancellationSource;
  CancellationSource* source_ = nullptr;
  Runnable* task_ = nullptr;
  CancelNotice* previous_ = nullptr;  // guarded by the source's mutex, as is `next` while listed
  bool listed_ = false;               // guarded by the source's mutex
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
  absl::Mutex mutex_;
  Atomic<bool> cancelled_{false};  // written under mutex_
  CancelNotice* first_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

inline bool CancellationToken::cancelled() const { return source_->cancelled(); }

class CancelledAwaiter final : public CancelNotice {
 public:
  explicit CancelledAwaiter(CancellationToken token) : token_(token) {}
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    PromiseBase& promise = handle.promise();
    scope_ = promise.scope;
    if (scope_->cancelled() || token_.cancelled()) return false;
    waiter_ = handle;
    scope_->Enter(*this);
    Register(token_, *promise.task);
    return true;
  }
  bool await_resume() const noexcept { return token_.cancelled(); }
  void OnReady() override {
    Delivered();
    scope_->Leave(*this);
    waiter_.resume();
  }

 private:
  CancellationToken token_;
  CancelScope* scope_ = nullptr;
  std::coroutine_handle<> waiter_;
};

inline auto CancellationToken::Cancelled() const { return CancelledAwaiter(*this); }

}  // namespace sluice::core

#endif  // SLUICE_CORE_TASK_CANCELLATION_H_
