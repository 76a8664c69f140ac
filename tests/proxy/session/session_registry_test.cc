// SessionRegistry: walks and kills while sessions come and go on several workers.
#include "proxy/session/session_registry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <coroutine>
#include <memory>
#include <thread>
#include <vector>

#include "core/runtime/task_group.h"
#include "core/sched/worker.h"
#include "proxy/upstream/endpoint/endpoint.h"
#include "tests/core/support/run.h"
#include "tests/core/support/yield.h"

namespace sluice::proxy {
namespace {

using core::Task;
using core::testing::TestRuntime;

core::SocketApi sockets;
constexpr EndReason kByHand = {.initiator = Initiator::kAdmin, .cause = EndCause::kKilled};

// Stays until it is killed or told to go.
class Listed final : public SessionEntry {
 public:
  explicit Listed(std::atomic<int>& described) : described_(described) {}
  void Describe(SessionRow& row, const Viewer&) const override {
    ++described_;
    row.bytes_up = number;
  }
  const Endpoint* endpoint() const override { return at; }
  void OnKill(const EndReason& reason) override {
    EXPECT_EQ(reason, kByHand);
    kills++;
  }
  void WriteInterim(const Interim& interim) const override {
    if (interim.IsDue({})) ++described_;
  }
  uint64_t number = 0;
  int kills = 0;
  const Endpoint* at = nullptr;

 private:
  std::atomic<int>& described_;
};

struct World {
  explicit World(uint32_t workers) : registry(workers) {}
  SessionRegistry registry;
  Endpoint endpoint{core::Address(), "a"};
  std::atomic<int> described{0};
  std::atomic<int> listed{0};
  std::atomic<int> killed{0};
  std::atomic<bool> go{false};
};

std::vector<uint64_t> IdsOf(const SessionRegistry& registry) {
  std::vector<uint64_t> ids;
  for (const SessionRow& row : registry.Rows(sockets, {}, RowDetail::kNumbers))
    ids.push_back(row.id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

Task<void> Live(World& world, uint64_t number) {
  Listed entry(world.described);
  entry.number = number;
  entry.at = number % 3 == 0 ? &world.endpoint : nullptr;
  const core::Context here = co_await core::CurrentContext();
  world.registry.Enter(entry, *here.task, core::Worker::Current()->index());
  ++world.listed;
  while (!world.go && entry.kills == 0) co_await core::testing::Yield();
  while (!world.registry.Leave(entry)) co_await core::testing::Yield();
  if (entry.kills > 0) ++world.killed;
  EXPECT_LE(entry.kills, 1);
  --world.listed;
}

// Comes and goes.
Task<void> Churn(World& world) {
  const core::Context here = co_await core::CurrentContext();
  while (!world.go) {
    Listed entry(world.described);
    world.registry.Enter(entry, *here.task, core::Worker::Current()->index());
    co_await core::testing::Yield();
    while (!world.registry.Leave(entry)) co_await core::testing::Yield();
    if (entry.kills > 0) ++world.killed;
  }
}

constexpr int kStay = 300;

template <typename Drive>
void RunWorld(World& world, int churning, Drive drive) {
  TestRuntime runtime(4);
  std::thread driver([&] {
    while (world.listed < kStay) std::this_thread::yield();
    drive();
    world.go = true;
  });
  const auto main = [](core::RuntimeHandle handle, World& world, int churning) -> Task<void> {
    core::TaskGroup group(handle);
    for (int i = 0; i < kStay; ++i) group.Spawn(Live(world, 1000 + i), &handle.worker(i % 4));
    for (int i = 0; i < churning; ++i) group.Spawn(Churn(world), &handle.worker(i % 4));
    co_await group.Join();
  };
  runtime.Run(main(runtime.handle(), world, churning));
  driver.join();
  EXPECT_EQ(world.registry.Rows(sockets, {}, RowDetail::kNumbers).size(), 0u);
}

// A walk every 30 ms that is late at times: each multiple of the interval is found by one walk.
TEST(SessionRegistry, AnInterimRecordIsDueOnceForEachMultipleOfTheInterval) {
  const core::Instant began_at = core::Instant() + 5s;
  core::Instant since = core::Instant();
  std::vector<core::Duration> due;
  for (const core::Duration age :
       {-1000ms, 0ms, 30ms, 60ms, 99ms, 100ms, 130ms, 350ms, 360ms, 400ms}) {
    const SessionEntry::Interim interim{
        .sockets = sockets, .since = since, .now = began_at + age, .every = 100ms};
    if (interim.IsDue(began_at)) due.push_back(age);
    since = interim.now;
  }
  EXPECT_EQ(due, (std::vector<core::Duration>{100ms, 350ms, 400ms}));
}

TEST(SessionRegistry, AWalkVisitsEachThatStaysExactlyOnce) {
  World world(4);
  RunWorld(world, 40, [&world] {
    const auto walk = [&world] {
      for (int i = 0; i < 40; ++i) {
        std::vector<uint64_t> stay;
        for (const SessionRow& row : world.registry.Rows(sockets, {}, RowDetail::kNumbers)) {
          if (row.bytes_up >= 1000) stay.push_back(row.bytes_up);
        }
        std::sort(stay.begin(), stay.end());
        ASSERT_EQ(stay.size(), static_cast<size_t>(kStay));
        ASSERT_EQ(std::unique(stay.begin(), stay.end()), stay.end());
      }
    };
    std::thread other(walk);  // two walks at a time
    walk();
    other.join();
  });
}

TEST(SessionRegistry, AnIdIsNeverUsedTwice) {
  World world(4);
  RunWorld(world, 0, [&world] {
    std::vector<uint64_t> ids = IdsOf(world.registry);
    EXPECT_EQ(ids.size(), static_cast<size_t>(kStay));
    EXPECT_EQ(std::unique(ids.begin(), ids.end()), ids.end());
    EXPECT_GT(ids.front(), 0u);
  });
}

TEST(SessionRegistry, KnowsThoseOfAnEndpoint) {
  World world(4);
  RunWorld(world, 40, [&world] {
    const Endpoint other{core::Address(), "b"};
    EXPECT_EQ(world.registry.IdsOf(other).size(), 0u);
    std::vector<uint64_t> ids = world.registry.IdsOf(world.endpoint);
    EXPECT_EQ(ids.size(), static_cast<size_t>(kStay) / 3);
    EXPECT_EQ(world.registry.Kill(ids, kByHand), ids.size());
    while (world.killed < kStay / 3) std::this_thread::yield();
    EXPECT_EQ(world.registry.IdsOf(world.endpoint).size(), 0u);
  });
}

TEST(SessionRegistry, KillsThoseThatAreNamedAndNoOther) {
  World world(4);
  RunWorld(world, 0, [&world] {
    const std::vector<uint64_t> ids = IdsOf(world.registry);
    const std::vector<uint64_t> some(ids.begin(), ids.begin() + 77);
    EXPECT_EQ(world.registry.Kill(some, kByHand), 77u);
    EXPECT_EQ(world.registry.Kill(some, kByHand), 0u) << "each once";
    EXPECT_EQ(world.registry.Kill({0, 1u << 30}, kByHand), 0u);
    while (world.killed < 77) std::this_thread::yield();
    EXPECT_EQ(IdsOf(world.registry), std::vector<uint64_t>(ids.begin() + 77, ids.end()));
  });
  EXPECT_EQ(world.killed, 77);
}

// One that ends by itself at that moment is killed or not, but neither lost nor told twice.
TEST(SessionRegistry, KillsWhileSessionsComeAndGo) {
  World world(4);
  size_t killed = 0;
  RunWorld(world, 40, [&] {
    for (int i = 0; i < 300; ++i) killed += world.registry.Kill(IdsOf(world.registry), kByHand);
  });
  EXPECT_EQ(static_cast<size_t>(world.killed), killed);
  EXPECT_GE(killed, static_cast<size_t>(kStay));
}

// What a walk costs a worker: never more sessions at a time than a chunk.
TEST(SessionRegistry, AWalkHoldsALockForOneChunk) {
  TestRuntime runtime(1);
  World world(1);
  const auto main = [](World& world) -> Task<void> {
    const core::Context here = co_await core::CurrentContext();
    std::vector<std::unique_ptr<Listed>> all;
    for (int i = 0; i < 9500; ++i) {
      all.push_back(std::make_unique<Listed>(world.described));
      world.registry.Enter(*all.back(), *here.task, 0);
    }
    std::atomic<bool> over{false};
    std::thread walker([&] {
      EXPECT_EQ(world.registry.Rows(sockets, {}, RowDetail::kNumbers).size(), all.size());
      over = true;
    });
    // Whenever this has the lock, the walk is between two chunks.
    while (!over) {
      int seen = 0;
      world.registry.Change(*all.front(), [&] { seen = world.described; });
      EXPECT_TRUE(seen % SessionRegistry::kChunk == 0 || seen == 9500) << seen;
    }
    walker.join();
    for (const auto& each : all) EXPECT_TRUE(world.registry.Leave(*each));
  };
  runtime.Run(main(world));
}

}  // namespace
}  // namespace sluice::proxy
