// CurrentSet: the endpoint set that was published last. Every worker keeps a reference of its own
// and renews it when there is a newer set, so reading takes no locked instruction.
//
//   Publish ── current_ = set, ++version_, under the lock ─────────────────┐
//   Get     ── version_ as it was? ── yes ─► the worker's own reference    │
//                     └─ no ─► renewed from current_, under the lock ◄─────┘
//
// The version only says that there is something to fetch, so its order needs no more than that of
// one variable: a thread that knows of a set, because it was told, sees its version too.
// A set lives until no worker has it any more; a worker that reads nothing keeps an old one.
// Threads: any may publish; Get(w) is for the thread of worker w alone.
#ifndef SLUICE_PROXY_UPSTREAM_ENDPOINT_CURRENT_SET_H_
#define SLUICE_PROXY_UPSTREAM_ENDPOINT_CURRENT_SET_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/atomic.h"
#include "proxy/upstream/endpoint/endpoint_set.h"

namespace sluice::proxy {

class CurrentSet {
 public:
  CurrentSet(uint32_t workers, std::shared_ptr<const EndpointSet> set)
      : current_(std::move(set)), own_(workers) {}

  // The reference holds until the same worker calls this again: not across a co_await.
  const EndpointSet& Get(uint32_t worker) {
    Own& own = own_[worker];
    if (own.version != version_.load(std::memory_order_relaxed)) Renew(own);
    return *own.set;
  }

  // For a moment or for longer, on any thread.
  std::shared_ptr<const EndpointSet> Share() const {
    absl::MutexLock lock(&mutex_);
    return current_;
  }

  void Publish(std::shared_ptr<const EndpointSet> set) {
    std::shared_ptr<const EndpointSet> before;  // goes after the lock
    absl::MutexLock lock(&mutex_);
    before = std::exchange(current_, std::move(set));
    version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

 private:
  struct alignas(64) Own {
    uint64_t version = 0;
    std::shared_ptr<const EndpointSet> set;
  };

  void Renew(Own& own) {
    std::shared_ptr<const EndpointSet> before;  // goes after the lock
    absl::MutexLock lock(&mutex_);
    before = std::exchange(own.set, current_);
    own.version = version_.load(std::memory_order_relaxed);
  }

  mutable absl::Mutex mutex_;
  std::shared_ptr<const EndpointSet> current_ ABSL_GUARDED_BY(mutex_);
  core::Atomic<uint64_t> version_{1};  // written under the lock
  std::vector<Own> own_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_ENDPOINT_CURRENT_SET_H_
