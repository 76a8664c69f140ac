// RunElsewhere: where the server does what may take long: reading files, building tables, asking
// the system's database of users. Workers have sessions to serve meanwhile.
//
//     std::shared_ptr<Answer> answer = std::make_shared<Answer>();
//     const absl::Status ran = co_await elsewhere([answer] { *answer = LookForIt(); });
//
// Programs use RunBehindWorkers, and RunOnThread for what starts a process; a simulation, which has
// no threads, runs the work where it is.
#ifndef SLUICE_PROXY_SERVER_RUN_ELSEWHERE_H_
#define SLUICE_PROXY_SERVER_RUN_ELSEWHERE_H_

#include <functional>

#include "absl/status/status.h"
#include "core/task/task.h"

namespace sluice::proxy {

// Returns when the work is done; an error: it has not been begun. When the scope is cancelled it
// returns CANCELLED at once and the work goes on by itself, so the work keeps what it needs.
using RunElsewhere = std::function<core::Task<absl::Status>(std::function<void()> work)>;

// In the calling task.
core::Task<absl::Status> RunHere(std::function<void()> work);

// On a thread that is started for it and ends with it.
core::Task<absl::Status> RunOnThread(std::function<void()> work);

// On a thread that gets little of a CPU that workers want. It waits a second for further work, then
// it ends. A process that it started would inherit its priority.
core::Task<absl::Status> RunBehindWorkers(std::function<void()> work);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_RUN_ELSEWHERE_H_
