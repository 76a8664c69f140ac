// A program that hangs, for those who look inside: `stuck_program PATH BACKEND`.
//
// 200 tasks wait for a mutex, which one holds that waits for something else; and one task keeps its
// worker until the program's input ends. Then all end. A console is at PATH.
#include <atomic>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/console/console.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/runtime.h"
#include "core/runtime/span.h"
#include "core/runtime/spawn.h"
#include "core/sync/event.h"
#include "core/sync/holders.h"
#include "core/sync/mutex.h"
#include "core/task/task.h"

namespace sluice::core {
namespace {

struct Accounts {
  int sum = 0;
};

Task<void> Audit(Mutex<Accounts>& accounts, Event& over) {
  auto guard = co_await accounts.Lock();
  Span span = OpenSpan("audit", {{"year", 2026}, {"of", "all"}});
  (void)co_await over.Wait();
}

Task<void> Deposit(Mutex<Accounts>& accounts) {
  auto guard = co_await accounts.Lock();
  ++(*guard)->sum;
}

Task<void> Statistics(const std::atomic<bool>& may_end) {
  while (!may_end) std::this_thread::yield();
  co_return;
}

int RunProgram(const std::string& path, Backend backend) {
  Runtime runtime({.workers = 2, .backend = backend, .watch = {.tasks = true, .slow_poll = 50ms}});
  if (!runtime.StartInBackground().ok()) return 1;
  auto console = Console::Start(path, runtime.handle());
  if (!console.ok()) {
    std::fprintf(stderr, "%s\n", std::string(console.status().message()).c_str());
    return 1;
  }
  Mutex<Accounts> accounts;
  Event over;
  std::atomic<bool> may_end = false;
  NameResource(&accounts, "accounts");
  std::vector<JoinHandle<void>> handles;
  handles.push_back(runtime.handle().Spawn(Audit(accounts, over), {"audit"}));
  const auto lock_is_held = [&]() -> Task<bool> { co_return !accounts.TryLock().has_value(); };
  while (!runtime.BlockOn(CoInvoke(lock_is_held))) continue;
  for (int i = 0; i < 200; ++i) {
    handles.push_back(runtime.handle().Spawn(Deposit(accounts), {"deposit"}));
  }
  handles.push_back(runtime.handle().Spawn(Statistics(may_end), {"statistics"}));
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) continue;
  may_end = true;
  over.Set();
  for (JoinHandle<void>& each : handles) (void)runtime.BlockOn(std::move(each));
  return 0;
}

}  // namespace
}  // namespace sluice::core

int main(int argc, char** argv) {
  using sluice::core::Backend;
  if (argc != 3) return 2;
  return sluice::core::RunProgram(
      argv[1], std::strcmp(argv[2], "epoll") == 0 ? Backend::kEpoll : Backend::kIoUring);
}
