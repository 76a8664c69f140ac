// What a session holds while it waits for data: three frames, of 960 bytes at most in malloc's
// units, when its listener uses nothing that costs more.
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "conf/config.h"
#include "core/log/logger.h"
#include "core/runtime/spawn.h"
#include "core/task/cancellation.h"
#include "proxy/admission/admission.h"
#include "proxy/session/session.h"
#include "proxy/session/shared_pace.h"
#include "proxy/upstream/upstream.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"

namespace {

// What malloc holds now: blocks, and bytes with the word that malloc adds to each.
std::atomic<int64_t> blocks{0};
std::atomic<int64_t> bytes{0};

void Note(void* block, int sign) {
  if (block == nullptr) return;
  blocks += sign;
  bytes += sign * static_cast<int64_t>(malloc_usable_size(block) + sizeof(size_t));
}

}  // namespace

void* operator new(size_t size) {
  void* const block = std::malloc(size);
  if (block == nullptr) std::abort();
  Note(block, 1);
  return block;
}
void operator delete(void* block) noexcept {
  Note(block, -1);
  std::free(block);
}
void operator delete(void* block, size_t) noexcept { operator delete(block); }

namespace sluice::proxy {
namespace {

using contract::Fd;
using contract::Pair;
using core::Task;
using core::testing::Turns;
using core::testing::Until;

constexpr int kSessions = 32;
constexpr int64_t kMostBlocks = 3;
constexpr int64_t kMostBytes = 960;

bool IsInstrumented() {
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return true;
#endif
#endif
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  return false;
#else
  return true;
#endif
}

class FramesTest : public contract::ContractTest {};
SLUICE_CONTRACT(FramesTest, contract::kOneWorker);

// What sessions need, and the upstream that they reach.
struct World {
  World()
      : listener(contract::ListenPlain()),
        logger(core::Logger::ToStderr(core::LogLevel::kOff, core::LogFormat::kText)),
        upstream(UpstreamAt(contract::AddressOf(listener.get())), 1),
        context{.listener = "web",
                .timeouts = {.connect = core::kSecond,
                             .idle = 600 * core::kSecond,
                             .half_close = 60 * core::kSecond,
                             .write_stall = 60 * core::kSecond},
                .credit = 65536,
                .bandwidth = {.up = &pace, .down = &pace},
                .upstream = &upstream,
                .stats = &stats,
                .logger = logger.get(),
                .short_throttle = &throttle,
                .end_all = end_all.token()} {
    contract::SetBlocking(listener.get(), false);
  }
  static conf::Upstream UpstreamAt(const core::Address& address) {
    conf::Upstream upstream;
    upstream.name = "app";
    upstream.endpoints.push_back({.address = *conf::Address::Parse(address.ToString())});
    return upstream;
  }

  Fd listener;
  std::unique_ptr<core::Logger> logger;
  core::LogThrottle throttle{core::kSecond};
  core::CancellationSource end_all;
  SharedPace pace{0};
  Stats stats{2};
  Upstream upstream;
  SessionContext context;
};

// One that has been connected, and has relayed a byte each way.
struct Established {
  Fd client;
  Fd upstream;
  core::JoinHandle<void> session;
};
Task<Established> Establish(World& world) {
  Pair pair = contract::ConnectTcp();
  core::JoinHandle<void> session = core::SpawnOn(core::Worker::Current()->shared(), nullptr,
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
    co_await std::move(each.session);
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
  const int64_t blocks_before = blocks;
  const int64_t bytes_before = bytes;
  for (int i = 0; i < kSessions; ++i) sessions.push_back(co_await Establish(world));
  co_await Turns(5);
  const double each_blocks = static_cast<double>(blocks - blocks_before) / kSessions;
  const double each_bytes = static_cast<double>(bytes - bytes_before) / kSessions;
  std::printf("a waiting session: %.2f blocks, %.1f bytes\n", each_blocks, each_bytes);
  EXPECT_EQ(each_blocks, kMostBlocks);
  EXPECT_LE(each_bytes, kMostBytes);
  EXPECT_GT(each_bytes, 400) << "what is measured is not a session";
  co_await Finish(sessions);
}
TEST_P(FramesTest, AWaitingSessionHoldsThreeFrames) {
  if (IsInstrumented()) GTEST_SKIP() << "frames are larger than in the product";
  Run(FramesMain());
}

}  // namespace
}  // namespace sluice::proxy
