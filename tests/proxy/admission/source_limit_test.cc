#include "proxy/admission/source_limit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace sluice::proxy {
namespace {

core::Address Ip(const std::string& text) { return *core::Address::ParseHost(text); }

SourceOptions Limit(uint32_t max, uint32_t ipv4_prefix = 32, uint32_t ipv6_prefix = 64) {
  return {.max_connections = max, .ipv4_prefix = ipv4_prefix, .ipv6_prefix = ipv6_prefix};
}

TEST(SourceLimit, ZeroMeansNone) {
  SourceLimit limit(Limit(0));
  EXPECT_FALSE(limit.limited());
  SourceSlot slots[10];
  for (SourceSlot& slot : slots) EXPECT_TRUE(limit.TryAcquire(Ip("192.0.2.1"), slot));
}

TEST(SourceLimit, EachSourceOnItsOwnAndPlacesComeBack) {
  SourceLimit limit(Limit(2));
  SourceSlot a, b, c, other;
  EXPECT_TRUE(limit.TryAcquire(Ip("192.0.2.1"), a));
  EXPECT_TRUE(limit.TryAcquire(Ip("192.0.2.1"), b));
  EXPECT_FALSE(limit.TryAcquire(Ip("192.0.2.1"), c));
  EXPECT_TRUE(limit.TryAcquire(Ip("192.0.2.2"), other));
  a = SourceSlot();
  EXPECT_TRUE(limit.TryAcquire(Ip("192.0.2.1"), c));
}

// Two clients share a source exactly when they agree in its prefix.
void ExpectShared(const SourceOptions& config, const std::string& one, const std::string& two,
                  bool shared) {
  SourceLimit limit(config);
  SourceSlot a, b;
  EXPECT_TRUE(limit.TryAcquire(Ip(one), a));
  EXPECT_EQ(limit.TryAcquire(Ip(two), b), !shared) << one << " and " << two;
}

TEST(SourceLimit, CountsByPrefix) {
  ExpectShared(Limit(1, 24), "192.0.2.1", "192.0.2.254", true);
  ExpectShared(Limit(1, 24), "192.0.2.1", "192.0.3.1", false);
  ExpectShared(Limit(1, 31), "192.0.2.2", "192.0.2.3", true);
  ExpectShared(Limit(1, 31), "192.0.2.1", "192.0.2.2", false);
  ExpectShared(Limit(1, 32, 64), "2001:db8::1", "2001:db8::2:1", true);
  ExpectShared(Limit(1, 32, 64), "2001:db8::1", "2001:db8:0:1::1", false);
  ExpectShared(Limit(1, 32, 57), "2001:db8::1", "2001:db8:0:7f::1", true);
  ExpectShared(Limit(1, 32, 57), "2001:db8::1", "2001:db8:0:80::1", false);
  ExpectShared(Limit(1, 32, 128), "2001:db8::1", "2001:db8::2", false);
}

TEST(SourceLimit, MappedIpv4IsIpv4) {
  ExpectShared(Limit(1, 24, 64), "192.0.2.1", "::ffff:192.0.2.9", true);
  ExpectShared(Limit(1, 32, 64), "::ffff:192.0.2.1", "::ffff:192.0.2.2", false);
}

core::Address OnInterface(const std::string& text, uint32_t interface) {
  return core::Address::Ipv6(Ip(text).ipv6(), /*port=*/0, interface);
}

// fe80::1 on one network is another host than fe80::1 on the next.
TEST(SourceLimit, TheInterfaceBelongsToALinkLocalSource) {
  for (const uint32_t prefix : {1u, 10u, 64u, 128u}) {
    SourceLimit limit(Limit(1, 32, prefix));
    SourceSlot a, b, c;
    EXPECT_TRUE(limit.TryAcquire(OnInterface("fe80::1", 2), a));
    EXPECT_TRUE(limit.TryAcquire(OnInterface("fe80::1", 3), b)) << prefix;
    EXPECT_FALSE(limit.TryAcquire(OnInterface("fe80::1", 2), c)) << prefix;
  }
  SourceLimit networks(Limit(1, 32, 64));
  SourceSlot a, b;
  EXPECT_TRUE(networks.TryAcquire(OnInterface("fe80::1", 2), a));
  EXPECT_FALSE(networks.TryAcquire(OnInterface("fe80::2", 2), b)) << "of one prefix";
  SourceLimit hosts(Limit(1, 32, 128));
  SourceSlot c, d;
  EXPECT_TRUE(hosts.TryAcquire(OnInterface("fe80::1", 2), c));
  EXPECT_TRUE(hosts.TryAcquire(OnInterface("fe80::2", 2), d)) << "each address on its own";
}

// Whatever a kernel may tell beside it: a global address is the same one everywhere.
TEST(SourceLimit, TheInterfaceBelongsToNoOtherSource) {
  for (const char* address : {"2001:db8::1", "fd00::1", "fec0::1", "::1", "::ffff:192.0.2.1"}) {
    SourceLimit limit(Limit(1));
    SourceSlot a, b;
    EXPECT_TRUE(limit.TryAcquire(OnInterface(address, 2), a));
    EXPECT_FALSE(limit.TryAcquire(OnInterface(address, 3), b)) << address;
  }
}

TEST(SourceLimit, ClientsWithoutAnAddressAreOneSource) {
  SourceLimit limit(Limit(2));
  SourceSlot a, b, c, other, zero;
  EXPECT_TRUE(limit.TryAcquire(core::Address(), a));
  EXPECT_TRUE(limit.TryAcquire(core::Address(), b));
  EXPECT_FALSE(limit.TryAcquire(core::Address(), c));
  EXPECT_TRUE(limit.TryAcquire(Ip("192.0.2.1"), other));
  EXPECT_TRUE(limit.TryAcquire(Ip("::"), zero));
  a = SourceSlot();
  EXPECT_TRUE(limit.TryAcquire(core::Address(), c));
}

// A balancer's address first, then that of the client behind it.
TEST(SourceLimit, ASlotThatIsTakenAgainGivesBackWhatItHeld) {
  SourceLimit limit(Limit(1));
  {
    SourceSlot slot, other;
    EXPECT_TRUE(limit.TryAcquire(Ip("192.0.2.1"), slot));
    EXPECT_TRUE(limit.TryAcquire(Ip("192.0.2.2"), slot));
    EXPECT_FALSE(limit.TryAcquire(Ip("192.0.2.2"), other));
    EXPECT_TRUE(limit.TryAcquire(Ip("192.0.2.1"), other)) << "the first one has come back";
    EXPECT_FALSE(limit.TryAcquire(Ip("192.0.2.1"), slot));
    EXPECT_FALSE(limit.TryAcquire(Ip("192.0.2.2"), other)) << "what fails changes nothing";
  }
  SourceSlot first, second;
  EXPECT_TRUE(limit.TryAcquire(Ip("192.0.2.1"), first));
  EXPECT_TRUE(limit.TryAcquire(Ip("192.0.2.2"), second));
}

TEST(SourceLimit, UnixClientsHaveNoSource) {
  SourceLimit limit(Limit(1));
  const sockaddr unnamed = {.sa_family = AF_UNIX, .sa_data = {}};
  const core::Address client(&unnamed, sizeof(sa_family_t));
  SourceSlot a, b;
  EXPECT_TRUE(limit.TryAcquire(client, a));
  EXPECT_TRUE(limit.TryAcquire(client, b));
}

TEST(SourceLimit, ExactUnderAStorm) {
  constexpr uint32_t kMax = 3;
  SourceLimit limit(Limit(kMax));
  std::atomic<uint32_t> inside[2] = {};
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const core::Address client = Ip(t % 2 == 0 ? "192.0.2.1" : "192.0.2.2");
      for (int i = 0; i < 10000; ++i) {
        SourceSlot slot;
        if (!limit.TryAcquire(client, slot)) continue;
        if (++inside[t % 2] > kMax) over = true;
        --inside[t % 2];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(over);
}

// A reload takes the limit away while a first connection comes: that is within either limit. (When
// the table goes it checks that it is empty.)
TEST(SourceLimit, ALimitThatIsTakenAwayRejectsNoConnection) {
  SourceLimit limit(Limit(1));
  std::atomic<bool> is_over{false};
  std::thread reloads([&] {
    for (uint32_t max = 0; !is_over; max = 1 - max) limit.set_max(max);
  });
  const core::Address client = Ip("192.0.2.1");
  int rejected = 0;
  for (int i = 0; i < 200'000; ++i) {
    SourceSlot slot;
    if (!limit.TryAcquire(client, slot)) ++rejected;
  }
  is_over = true;
  reloads.join();
  EXPECT_EQ(rejected, 0);
}

}  // namespace
}  // namespace sluice::proxy
