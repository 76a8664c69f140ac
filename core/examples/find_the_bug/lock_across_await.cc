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
// What shows it: the process uses no CPU and answers nothing; in a debugger the worker stands in
// pthread_mutex_lock.
#include <cstdio>
#include <mutex>
#include <utility>

#include "core/examples/find_the_bug/before_after.h"
#include "core/examples/find_the_bug/watchdog.h"
#include "core/sluice.h"

namespace core = sluice::core;
using std::chrono_literals::operator""ms;

namespace {

struct Account {
  std::mutex mutex;
  int balance = 100;
};

core::Task<void> WithdrawBefore(Account& account, int amount) {
  std::lock_guard lock(account.mutex);
  const int balance = account.balance;
  co_await core::Sleep(1ms);  // asks the bank; the lock is held
  account.balance = balance - amount;
}

core::Task<int> Before() {
  Watchdog watchdog;
  core::JoinHandle<void> heart = core::Spawn(watchdog.Beat());
  Account account;
  co_await core::Join(WithdrawBefore(account, 10), WithdrawBefore(account, 20));
  std::printf("balance %d\n", account.balance);
  heart.Abort();
  (void)co_await std::move(heart);
  co_return 0;
}

// The same with a lock that a task waits for, not a thread. (Or, where nothing is awaited under it,
// a lock of a thread in a block that ends before the co_await.)
core::Task<void> WithdrawAfter(core::Mutex<int>& balance, int amount) {
  auto guard = co_await balance.Lock();
  if (!guard.ok()) co_return;
  const int before = **guard;
  co_await core::Sleep(1ms);
  **guard = before - amount;
}

core::Task<int> After() {
  Watchdog watchdog;
  core::JoinHandle<void> heart = core::Spawn(watchdog.Beat());
  core::Mutex<int> balance(100);
  co_await core::Join(WithdrawAfter(balance, 10), WithdrawAfter(balance, 20));
  std::printf("balance %d\n", **co_await balance.Lock());
  heart.Abort();
  (void)co_await std::move(heart);
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) { return RunBeforeOrAfter(argc, argv, &Before, &After); }
