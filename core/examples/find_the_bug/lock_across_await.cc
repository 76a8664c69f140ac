// Find the bug: a lock of a thread that is held across a co_await.
//
//     bazel run //core/examples/find_the_bug:lock_across_await -- before
//
//   task A   locks ── co_await: it stands still, and still has the lock ─────────────── (never)
//   task B             runs on the same worker: lock() stops the *thread* ── the thread that would
//                      resume A
//
// With several workers it goes well as long as A and B are on different ones, and the thread that
// unlocks may be another one than has locked, which a std::mutex does not allow either.
// What shows it: the process uses no CPU and answers nothing, and in the list of the tasks, which a
// thread looks at, B is in a run that does not end. Who holds a std::mutex no runtime knows; of a
// core::Mutex the list says it. In a debugger the worker stands in pthread_mutex_lock.
#include <cstdio>
#include <mutex>
#include <utility>

#include "core/examples/find_the_bug/before_after.h"
#include "core/examples/find_the_bug/print_tasks.h"
#include "core/sluice.h"

namespace core = sluice::core;
using std::chrono_literals::operator""ms;

namespace {

struct Account {
  std::mutex mutex;
  int balance = 100;
};

core::Task<void> WithdrawBefore(Account& account, core::Event& bank_agrees, int amount) {
  std::lock_guard lock(account.mutex);
  const int balance = account.balance;
  (void)co_await bank_agrees.Wait();  // the lock is held
  account.balance = balance - amount;
}

core::Task<int> Before() {
  Account account;
  core::Event bank_agrees;
  core::JoinHandle<void> ten =
      core::Spawn(WithdrawBefore(account, bank_agrees, 10), {"withdraw 10"});
  core::JoinHandle<void> twenty =
      core::Spawn(WithdrawBefore(account, bank_agrees, 20), {"withdraw 20"});
  co_await core::Sleep(1ms);
  bank_agrees.Set();
  (void)co_await std::move(ten);
  (void)co_await std::move(twenty);
  std::printf("balance %d\n", account.balance);
  co_return 0;
}

// The same with a lock that a task waits for, not a thread. (Or, where nothing is awaited under it,
// a lock of a thread in a block that ends before the co_await.)
core::Task<void> WithdrawAfter(core::Mutex<int>& balance, core::Event& bank_agrees, int amount) {
  auto guard = co_await balance.Lock();
  if (!guard.ok()) co_return;
  const int before = **guard;
  (void)co_await bank_agrees.Wait();
  **guard = before - amount;
}

core::Task<int> After() {
  core::Mutex<int> balance(100);
  core::NameResource(&balance, "balance");
  core::Event bank_agrees;
  core::JoinHandle<void> ten =
      core::Spawn(WithdrawAfter(balance, bank_agrees, 10), {"withdraw 10"});
  core::JoinHandle<void> twenty =
      core::Spawn(WithdrawAfter(balance, bank_agrees, 20), {"withdraw 20"});
  while (balance.waiting() == 0) co_await core::Yield();
  PrintTasks(core::RuntimeHandle::Current());  // one holds the lock, and the other waits for it
  bank_agrees.Set();
  (void)co_await std::move(ten);
  (void)co_await std::move(twenty);
  std::printf("balance %d\n", **co_await balance.Lock());
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) { return RunBeforeOrAfter(argc, argv, &Before, &After); }
