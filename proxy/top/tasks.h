// `sluice tasks`: what the tasks of a process do, on a terminal, again and again. The process is a
// proxy with runtime.watch_tasks, or any program that has a core/console.
// Checked by: tests/e2e/test_tasks.py.
#ifndef SLUICE_PROXY_TOP_TASKS_H_
#define SLUICE_PROXY_TOP_TASKS_H_

#include <string>
#include <vector>

#include "proxy/ctl/ctl.h"

namespace sluice::proxy {

// `words`: behind the name. Returns when its user has quit.
CtlResult RunTasks(const std::vector<std::string>& words, const CtlEnv& env);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_TOP_TASKS_H_
