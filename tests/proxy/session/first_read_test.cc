// FirstRead over real sockets: by which configuration a client is routed when a reload comes.
#include "proxy/session/first_read.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "conf/route.h"
#include "core/base/intrusive_ptr.h"
#include "core/io/recv_stream.h"
#include "core/reactor/buffer_pool.h"
#include "core/sched/worker.h"
#include "core/sync/cancellation.h"
#include "core/task/task.h"
#include "proxy/session/head.h"
#include "proxy/session/routing.h"
#include "proxy/session/session.h"
#include "tests/contract/contract.h"
#include "tests/contract/sockets.h"
#include "tests/proxy/route/hello_maker.h"

namespace sluice::proxy {
namespace {

using conf::NoRoute;
using conf::RouteProtocol;
using contract::CloseHere;
using contract::ConnectTcp;
using contract::Pair;
using contract::SendSome;
using core::RecvStream;
using core::Task;
using Context = FirstRead::Context;
using Kind = FirstRead::Decision::Kind;
using Routes = std::vector<conf::Route>;

constexpr conf::Preread kRejects{.on_timeout = NoRoute::kReject, .not_tls = NoRoute::kReject};

// A listener, from one reload to the next. Contexts have a name, which is all that is looked at
// here; that of a route is called like its upstream.
class Listener {
 public:
  ~Listener() { current_->Set({}); }

  Context PutInForce(std::string name, const Routes& routes, const conf::Preread& policy) {
    std::vector<Context> contexts;
    for (const conf::Route& route : routes) contexts.push_back(Make(route.upstream, nullptr));
    return PutInForce(std::move(name),
                      std::make_shared<const Routing>(routes, policy, /*wants_name=*/false,
                                                      std::move(contexts), current_));
  }
  Context PutInForce(std::string name, std::shared_ptr<const Routing> routing) {
    Context context = Make(std::move(name), std::move(routing));
    current_->Set(context);
    return context;
  }

 private:
  Context Make(std::string name, std::shared_ptr<const Routing> routing) {
    return core::MakeRef<const SessionContext>(SessionSettings{.listener = std::move(name),
                                                               .timeouts = {},
                                                               .credit = 0,
                                                               .bandwidth = {},
                                                               .upstream = {},
                                                               .stats = nullptr,
                                                               .logger = nullptr,
                                                               .events = nullptr,
                                                               .short_throttle = nullptr,
                                                               .end_all = end_.token(),
                                                               .end_unrouted = end_.token(),
                                                               .routing = std::move(routing)});
  }

  core::CancellationSource end_;
  const core::IntrusivePtr<CurrentContext> current_ = core::MakeRef<CurrentContext>();
};

class FirstReadTest : public contract::ContractTest {
 protected:
  core::BufferReserve reserve{/*count=*/8, /*block_size=*/2048};
};
SLUICE_CONTRACT(FirstReadTest, contract::kAll);

// As a session reads: until it is decided, or the client has said all.
Task<void> Read(RecvStream& stream, FirstRead& first) {
  while (!first.Look(stream)) {
    if (!co_await stream.More(first.seen())) co_return;
  }
}

Task<void> Conclude(RecvStream& stream, FirstRead& first, bool time_is_over = false) {
  Head head;
  EXPECT_EQ(co_await TakeOver(stream, head), 0);
  first.Conclude(head.read, time_is_over);
  CloseHere(stream.fd());
}

Task<void> TakenOverMain() {
  Listener listener;
  FirstRead first(
      listener.PutInForce("before", {{.sni = {"a.example"}, .upstream = "app"}}, kRejects), "");
  Pair pair = ConnectTcp();
  SendSome(pair.peer.get(), MakeHello("a.example"));
  RecvStream stream(pair.ours, 65536);
  co_await Read(stream, first);
  EXPECT_EQ(first.target().listener, "app");
  listener.PutInForce(
      "after",
      {{.sni = {"b.example"}, .upstream = "app"}, {.sni = {"a.example"}, .upstream = "other"}},
      kRejects);
  co_await Conclude(stream, first);
  EXPECT_EQ(first.decision(), (FirstRead::Decision{.kind = Kind::kRoute, .route = 1}));
  EXPECT_EQ(first.route(), "a.example");
  EXPECT_EQ(first.target().listener, "other");
  EXPECT_EQ(first.hello()->sni(), "a.example");
}
TEST_P(FirstReadTest, AReloadWhileTheStreamIsTakenOverLosesNothing) { Run(TakenOverMain()); }

// The bytes before the stream count, too.
Task<void> HeldMain() {
  Listener listener;
  const Routes routes = {{.sni = {"a.example"}, .upstream = "app"}};
  const std::string hello = MakeHello("a.example");
  const std::string held = hello.substr(0, 7);
  FirstRead first(listener.PutInForce("before", routes, kRejects), held);
  Pair pair = ConnectTcp();
  SendSome(pair.peer.get(), hello.substr(7));
  RecvStream stream(pair.ours, 65536);
  co_await Read(stream, first);
  listener.PutInForce("after", routes, kRejects);
  co_await Conclude(stream, first);
  EXPECT_EQ(first.target().listener, "app");
  EXPECT_EQ(first.context()->listener, "after");
}
TEST_P(FirstReadTest, WhatWasHeldBeforeIsLookedAtAgain) { Run(HeldMain()); }

// "GE" is no SSH, but it may become HTTP.
Task<void> StandsMain() {
  Listener listener;
  FirstRead first(
      listener.PutInForce("before", {{.protocol = RouteProtocol::kSsh, .upstream = "app"}}, {}),
      "");
  Pair pair = ConnectTcp();
  SendSome(pair.peer.get(), "GE");
  RecvStream stream(pair.ours, 65536);
  co_await Read(stream, first);
  listener.PutInForce("after", {{.protocol = RouteProtocol::kHttp, .upstream = "app"}}, kRejects);
  co_await Conclude(stream, first);
  EXPECT_EQ(first.decision().kind, Kind::kDefault);
  EXPECT_EQ(first.context()->listener, "before");
}
TEST_P(FirstReadTest, WhereNewRoutesWouldWaitOnWhatWasDecidedStands) { Run(StandsMain()); }

// Half a hello: where nothing asks for TLS it is known at once that no route holds.
Task<void> LateMain() {
  Listener listener;
  FirstRead first(
      listener.PutInForce("before", {{.sni = {"a.example"}, .upstream = "app"}}, kRejects), "");
  Pair pair = ConnectTcp();
  SendSome(pair.peer.get(), MakeHello("a.example").substr(0, 40));
  shutdown(pair.peer.get(), SHUT_WR);
  RecvStream stream(pair.ours, 65536);
  co_await Read(stream, first);
  EXPECT_EQ(first.decision().kind, Kind::kMore);
  listener.PutInForce("after", {{.protocol = RouteProtocol::kSsh, .upstream = "app"}},
                      {.on_timeout = NoRoute::kReject});
  co_await Conclude(stream, first, /*time_is_over=*/true);
  EXPECT_FALSE(first.is_late());
  EXPECT_EQ(first.decision().kind, Kind::kDefault);
  EXPECT_EQ(first.target().listener, "after");
}
TEST_P(FirstReadTest, NewRoutesMayDecideByWhatThereIs) { Run(LateMain()); }

Task<void> NoRoutesMain() {
  Listener listener;
  FirstRead first(
      listener.PutInForce("before", {{.sni = {"a.example"}, .upstream = "app"}}, kRejects), "");
  Pair pair = ConnectTcp();
  SendSome(pair.peer.get(), MakeHello("a.example"));
  RecvStream stream(pair.ours, 65536);
  co_await Read(stream, first);
  listener.PutInForce("after", /*routing=*/nullptr);
  co_await Conclude(stream, first);
  EXPECT_EQ(first.decision().kind, Kind::kDefault);
  EXPECT_EQ(first.target().listener, "after");
  EXPECT_EQ(first.hello(), nullptr);
}
TEST_P(FirstReadTest, AListenerMayHaveNoRoutesAnyMore) { Run(NoRoutesMain()); }

// A hello that is longer than a session's share. (io_uring may have buffers of the pool in stock.)
Task<void> ShortMain(const core::BufferReserve* reserve) {
  std::vector<core::BufferLease> held;
  while (core::Buffer* const buffer = core::Worker::Current()->pool().Take()) {
    buffer->size = 0;
    held.emplace_back(buffer);
  }
  Listener listener;
  FirstRead first(
      listener.PutInForce("listener", {{.sni = {"a.example"}, .upstream = "app"}}, kRejects), "");
  Pair pair = ConnectTcp();
  SendSome(pair.peer.get(), MakeHello("a.example", {}, {{51, std::string(9000, 'k')}}));
  RecvStream stream(pair.ours, 65536);
  co_await Read(stream, first);
  const size_t taken = reserve->taken();
  EXPECT_LE(taken, 2U) << "a third one is another session's";
  co_await Conclude(stream, first);
  EXPECT_TRUE(first.is_late() || taken < 2) << "it is decided by what there is";
}
TEST_P(FirstReadTest, WhereBuffersAreShortASessionTakesNoMoreThanItsShare) {
  if (two_workers()) GTEST_SKIP() << "takes from a pool that is another worker's";
  options.buffers = 16;
  options.reserve = &reserve;
  Run(ShortMain(&reserve));
  EXPECT_EQ(reserve.taken(), 0U);
}

}  // namespace
}  // namespace sluice::proxy
