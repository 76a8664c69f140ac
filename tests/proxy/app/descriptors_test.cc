#include "proxy/app/descriptors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>

#include "core/reactor/accept_op.h"
#include "core/reactor/op.h"

namespace sluice::proxy {
namespace {

conf::Config Addresses(size_t listeners, size_t each) {
  conf::Config config;
  for (size_t i = 0; i < listeners; ++i) {
    config.listeners.emplace_back().bind.resize(each);
  }
  return config;
}

TEST(Descriptors, EveryAddressCountsForEveryWorker) {
  const DescriptorNeeds needs = NeedsOf(Addresses(3, 20), 16);
  EXPECT_EQ(needs.addresses, 60u);
  EXPECT_EQ(needs.to_listen(), 60u * 17);
  EXPECT_EQ(needs.to_run(), 60u * 17 + 32);
  conf::Config logging = Addresses(1, 1);
  logging.access_log.path = "/var/log/x";
  EXPECT_EQ(NeedsOf(logging, 1).to_run(), 2u + 2 + 3);
  conf::Config administered = Addresses(1, 1);
  administered.admin.bind = core::Address::UnixPath("/run/x");
  EXPECT_EQ(NeedsOf(administered, 1).to_run(), 2u + 2 + 64 + 4 + 2) << "64 connections and 6 more";
}

TEST(Descriptors, ThoseOfChecksAreBounded) {
  conf::Config config = Addresses(1, 1);
  conf::Upstream upstream;
  upstream.endpoints.resize(10);
  config.upstreams = {upstream, upstream};
  EXPECT_EQ(NeedsOf(config, 1).checks, 0u);
  config.upstreams[0].health.check = conf::Check::kHttp;
  EXPECT_EQ(NeedsOf(config, 1).checks, 10u);
  config.upstreams[0].agent.port = 9999;
  EXPECT_EQ(NeedsOf(config, 1).checks, 20u);
  EXPECT_EQ(NeedsOf(config, 1).to_run(), 2u + 2 + 20);
  config.upstreams[1].health.check = conf::Check::kConnect;
  config.upstreams[1].endpoints.resize(1000);
  EXPECT_EQ(NeedsOf(config, 1).checks, 256u);
}

TEST(Descriptors, ThoseOfSourcesAreBounded) {
  conf::Config config = Addresses(1, 1);
  conf::Endpoint name;
  name.host = "app.internal";
  conf::Upstream upstream;
  upstream.endpoints = {name};
  upstream.discover = {.file = "/x", .dns = {}};
  config.upstreams = {upstream};
  EXPECT_EQ(NeedsOf(config, 1).sources, 8u + 3);
  EXPECT_EQ(NeedsOf(config, 1).to_run(), 2u + 2 + 8 + 3);
  config.upstreams[0].endpoints.resize(100, name);
  EXPECT_EQ(NeedsOf(config, 1).sources, 32u * 8 + 3) << "so many ask at a time";
  config.upstreams[0].health.check = conf::Check::kHttp;
  config.upstreams[0].endpoints.resize(1);
  EXPECT_EQ(NeedsOf(config, 1).checks, 256u) << "a name may stand for any number";
}

TEST(Descriptors, TooFewForOneConnection) {
  const DescriptorNeeds needs = NeedsOf(Addresses(1, 60), 16);
  const uint64_t least = 5 + needs.to_run() + 2;
  const absl::Status lacking = CheckDescriptors(needs, 20, least - 1, 5).status();
  EXPECT_TRUE(absl::IsResourceExhausted(lacking));
  for (const char* part : {"60 addresses", "16 workers", "1020", "RLIMIT_NOFILE"}) {
    EXPECT_NE(lacking.message().find(part), absl::string_view::npos) << lacking;
  }
  EXPECT_TRUE(CheckDescriptors(needs, 20, least, 5).ok());
}

TEST(Descriptors, WarnsWhenTheLimitOfConnectionsIsOutOfReach) {
  const DescriptorNeeds needs = NeedsOf(Addresses(1, 1), 2);
  const uint64_t all = 5 + needs.to_run() + 2 * 1000 + 2 * core::kAcceptsPerSubmit + 64;
  EXPECT_EQ(*CheckDescriptors(needs, 1000, all, 5), "");
  const std::string warning = *CheckDescriptors(needs, 1000, all - 1, 5);
  EXPECT_NE(warning.find("limits.max_connections 1000 needs " + std::to_string(all)),
            std::string::npos)
      << warning;
}

TEST(Descriptors, AutoIsHalfOfWhatIsLeft) {
  const DescriptorNeeds needs = NeedsOf(Addresses(2, 1), 3);
  const uint64_t taken = 5 + needs.to_run() + needs.unjudged() + 64;
  EXPECT_EQ(needs.unjudged(), 2u * 3 * core::kAcceptsPerSubmit);
  EXPECT_EQ(DefaultConnections(needs, taken + 2 * 700, 5), 700u);
  EXPECT_EQ(DefaultConnections(needs, taken + 2 * 10'000, 5), kMostByDefault);
  EXPECT_EQ(DefaultConnections(needs, uint64_t{1} << 25, 5), kMostByDefault);
}

// With few descriptors less is to spare; one connection is served in any case.
TEST(Descriptors, AutoOfLittle) {
  const DescriptorNeeds needs = NeedsOf(Addresses(1, 1), 1);
  const uint64_t taken = 5 + needs.to_run();
  EXPECT_EQ(DefaultConnections(needs, taken + 80, 5), 20u);
  EXPECT_EQ(DefaultConnections(needs, taken, 5), 1u);
  EXPECT_EQ(DefaultConnections(needs, 0, 5), 1u);
}

// Whatever the limit, a default asks for no more descriptors than there are.
TEST(Descriptors, AutoGivesNoWarning) {
  const DescriptorNeeds needs = NeedsOf(Addresses(3, 2), 4);
  const uint64_t enough = 5 + needs.to_run() + 2 * (needs.unjudged() + 64);
  for (uint64_t limit = enough + 2; limit < 40'000; limit += 37) {
    EXPECT_EQ(*CheckDescriptors(needs, DefaultConnections(needs, limit, 5), limit, 5), "") << limit;
  }
}

TEST(Descriptors, CountsWhatIsOpen) {
  const uint64_t before = OpenDescriptors();
  const int fd = dup(0);
  EXPECT_EQ(OpenDescriptors(), before + 1);
  close(fd);
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST(Descriptors, RaisesTheSoftLimit) {
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = 64;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  const uint64_t raised = RaiseDescriptorLimit();
  EXPECT_EQ(raised, std::min<uint64_t>(limit.rlim_max, uint64_t{1} << 25));
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, raised);
}

}  // namespace
}  // namespace sluice::proxy
