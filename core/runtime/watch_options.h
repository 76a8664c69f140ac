// WatchOptions: whether a runtime watches its tasks, and what it tells of them by itself.
#ifndef SLUICE_CORE_RUNTIME_WATCH_OPTIONS_H_
#define SLUICE_CORE_RUNTIME_WATCH_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "core/base/time.h"

namespace sluice::core {

// A run of a task that kept its worker for longer than WatchOptions::slow_poll.
struct SlowPoll {
  uint64_t task = 0;
  std::string name = {};  // or "": it has none
  std::string file = {};
  uint32_t line = 0;
  uint32_t worker = 0;
  Duration took{};
  uint64_t untold = 0;  // others since the last one that was told
};

// "task 7 (statistics, FILE:120) kept worker 0 for 130.2 ms"
std::string Sentence(const SlowPoll& poll);

struct WatchOptions {
  bool tasks = false;
  // Further tasks are not watched: each takes memory (task_list.h).
  uint32_t most_tasks = 1'000'000;
  // A run that takes longer is told, at most one a second; 0: none is.
  Duration slow_poll{0};
  // Is told, on the worker, which waits for that; empty: a sentence is written to stderr. Neither
  // this nor on_span may throw anything but std::bad_alloc.
  std::function<void(const SlowPoll&)> on_slow_poll = {};
  // Is told of each span that ends, as a line of JSON without its end, where it ends (span.h).
  std::function<void(const std::string&)> on_span = {};
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_WATCH_OPTIONS_H_
