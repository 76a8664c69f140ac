// Worker pool: four tasks work off one queue of at most 100 items. Ctrl-C finishes the items that
// were begun, and begins no other.
//
//     bazel run //core/examples:worker_pool -- 20 500      # 20 items, 500 ms each
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "core/examples/backend_argument.h"
#include "core/sluice.h"

namespace core = sluice::core;
using Items = core::Mpmc<int>;

namespace {

// Ends when the queue is empty and no more will come. The signal is made to Main alone: what a
// worker has begun, it ends.
core::Task<int> Work(int worker, Items::Receiver items, core::Duration each) {
  int done = 0;
  while (true) {
    core::IoResult<int> item = co_await items.Next();
    if (!item.ok()) co_return done;
    std::printf("worker %d begins item %d\n", worker, *item);
    co_await core::Sleep(each);
    std::printf("worker %d has done item %d\n", worker, *item);
    ++done;
  }
}

core::Task<int> Main(int count, core::Duration each) {
  auto [sender, receiver] = Items::Make(100);
  std::vector<core::JoinHandle<int>> workers;
  for (int i = 1; i <= 4; ++i) workers.push_back(core::Spawn(Work(i, receiver, each)));
  int queued = 0;
  for (; queued < count; ++queued) {  // waits while 100 are queued
    if (!(co_await sender.Send(queued + 1)).ok()) break;
  }
  sender = {};  // no more will come

  for (core::JoinHandle<int>& worker : workers) {
    if (co_await worker.Ended()) continue;
    std::puts("stopping: what was begun is finished");  // the signal has cancelled the wait
    break;
  }
  while (receiver.TryNext().ok()) {  // after a signal: no worker takes these
  }
  int done = 0;
  for (core::JoinHandle<int>& worker : workers) done += (co_await std::move(worker)).value();
  std::printf("%d done, %d not begun\n", done, count - done);
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const core::Backend backend = BackendArgument(argc, argv);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const int count = argc > 1 ? std::atoi(argv[1]) : 20;
  const int each_ms = argc > 2 ? std::atoi(argv[2]) : 500;
  return core::RunMain(Main(count, std::chrono::milliseconds(each_ms)),
                       {.workers = 0, .backend = backend});
}
