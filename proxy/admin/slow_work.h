// SlowWork: a thread for requests that look at all sessions, so that the HTTP server's goes on
// answering probes meanwhile.
//
//     if (!slow_work.Do([answer] { answer(TheWholeList()); })) answer(TooMany());
//
//   Do ── kMost are there, or no thread can be started ──► false
//    └──► QUEUED ──► RUNS, one after the other, in their order
//            └── ~SlowWork ──► dropped
//
// The thread is started by the first Do.
// Threads: Do and the destructor its owner's. Checked by: tests/e2e/test_admin.py.
#ifndef SLUICE_PROXY_ADMIN_SLOW_WORK_H_
#define SLUICE_PROXY_ADMIN_SLOW_WORK_H_

#include <pthread.h>

#include <cstddef>
#include <deque>
#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace sluice::proxy {

class SlowWork {
 public:
  static constexpr size_t kMost = 8;  // with the one that runs

  SlowWork() = default;
  SlowWork(const SlowWork&) = delete;
  SlowWork& operator=(const SlowWork&) = delete;
  ~SlowWork();  // waits for what runs

  // Returns false: it is not going to be done.
  bool Do(std::function<void()> work);

 private:
  bool has_work_or_ends() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return ends_ || !queue_.empty();
  }
  void Run();

  pthread_t thread_{};
  bool has_thread_ = false;  // the owner's
  absl::Mutex mutex_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);  // first: the one that runs
  bool ends_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_SLOW_WORK_H_
