// Signals as a stream that a task reads: blocked in all threads, received through a signalfd.
#ifndef SLUICE_CORE_IO_SIGNALS_H_
#define SLUICE_CORE_IO_SIGNALS_H_

#include <initializer_list>

#include "core/base/result.h"
#include "core/task/task.h"

namespace sluice::core {

class SignalStream {
 public:
  // Blocks `signals` in the calling thread and those it starts later: make it in main, before there
  // are any.
  explicit SignalStream(std::initializer_list<int> signals);
  SignalStream(const SignalStream&) = delete;
  SignalStream& operator=(const SignalStream&) = delete;
  ~SignalStream();

  // Why there is no stream (an errno: no descriptors are left), or 0.
  int error() const { return error_; }

  // The next signal's number, or ECANCELED.
  Task<IoResult<int>> Next();

  // To be called on the last worker that used Next, before the destructor.
  void Close();

 private:
  int fd_;
  int error_ = 0;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_SIGNALS_H_
