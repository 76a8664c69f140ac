// absl::Mutex for code under the model checker: model.bzl includes this before anything else. The
// headers of absl come first and keep the real one.
#ifndef SLUICE_TESTS_MODEL_ABSL_MUTEX_H_
#define SLUICE_TESTS_MODEL_ABSL_MUTEX_H_

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/synchronization/mutex.h"
#include "tests/model/sync.h"

namespace absl {

class ABSL_LOCKABLE SluiceModelMutex {
 public:
  void Lock(sluice::model::Site site) ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.Lock(site); }
  void Unlock(sluice::model::Site site) ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(site); }

 private:
  sluice::model::ModelMutex mutex_;
};

class ABSL_SCOPED_LOCKABLE SluiceModelMutexLock {
 public:
  explicit SluiceModelMutexLock(SluiceModelMutex* mutex,
                                sluice::model::Site site = sluice::model::Site::current())
      ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex)
      : mutex_(mutex), site_(site) {
    mutex_->Lock(site_);
  }
  SluiceModelMutexLock(const SluiceModelMutexLock&) = delete;
  SluiceModelMutexLock& operator=(const SluiceModelMutexLock&) = delete;
  ~SluiceModelMutexLock() ABSL_UNLOCK_FUNCTION() { mutex_->Unlock(site_); }

 private:
  SluiceModelMutex* const mutex_;
  const sluice::model::Site site_;
};

}  // namespace absl

#define Mutex SluiceModelMutex
#define MutexLock SluiceModelMutexLock

#endif  // SLUICE_TESTS_MODEL_ABSL_MUTEX_H_
