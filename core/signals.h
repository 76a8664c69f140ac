// Signals as a stream that a task reads: blocked in all threads, received through a signalfd.
#ifndef SLUICE_CORE_SIGNALS_H_
#define SLUICE_CORE_SIGNALS_H_

#include <initializer_list>

#include "core/io.h"
#include "core/result.h"
#include "core/task.h"

namespace sluice::core {

class SignalStream {
 public:
  // Blocks `signals` in the calling thread and those it starts later: call it in main, first.
  explicit SignalStream(std::initializer_list<int> signals);
  SignalStream(const SignalStream&) = delete;
  SignalStream& operator=(const SignalStream&) = delete;
  ~SignalStream();

  // The next signal's number, or ECANCELED.
  Task<IoResult<int>> Next();

  // To be called on the last worker that used Next, before the destructor.
  void Close();

 private:
  int fd_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_SIGNALS_H_
