// CtrlC: waits for Ctrl+C (SIGINT), in a program that RunMain runs.
//
//     auto first = co_await Select(Named<"client">(listener.Accept()), Named<"stop">(CtrlC()));
//     if (first.Won<"stop">()) co_return co_await SayGoodbye();     // nothing is cancelled
//
//                       the first co_await CtrlC()
//   RUNMAIN'S: main is ───────────────────────────► OURS ── Ctrl+C, some wait ──► OURS: those are
//   cancelled by it                                 │  ▲                          told
//                            Ctrl+C, none waits     ▼  │ the next CtrlC() has it
//                                                  KEPT ── Ctrl+C again ──► main is cancelled
//
// So a Ctrl+C that comes between two waits is not lost, and one that nothing asks for ends the
// program all the same. SIGTERM goes to RunMain in any case.
//
// Cut short, it has taken no Ctrl+C. Elsewhere than under RunMain it is an error, which is checked:
// make a SignalStream({SIGINT}) in main before there are threads (core/io/signals.h).
//
// Threads: inside any task of the process. Checked by: tests/core/io/ctrl_c_test.cc.
#ifndef SLUICE_CORE_IO_CTRL_C_H_
#define SLUICE_CORE_IO_CTRL_C_H_

#include <cerrno>
#include <coroutine>

#include "core/base/result.h"
#include "core/sync/wait_list.h"

namespace sluice::core {

// `IoResult<void> came = co_await CtrlC();` ECANCELED: its scope was cancelled first.
class [[nodiscard]] CtrlC final : public WaitAwaiter {
 public:
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    return Suspend(handle, [this] { return Queue(); });
  }
  IoResult<void> await_resume() {
    Resumed();
    if (!came_) return IoError(ECANCELED);
    return {};
  }

 private:
  friend class CtrlCSource;

  bool Queue();

  bool came_ = false;
};

// RunMain's, which has the signal. One for the process, for so is a signal.
class CtrlCSource {
 public:
  CtrlCSource();
  CtrlCSource(const CtrlCSource&) = delete;
  CtrlCSource& operator=(const CtrlCSource&) = delete;
  ~CtrlCSource();

  // A Ctrl+C has come. False: it is RunMain's.
  bool Tell();
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_CTRL_C_H_
