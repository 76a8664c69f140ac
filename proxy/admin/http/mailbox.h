// Mailbox: answers on their way from any thread to the HTTP server's, and what wakes it.
#ifndef SLUICE_PROXY_ADMIN_HTTP_MAILBOX_H_
#define SLUICE_PROXY_ADMIN_HTTP_MAILBOX_H_

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/sync/cancellation.h"
#include "proxy/admin/http/exchange.h"

struct MHD_Connection;

namespace sluice::proxy {

// A request whose handler has been called.
//
//   ASKED ── answered while the handler runs ──► ANSWERED
//     └── it returns first ──► WAITING ── answered, and posted to the mailbox ──► ANSWERED
//                                └── the client goes ──► ANSWERED, without a response
struct Exchange {
  explicit Exchange(MHD_Connection* connection) : connection(connection) {}

  MHD_Connection* const connection;
  const std::shared_ptr<core::CancellationSource> gone =
      std::make_shared<core::CancellationSource>();
  absl::Mutex mutex;
  bool waits ABSL_GUARDED_BY(mutex) = false;
  bool is_answered ABSL_GUARDED_BY(mutex) = false;
  std::optional<HttpResponse> response ABSL_GUARDED_BY(mutex);

  // The client has gone. Returns false if it has its answer already.
  bool GiveUp() {
    absl::MutexLock lock(&mutex);
    return !std::exchange(is_answered, true);
  }
};

// Threads: any; Take the server's.
class Mailbox {
 public:
  Mailbox() : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox() {
    if (wake_ >= 0) close(wake_);
  }

  int wake() const { return wake_; }  // readable when there is something; -1: there is none

  // Those to come are dropped once the server has stopped.
  void Answer(const std::shared_ptr<Exchange>& exchange, HttpResponse response) {
    {
      absl::MutexLock lock(&exchange->mutex);
      if (std::exchange(exchange->is_answered, true)) return;
      exchange->response = std::move(response);
      if (!exchange->waits) return;
    }
    Post(exchange);
  }

  void Post(std::shared_ptr<Exchange> exchange) {
    {
      absl::MutexLock lock(&mutex_);
      answered_.push_back(std::move(exchange));
    }
    Wake();
  }

  // Returns when the server has called TellDoorsClosed, or has been told to stop.
  void CloseDoors() {
    const auto are_closed = [this] {
      mutex_.AssertReaderHeld();
      return doors_are_closed_ || stopped_;
    };
    absl::MutexLock lock(&mutex_);
    closes_doors_ = true;
    Wake();
    mutex_.Await(absl::Condition(&are_closed));
  }
  bool closes_doors() {
    absl::MutexLock lock(&mutex_);
    return closes_doors_;
  }
  void TellDoorsClosed() {
    absl::MutexLock lock(&mutex_);
    doors_are_closed_ = true;
  }

  void Stop() {
    {
      absl::MutexLock lock(&mutex_);
      stopped_ = true;
    }
    Wake();
  }

  // Returns false once it is to stop.
  bool Take(std::vector<std::shared_ptr<Exchange>>& answered) {
    uint64_t count = 0;
    (void)!read(wake_, &count, sizeof(count));
    absl::MutexLock lock(&mutex_);
    answered = std::exchange(answered_, {});
    return !stopped_;
  }

 private:
  void Wake() {
    const uint64_t one = 1;
    (void)!write(wake_, &one, sizeof(one));
  }

  const int wake_;
  absl::Mutex mutex_;
  std::vector<std::shared_ptr<Exchange>> answered_ ABSL_GUARDED_BY(mutex_);
  bool closes_doors_ ABSL_GUARDED_BY(mutex_) = false;
  bool doors_are_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_HTTP_MAILBOX_H_
