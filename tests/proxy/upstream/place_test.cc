// EndpointQueue::Place: sessions that try once more what they have tried, and come back.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/runtime/task_group.h"
#include "core/sync/cancellation.h"
#include "proxy/upstream/endpoint_queue.h"
#include "tests/core/support/run.h"
#include "tests/proxy/upstream/endpoints.h"
#include "tests/proxy/upstream/forgiving.h"

namespace sluice::proxy {
namespace {

using core::Task;
using core::testing::TestRuntime;
using testing::Come;
using testing::ComeAndRetry;
using testing::EndAll;
using testing::Endpoints;
using testing::Fail;
using testing::Forgive;
using testing::ForgiveAgain;
using testing::Release;
using testing::Settle;
using testing::State;
using testing::Tried;
using testing::Wait;

// All that come back stand where they stood, whoever is back first.
Task<void> ComesBack(core::RuntimeHandle runtime, State& state) {
  core::TaskGroup group(runtime);
  for (int i = 0; i < 2; ++i) co_await ComeAndRetry(state, group, {0});
  co_await Come(state, group, {0});
  co_await Forgive(state, 'a');
  co_await Forgive(state, 'b');
  EXPECT_EQ(state.endpoints[0]->active(), 2u);
  co_await Fail(state, 'b');
  co_await Fail(state, 'a');
  EXPECT_EQ(state.endpoints[0]->active(), 0u);
  for (int i = 0; i < 3; ++i) co_await Release(state, 1);
  EXPECT_EQ(state.served, "a1b1c1");
  co_await EndAll(state, group);
}

TEST(Place, OneThatFailsAgainComesBackToItsPlace) {
  TestRuntime runtime(1);
  State state({0, 1});
  runtime.Run(ComesBack(runtime.handle(), state));
}

// ... of which b has the turn while a is away; and a may be forgiven anew.
Task<void> IsAway(core::RuntimeHandle runtime, State& state) {
  core::TaskGroup group(runtime);
  co_await ComeAndRetry(state, group, {0});
  for (int i = 0; i < 2; ++i) co_await Come(state, group, {0});
  co_await Forgive(state, 'a');
  co_await Release(state, 1);
  EXPECT_EQ(state.served, "b1");
  co_await Fail(state, 'a');
  co_await Release(state, 1);
  EXPECT_EQ(state.served, "b1a1");
  co_await Release(state, 1);
  EXPECT_EQ(state.served, "b1a1c1");
  co_await ComeAndRetry(state, group, {0});
  co_await Forgive(state, 'd');
  co_await Fail(state, 'd');
  co_await ForgiveAgain(state, 'd');
  EXPECT_EQ(state.served, "b1a1c1d0");
  co_await EndAll(state, group);
}

TEST(Place, OneThatIsAwayIsSteppedOver) {
  TestRuntime runtime(1);
  State state({0, 1});
  runtime.Run(IsAway(runtime.handle(), state));
}

// b is passed over while a is away, so that the search for the next begins behind a's place.
Task<void> IsFoundInItsPlace(core::RuntimeHandle runtime, State& state) {
  core::TaskGroup group(runtime);
  co_await ComeAndRetry(state, group, {0});
  co_await Come(state, group, {0, 2});
  co_await Come(state, group, {0});
  co_await Forgive(state, 'a');
  co_await Release(state, 2);
  EXPECT_EQ(state.served, "c2");
  co_await Fail(state, 'a');
  co_await Release(state, 2);
  EXPECT_EQ(state.served, "c2a2");
  co_await Release(state, 1);
  EXPECT_EQ(state.served, "c2a2b1");
  co_await EndAll(state, group);
}

TEST(Place, OneThatComesBackIsFound) {
  TestRuntime runtime(1);
  State state({0, 1, 1});
  runtime.Run(IsFoundInItsPlace(runtime.handle(), state));
}

// It ends while it is away, or the queue is closed then.
Task<void> NeverComesBack(core::RuntimeHandle runtime, State& state, bool closes) {
  core::TaskGroup group(runtime);
  co_await ComeAndRetry(state, group, {0});
  co_await Come(state, group, {0});
  co_await Forgive(state, 'a');
  state.ends = !closes;
  if (closes) state.queue.Close();
  co_await Fail(state, 'a');
  co_await Release(state, 1);
  EXPECT_EQ(state.served, closes ? "" : "b1");
  co_await EndAll(state, group);
}

TEST(Place, APlaceGoesWithItsSession) {
  for (const bool closes : {false, true}) {
    TestRuntime runtime(1);
    State state({0, 1});
    runtime.Run(NeverComesBack(runtime.handle(), state, closes));
  }
}

// What it tries leaves the set meanwhile.
Task<void> EndpointLeaves(core::RuntimeHandle runtime, State& state) {
  core::TaskGroup group(runtime);
  co_await ComeAndRetry(state, group, {0});
  co_await Come(state, group, {0});
  co_await Forgive(state, 'a');
  EXPECT_EQ(state.tried, "a0");
  state.queue.Publish(
      Endpoints::MakeSet({{.endpoint = state.endpoints[1], .max_connections = 1}}, state.policy));
  co_await Fail(state, 'a');
  for (int i = 0; i < 2; ++i) co_await Release(state, 1);
  EXPECT_EQ(state.served, "a1b1");
  co_await EndAll(state, group);
}

TEST(Place, StaysWhenTheEndpointLeaves) {
  TestRuntime runtime(1);
  State state({0, 1});
  runtime.Run(EndpointLeaves(runtime.handle(), state));
}

// Numbers instead of names: more sessions are away than keep a place.
constexpr size_t kMany = EndpointQueue::kMostPlaces + 2;

Task<void> RetryInCrowd(State& state, size_t number, std::vector<size_t>& served) {
  EndpointQueue::Place place(state.queue);
  EndpointSlot slot = co_await Wait(state, {0}, state.forgiven[number].token(), &place);
  (void)co_await state.failed[number].token().Cancelled();
  slot = EndpointSlot();
  slot = co_await Wait(state, {0}, state.again[number].token(), &place);
  served.push_back(number);
}

Task<void> TooManyAreAway(core::RuntimeHandle runtime, State& state) {
  core::TaskGroup group(runtime);
  std::vector<size_t> served;
  for (size_t i = 0; i < kMany; ++i) {
    state.forgiven.emplace_back();
    state.failed.emplace_back();
    state.again.emplace_back();
    group.Spawn(RetryInCrowd(state, i, served));
    co_await Settle();
  }
  for (core::CancellationSource& each : state.forgiven) {
    each.Cancel();
    co_await Settle();
  }
  EXPECT_EQ(state.endpoints[0]->active(), kMany);
  for (size_t i = kMany; i > 0; --i) {
    state.failed[i - 1].Cancel();
    co_await Settle();
  }
  state.Release(1);
  co_await group.Join();
  std::vector<size_t> expected(kMany);
  std::iota(expected.begin(), expected.end(), size_t{0});
  std::swap(expected[kMany - 2], expected[kMany - 1]);  // these two came back to the end
  EXPECT_EQ(served, expected);
}

TEST(Place, WhoIsAwayBeyondTheMostComesBackToTheEnd) {
  TestRuntime runtime(1);
  State state({0, 1});
  runtime.Run(TooManyAreAway(runtime.handle(), state));
}

// What is to happen, found out by walking over all sessions. One slot for each endpoint.
class Expected {
 public:
  static constexpr uint32_t kEndpoints = 3;
  static constexpr size_t kMostSessions = 24;

  void Come(Tried tried) {
    sessions_.push_back({.tried = std::move(tried)});
    Wait(sessions_.back());
  }
  void Forgive(size_t index) {
    Session& session = sessions_[index];
    session.is_forgiven = true;
    for (const bool again : {false, true}) {
      for (uint32_t e = 0; e < kEndpoints; ++e) {
        if (!taken_[e] && HasTried(session, e) == again) return Give(session, e);
      }
    }
  }
  void Fail(size_t index) {
    Session& session = sessions_[index];
    session.tries = false;
    session.is_second = true;
    Free(session.endpoint);
    Wait(session);
  }
  void Release(uint32_t endpoint) {
    is_held_[endpoint] = false;
    Free(endpoint);
  }

  size_t size() const { return sessions_.size(); }
  bool tries(size_t index) const { return sessions_[index].tries; }
  bool is_second(size_t index) const { return sessions_[index].is_second; }
  bool may_be_forgiven(size_t index) const {
    return sessions_[index].waits && !sessions_[index].is_forgiven;
  }
  uint32_t waiting() const {
    return static_cast<uint32_t>(std::ranges::count_if(sessions_, &Session::waits));
  }
  bool is_held(uint32_t endpoint) const { return is_held_[endpoint]; }
  const std::string& tried() const { return tried_; }
  const std::string& served() const { return served_; }

 private:
  struct Session {
    Tried tried;
    uint64_t ticket = 0;
    bool waits = false;
    bool is_forgiven = false;
    bool tries = false;
    bool is_second = false;
    bool keeps_place = false;
    uint32_t endpoint = 0;
  };

  static bool HasTried(const Session& session, uint32_t endpoint) {
    return std::ranges::find(session.tried, endpoint) != session.tried.end();
  }

  void Wait(Session& session) {
    for (uint32_t e = 0; e < kEndpoints; ++e) {
      if (!taken_[e] && !HasTried(session, e)) return Give(session, e);
    }
    session.waits = true;
    if (!session.keeps_place) session.ticket = next_ticket_++;
  }
  void Give(Session& session, uint32_t endpoint) {
    taken_[endpoint] = true;
    const auto name = static_cast<char>('a' + (&session - sessions_.data()));
    std::string& log = session.is_second ? served_ : tried_;
    log += name;
    log += static_cast<char>('0' + endpoint);
    is_held_[endpoint] = session.is_second;
    session.keeps_place = session.is_forgiven && HasTried(session, endpoint);
    session.tries = !session.is_second;
    session.endpoint = endpoint;
    session.waits = false;
    session.is_forgiven = false;
  }
  void Free(uint32_t endpoint) {
    taken_[endpoint] = false;
    Session* first = nullptr;
    for (Session& each : sessions_) {
      if (!each.waits || (HasTried(each, endpoint) && !each.is_forgiven)) continue;
      if (first == nullptr || each.ticket < first->ticket) first = &each;
    }
    if (first != nullptr) Give(*first, endpoint);
  }

  std::vector<Session> sessions_;
  std::array<bool, kEndpoints> taken_{true, true, true};
  std::array<bool, kEndpoints> is_held_{true, true, true};
  uint64_t next_ticket_ = 0;
  std::string tried_;
  std::string served_;
};

// One step, if what was chosen can be done.
Task<void> Step(State& state, core::TaskGroup& group, Expected& expected, std::mt19937& random) {
  const uint32_t choice = random() % 8;
  const uint32_t endpoint = random() % Expected::kEndpoints;
  const size_t index = expected.size() == 0 ? 0 : random() % expected.size();
  const auto name = static_cast<char>('a' + index);
  if (choice < 2 && expected.size() < Expected::kMostSessions) {
    Tried tried{endpoint};
    if (random() % 2 == 0) tried.push_back((endpoint + 1) % Expected::kEndpoints);
    expected.Come(tried);
    co_await ComeAndRetry(state, group, tried);
  } else if (choice < 4 && expected.is_held(endpoint)) {
    expected.Release(endpoint);
    co_await Release(state, endpoint);
  } else if (choice < 6 && expected.size() > 0 && expected.may_be_forgiven(index)) {
    const bool again = expected.is_second(index);
    expected.Forgive(index);
    if (again) co_await ForgiveAgain(state, name);
    if (!again) co_await Forgive(state, name);
  } else if (choice >= 6 && expected.size() > 0 && expected.tries(index)) {
    expected.Fail(index);
    co_await Fail(state, name);
  }
}

// Two that are given endpoints in one step may tell of it in any order.
std::vector<std::string> Sorted(const std::string& names) {
  std::vector<std::string> pairs;
  for (size_t i = 0; i < names.size(); i += 2) pairs.push_back(names.substr(i, 2));
  std::ranges::sort(pairs);
  return pairs;
}

Task<void> Steps(core::RuntimeHandle runtime, State& state, uint32_t seed) {
  core::TaskGroup group(runtime);
  Expected expected;
  std::mt19937 random(seed);
  for (int step = 0; step < 300; ++step) {
    co_await Step(state, group, expected, random);
    EXPECT_EQ(Sorted(state.tried), Sorted(expected.tried()))
        << "seed " << seed << ", step " << step;
    EXPECT_EQ(Sorted(state.served), Sorted(expected.served()))
        << "seed " << seed << ", step " << step;
    EXPECT_EQ(state.queue.waiting(), expected.waiting()) << "seed " << seed << ", step " << step;
    if (::testing::Test::HasFailure()) break;
  }
  co_await EndAll(state, group);
}

TEST(Place, AsASearchOfAllWouldSay) {
  for (uint32_t seed = 0; seed < 50 && !::testing::Test::HasFailure(); ++seed) {
    TestRuntime runtime(1);
    State state({1, 1, 1});
    runtime.Run(Steps(runtime.handle(), state, seed));
  }
}

}  // namespace
}  // namespace sluice::proxy
