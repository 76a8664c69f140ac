// What a session holds while it waits for data: three frames, of 960 bytes at most in the size
// classes of the product's allocator, when its listener uses nothing that costs more.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "conf/config.h"
#include "core/base/check.h"
#include "core/base/intrusive_ptr.h"
#include "core/log/logger.h"
#include "core/runtime/spawn.h"
#include "core/sync/cancellation.h"
#include "proxy/admission/admission.h"
#include "proxy/session/session.h"
#include "proxy/session/session_registry.h"
#include "proxy/session/shared_pace.h"
#include "proxy/upstream/upstream.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"

// Weak: a sanitizer's build has another allocator than jemalloc, and only a build for coverage has
// the profile's writer.
extern "C" [[gnu::weak]] int mallctl(const char* name, void* old_value, size_t* old_size,
                                     void* new_value, size_t new_size);
extern "C" [[gnu::weak]] int __llvm_profile_write_file();

namespace sluice::proxy {
namespace {

using contract::Fd;
using contract::Pair;
using core::Task;
using core::testing::Turns;
using core::testing::Until;

constexpr int kSessions = 32;
constexpr int64_t kMostBytes = 960;  // 640 for the session's own frame, 160 for each pump's

uint64_t Counter(const char* name) {
  uint64_t value = 0;
  size_t size = sizeof(value);
  SLUICE_CHECK(mallctl(name, &value, &size, nullptr, 0) == 0);
  return value;
}

// What this thread has allocated and not freed, in the allocator's size classes.
int64_t Held() {
  return static_cast<int64_t>(Counter("thread.allocated")) -
         static_cast<int64_t>(Counter("thread.deallocated"));
}

bool IsLikeTheProduct() {
#if defined(__OPTIMIZE__) && defined(__clang__)
  return mallctl != nullptr && __llvm_profile_write_file == nullptr;
#else
  return false;
#endif
}

class FramesTest : public contract::ContractTest {};
SLUICE_CONTRACT(FramesTest, contract::kOneWorker);

// What sessions need, and the upstream that they reach.
struct World {
  World()
      : listener(contract::ListenPlain()),
        logger(core::Logger::ToStderr(core::LogLevel::kOff, core::LogFormat::kText)),
        upstream(core::MakeRef<Upstream>(UpstreamAt(contract::AddressOf(listener.get())), 1)),
        context(core::MakeRef<SessionContext>(SessionSettings{
            .listener = "web",
            .timeouts = {.connect = 1s, .idle = 10min, .half_close = 1min, .write_stall = 1min},
            .credit = 65536,
            .bandwidth = {.up = &pace, .down = &pace},
            .upstream = upstream,
            .stats = &stats,
            .logger = logger.get(),
            .events = &events,
            .short_throttle = &throttle,
            .registry = &registry,
            .end_all = end_all.token(),
            .end_unrouted = end_all.token()})) {
    contract::SetBlocking(listener.get(), false);
  }
  static conf::Upstream UpstreamAt(const core::Address& address) {
    conf::Upstream upstream;
    upstream.name = "app";
    upstream.endpoints.push_back({.address = address});
    return upstream;
  }

  Fd listener;
  std::unique_ptr<core::Logger> logger;
  Events events{*logger};
  core::LogThrottle throttle{1s};
  core::CancellationSource end_all;
  SharedPace pace{0};
  Stats stats{2};
  SessionRegistry registry{1};
  core::IntrusivePtr<Upstream> upstream;
  core::IntrusivePtr<SessionContext> context;
};

// One that has been connected, and has relayed a byte each way.
struct Established {
  Fd client;
  Fd upstream;
  core::JoinHandle<void> session;
};
Task<Established> Establish(World& world) {
  Pair pair = contract::ConnectTcp();
  core::JoinHandle<void> session = core::SpawnOn(core::RuntimeHandle::Current(), nullptr,
                                                 RunSession(world.context, pair.ours, Ticket()));
  Fd upstream;
  co_await Until([&] {
    upstream = Fd(accept4(world.listener.get(), nullptr, nullptr, SOCK_NONBLOCK));
    return upstream.ok();
  });
  contract::SendSome(pair.peer.get(), "?");
  EXPECT_EQ(co_await contract::PeerReceives(upstream.get(), 1), "?");
  contract::SendSome(upstream.get(), "!");
  EXPECT_EQ(co_await contract::PeerReceives(pair.peer.get(), 1), "!");
  co_return Established{std::move(pair.peer), std::move(upstream), std::move(session)};
}

Task<void> Finish(std::vector<Established>& sessions) {
  for (Established& each : sessions) {
    each.client.Close();
    each.upstream.Close();
    (co_await std::move(each.session)).value();
  }
  sessions.clear();
}

Task<void> FramesMain() {
  World world;
  std::vector<Established> sessions;
  sessions.reserve(kSessions);
  // The first ones make what all use.
  for (int i = 0; i < kSessions; ++i) sessions.push_back(co_await Establish(world));
  co_await Finish(sessions);
  co_await Turns(5);
  const int64_t before = Held();
  for (int i = 0; i < kSessions; ++i) sessions.push_back(co_await Establish(world));
  co_await Turns(5);
  const int64_t each = (Held() - before) / kSessions;
  std::printf("a waiting session holds %lld bytes\n", static_cast<long long>(each));
  EXPECT_LE(each, kMostBytes);
  EXPECT_GT(each, kMostBytes / 2) << "what is measured is not a session";
  co_await Finish(sessions);
}
TEST_P(FramesTest, AWaitingSessionHoldsThreeFrames) {
  if (!IsLikeTheProduct()) GTEST_SKIP() << "frames are larger than in the product";
  Run(FramesMain());
}

}  // namespace
}  // namespace sluice::proxy
