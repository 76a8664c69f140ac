// The word that the process is alive comes only when every worker turns.
#include "proxy/server/watchdog.h"

#include <gtest/gtest.h>

#include <atomic>

#include "absl/synchronization/notification.h"
#include "core/runtime/spawn_local.h"
#include "core/time/sleep.h"
#include "tests/contract/contract.h"

namespace sluice::proxy {
namespace {

using contract::Backend;
using contract::Setting;

class WatchdogTest : public contract::ContractTest {};

using Words = std::atomic<int>;

// Until there have been more than `count`.
core::Task<void> MoreThan(int count, const Words& words) {
  while (words <= count) (void)co_await core::Sleep(1ms);
}

constexpr Setting kTwoWorkers[] = {{Backend::kUring, 2}, {Backend::kEpoll, 2}};

core::Task<void> Hold(absl::Notification& held, absl::Notification& let_go) {
  held.Notify();
  let_go.WaitForNotification();
  co_return;
}

TEST_P(WatchdogTest, AWorkerThatHangsSaysNothing) {
  Run([](core::RuntimeHandle runtime) -> core::Task<void> {
    Words words = 0;
    Watchdog watchdog(runtime, [&words] { ++words; });
    watchdog.Start(6ms);
    co_await MoreThan(3, words);
    const uint32_t other = 1 - core::Worker::Current()->index();
    absl::Notification held;
    absl::Notification let_go;
    core::JoinHandle<void> hanging =
        runtime.SpawnPinned(other, Hold, std::ref(held), std::ref(let_go));
    held.WaitForNotification();
    const int before = words;
    (void)co_await core::Sleep(60ms);
    EXPECT_LE(words, before + 1) << "one round may have had the worker's turn already";
    const int after = words;
    let_go.Notify();
    co_await MoreThan(after + 3, words);
    (void)co_await std::move(hanging);
    co_await watchdog.Stop();
    const int at_end = words;
    (void)co_await core::Sleep(20ms);
    EXPECT_EQ(words, at_end);
  }(handle()));
}

TEST_P(WatchdogTest, OneThatHasNotBeenStarted) {
  Run([](core::RuntimeHandle runtime) -> core::Task<void> {
    Words words = 0;
    Watchdog watchdog(runtime, [&words] { ++words; });
    co_await watchdog.Stop();
    EXPECT_EQ(words, 0);
  }(handle()));
}

SLUICE_CONTRACT(WatchdogTest, kTwoWorkers);

}  // namespace
}  // namespace sluice::proxy
