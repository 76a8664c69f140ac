// A signal that asks for an end is heard during a reload, also where that waits for others: a
// database of users, a disk.
#include <gtest/gtest.h>
#include <pwd.h>

#include <csignal>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "core/sync/cancellation.h"
#include "tests/proxy/server/serving.h"

namespace sluice::proxy {
namespace {

using testing::Visit;

// A database of users that answers when it is told to, and has none.
class SlowDatabase {
 public:
  static SlowDatabase& Get() {
    static SlowDatabase& database = *new SlowDatabase;
    return database;
  }

  void Ask() {
    absl::MutexLock lock(&mutex_);
    ++waiting_;
    mutex_.Await(absl::Condition(&answers_));
    --waiting_;
  }
  void UntilAsked() {
    const auto is_asked = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return waiting_ > 0; };
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&is_asked));
  }
  // All that wait, and nobody later.
  void Answer() {
    const auto is_over = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return waiting_ == 0; };
    absl::MutexLock lock(&mutex_);
    answers_ = true;
    mutex_.Await(absl::Condition(&is_over));
    answers_ = false;
  }

 private:
  absl::Mutex mutex_;
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  bool answers_ ABSL_GUARDED_BY(mutex_) = false;
};

class ReloadStopTest : public testing::ServingTest {
 protected:
  conf::Config FirstConfig() const override {
    conf::Config config;
    config.stats.interval = 0s;
    conf::Upstream upstream;
    upstream.name = "app";
    upstream.endpoints.push_back({.address = even.address()});
    config.upstreams.push_back(upstream);
    conf::Listener web;
    web.name = "web";
    web.bind.push_back(*core::Address::Parse("127.0.0.1:0"));
    web.upstream = upstream.name;
    config.listeners.push_back(web);
    return config;
  }
  // Work number `number` of the server is begun and never done.
  void HangAt(int number) {
    elsewhere = [this, number](std::function<void()> work) {
      return ++works_ == number ? Never() : RunOnThread(std::move(work));
    };
  }

  absl::Notification hangs;

 private:
  core::Task<absl::Status> Never() {
    hangs.Notify();
    (void)co_await never_.token().Cancelled();
    co_return absl::CancelledError();
  }

  core::CancellationSource never_;
  int works_ = 0;
};
SLUICE_CONTRACT(ReloadStopTest, contract::kAll);

TEST_P(ReloadStopTest, ASignalIsHeardWhileUsersAreLookedUp) {
  Serve([this] {
    next = FirstConfig();
    conf::Listener owned = next.listeners[0];
    owned.name = "owned";
    owned.bind = {*core::Address::Parse("unix:/run/owned.sock")};
    owned.socket.unix_owner = "app";
    next.listeners.push_back(owned);
    kill(getpid(), SIGHUP);
    SlowDatabase::Get().UntilAsked();
    EXPECT_TRUE(Visit(proxy).Works());
  });
  SlowDatabase::Get().Answer();
}

// After the configuration and what is made of it.
TEST_P(ReloadStopTest, ASignalIsHeardWhileTheAccessLogIsOpened) {
  auto log = AccessLog::OpenOrNot({.path = "off"}, clock, logger);
  ASSERT_TRUE(log.ok()) << log.status();
  access_log = log->get();
  HangAt(3);
  Serve([this] {
    next = FirstConfig();
    next.access_log.path = "stderr";
    kill(getpid(), SIGHUP);
    hangs.WaitForNotification();
    EXPECT_TRUE(Visit(proxy).Works());
  });
  EXPECT_FALSE((*log)->is_open());
}

}  // namespace
}  // namespace sluice::proxy

// In place of the C library's, for the whole of this test.
extern "C" int getpwnam_r(const char*, passwd*, char*, size_t, passwd** found) {
  sluice::proxy::SlowDatabase::Get().Ask();
  *found = nullptr;
  return 0;
}
