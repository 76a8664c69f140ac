// ThreadMutex for code under the model checker: the checker's own mutex. What it is in a program,
// is checked by thread_mutex_model_test.cc.
#ifndef SLUICE_TESTS_MODEL_THREAD_MUTEX_H_
#define SLUICE_TESTS_MODEL_THREAD_MUTEX_H_

#include "tests/model/absl_mutex.h"

namespace sluice::core {

class ABSL_LOCKABLE ThreadMutex final : public absl::SluiceModelMutex {};
using ThreadMutexLock = absl::SluiceModelMutexLock;

}  // namespace sluice::core

#endif  // SLUICE_TESTS_MODEL_THREAD_MUTEX_H_
