#include "proxy/admission/admission.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <atomic>
#include <thread>
#include <variant>
#include <vector>

namespace sluice::proxy {
namespace {

constexpr core::Instant kNow(5s);

core::Address Client() { return *core::Address::ParseHost("192.0.2.1"); }

bool Admitted(const Admission::Result& result) { return std::holds_alternative<Ticket>(result); }

// kNone: it has been admitted, or may wait.
Rejection RejectionOf(const Admission::Result& result) {
  const Rejection* const rejection = std::get_if<Rejection>(&result);
  return rejection == nullptr ? Rejection::kNone : *rejection;
}

// A listener with one limit of each kind, each the tightest in turn.
class AdmissionTest : public ::testing::Test {
 protected:
  ProcessLimits Process(uint32_t connections = 100, uint32_t rate = 0) {
    return ProcessLimits(connections, when_exhausted, rate, /*workers=*/1, reserve);
  }
  static Admission::Result Try(Admission& admission, core::Instant now = kNow) {
    return admission.Admit(Client(), now, WhenExhausted::kReject);
  }
  static Admission::Result TryOrWait(Admission& admission, core::Instant now = kNow) {
    return admission.Admit(Client(), now, WhenExhausted::kWait);
  }
  // How the first connection ends that is not admitted.
  Rejection RejectedAfter(size_t admitted) {
    ProcessLimits process = Process();
    Admission admission(options, process);
    std::vector<Admission::Result> results;
    do {
      results.push_back(Try(admission));
    } while (Admitted(results.back()));
    EXPECT_EQ(results.size() - 1, admitted);
    return RejectionOf(results.back());
  }

  AdmissionOptions options;
  Rejection when_exhausted = Rejection::kConnections;
  bool malloc_works = true;
  HeapReserve reserve{size_t{1} << 20, [this] { return malloc_works; }};
};

TEST_F(AdmissionTest, AllConnections) { EXPECT_EQ(RejectedAfter(100), Rejection::kConnections); }

// Behind a balancer the source is known later.
TEST_F(AdmissionTest, ASourceThatIsTakenLater) {
  options.per_source.max_connections = 1;
  ProcessLimits process = Process();
  Admission admission(options, process);
  const core::Address balancer = *core::Address::ParseHost("10.0.0.1");
  const auto admit = [&] {
    return std::get<Ticket>(
        admission.Admit(balancer, kNow, WhenExhausted::kReject, CountSource::kLater));
  };
  Ticket first = admit();
  Ticket second = admit();
  Ticket third = admit();
  EXPECT_TRUE(admission.TakeSource(Client(), first));
  EXPECT_FALSE(admission.TakeSource(Client(), second));
  EXPECT_TRUE(admission.TakeSource(balancer, third));
  first = Ticket();
  EXPECT_TRUE(admission.TakeSource(Client(), second));
}

TEST_F(AdmissionTest, WhatTheBuffersServe) {
  when_exhausted = Rejection::kBuffers;
  EXPECT_EQ(RejectedAfter(100), Rejection::kBuffers);
}

TEST_F(AdmissionTest, ConnectionsOfTheListener) {
  options.max_connections = 9;
  EXPECT_EQ(RejectedAfter(9), Rejection::kListener);
}

TEST_F(AdmissionTest, ConnectionsOfTheSource) {
  options.per_source.max_connections = 4;
  EXPECT_EQ(RejectedAfter(4), Rejection::kSource);
}

TEST_F(AdmissionTest, NewConnectionsPerSecond) {
  options.new_connections = 60;  // 3 at once
  EXPECT_EQ(RejectedAfter(3), Rejection::kRate);
}

TEST_F(AdmissionTest, Memory) {
  options.per_source.max_connections = 1;
  ProcessLimits process = Process();
  Admission admission(options, process);
  malloc_works = false;
  void* block = reserve.Allocate(1);
  EXPECT_EQ(RejectionOf(Try(admission)), Rejection::kMemory);
  const Admission::Result waits = TryOrWait(admission);
  ASSERT_TRUE(std::holds_alternative<WaitUntil>(waits));
  EXPECT_EQ(std::get<WaitUntil>(waits).at, kNow + HeapReserve::kRetry);
  EXPECT_EQ(std::get<WaitUntil>(waits).cause, Rejection::kMemory);
  malloc_works = true;
  EXPECT_TRUE(Admitted(Try(admission, kNow + HeapReserve::kRetry))) << "nothing was taken";
  EXPECT_TRUE(reserve.Free(block));
}

// What a connection that may wait waits for, for each limit.
TEST_F(AdmissionTest, WaitsForTheLimitThatIsExhausted) {
  ProcessLimits process = Process(/*connections=*/2);
  options.max_connections = 1;
  Admission one(options, process);
  Admission other(AdmissionOptions(), process);
  const Admission::Result held = TryOrWait(one);
  ASSERT_TRUE(Admitted(held));
  const Admission::Result own = TryOrWait(one);
  ASSERT_TRUE(std::holds_alternative<WaitForSlot>(own));
  EXPECT_EQ(std::get<WaitForSlot>(own).cause, Rejection::kListener);
  EXPECT_NE(std::get<WaitForSlot>(own).limit, &process.connections);
  EXPECT_TRUE(std::get<WaitForSlot>(own).limit->exhausted());
  const Admission::Result last = TryOrWait(other);
  ASSERT_TRUE(Admitted(last));
  const Admission::Result global = TryOrWait(other);
  ASSERT_TRUE(std::holds_alternative<WaitForSlot>(global));
  EXPECT_EQ(std::get<WaitForSlot>(global).cause, Rejection::kConnections);
  EXPECT_EQ(std::get<WaitForSlot>(global).limit, &process.connections);
}

TEST_F(AdmissionTest, ASourceOverItsLimitDoesNotWait) {
  options.per_source.max_connections = 1;
  ProcessLimits process = Process();
  Admission admission(options, process);
  const Admission::Result held = TryOrWait(admission);
  ASSERT_TRUE(Admitted(held));
  EXPECT_EQ(RejectionOf(TryOrWait(admission)), Rejection::kSource);
}

// A crowd over the rate holds no slot, not even for a moment: a connection that is looked at
// meanwhile finds the last slot free.
TEST_F(AdmissionTest, OverTheRateTakesNoSlot) {
  constexpr int kRounds = 20000;
  ProcessLimits process = Process(/*connections=*/2);
  options.new_connections = 1;
  Admission hurried(options, process);
  Admission calm(AdmissionOptions(), process);
  ASSERT_TRUE(Admitted(Try(hurried)));  // the only one of this second
  const Admission::Result held = Try(calm);
  ASSERT_TRUE(Admitted(held));
  std::atomic<bool> done{false};
  std::thread crowd([&] {
    // The other thread may have the last slot just then: that is said first.
    while (!done.load()) EXPECT_FALSE(Admitted(Try(hurried)));
  });
  int rejected = 0;
  for (int i = 0; i < kRounds; ++i) {
    if (!Admitted(Try(calm))) ++rejected;
  }
  done.store(true);
  crowd.join();
  EXPECT_EQ(rejected, 0);
}

// Nor does a connection that finds no free slot use up the rate.
TEST_F(AdmissionTest, WithoutAFreeSlotTakesNothingOfTheRate) {
  options.max_connections = 1;
  options.new_connections = 20;  // one at once
  ProcessLimits process = Process(/*connections=*/100, /*rate=*/20);
  Admission admission(options, process);
  const core::Instant later = kNow + 50ms;
  {
    const Admission::Result first = Try(admission);
    ASSERT_TRUE(Admitted(first));
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(RejectionOf(Try(admission, later)), Rejection::kListener);
    }
    EXPECT_EQ(process.rate->bucket.TryTake(later), 0s) << "it is still there";
    process.rate->bucket.GiveBack();
  }
  EXPECT_TRUE(Admitted(Try(admission, later)));
}

TEST_F(AdmissionTest, ARejectionTakesNothing) {
  options.per_source.max_connections = 2;
  options.max_connections = 2;
  ProcessLimits process = Process(/*connections=*/100, /*rate=*/1);
  Admission admission(options, process);
  const Admission::Result first = Try(admission);
  ASSERT_TRUE(Admitted(first));
  for (int i = 0; i < 5; ++i) {
    const Admission::Result result = TryOrWait(admission);
    ASSERT_TRUE(std::holds_alternative<WaitUntil>(result));
    EXPECT_EQ(std::get<WaitUntil>(result).at, kNow + 1s);
    EXPECT_EQ(std::get<WaitUntil>(result).cause, Rejection::kRate);
  }
  EXPECT_EQ(process.connections.count(), 1u);
  const Admission::Result second = Try(admission, kNow + 1s);
  EXPECT_TRUE(Admitted(second)) << "the slots were given back";
  EXPECT_EQ(RejectionOf(Try(admission, kNow + 9s)), Rejection::kSource);
}

// Another configuration: what was admitted under the one before counts under the next.
TEST_F(AdmissionTest, CountsGoOnUnderOtherLimits) {
  options.max_connections = 3;
  options.per_source.max_connections = 3;
  ProcessLimits process = Process();
  auto before = core::MakeRef<Admission>(options, process);
  std::vector<Admission::Result> held;
  for (int i = 0; i < 3; ++i) held.push_back(Try(*before));
  options.max_connections = 2;
  options.per_source.max_connections = 5;
  Admission lower(options, process, process.rate, before.get());
  EXPECT_EQ(RejectionOf(Try(lower)), Rejection::kSource) << "not in force yet";
  lower.PutInForce();
  EXPECT_EQ(RejectionOf(Try(lower)), Rejection::kListener) << "three of two: nobody is ended";
  held.pop_back();
  EXPECT_EQ(RejectionOf(Try(lower)), Rejection::kListener);
  held.pop_back();
  held.push_back(Try(lower));
  EXPECT_TRUE(Admitted(held.back()));
  options.max_connections = 0;
  options.per_source.max_connections = 3;
  Admission unlimited(options, process, process.rate, &lower);
  unlimited.PutInForce();
  held.push_back(Try(unlimited));
  EXPECT_TRUE(Admitted(held.back()));
  EXPECT_EQ(RejectionOf(Try(unlimited)), Rejection::kSource) << "of three, two from before";
  options.per_source.ipv4_prefix = 24;
  Admission networks(options, process, process.rate, &unlimited);
  networks.PutInForce();
  EXPECT_TRUE(Admitted(Try(networks))) << "other sources: none of them has a connection yet";
  process.connections.set_max(2);
  EXPECT_EQ(RejectionOf(Try(networks)), Rejection::kConnections);
  held.clear();
  EXPECT_TRUE(Admitted(Try(networks)));
}

}  // namespace
}  // namespace sluice::proxy
