// Whom a process is to become, without becoming it: tests/e2e/test_privileges.py does that.
#include "proxy/privilege/identity.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <pwd.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "proxy/privilege/accounts.h"

namespace sluice::proxy {
namespace {

conf::Privileges Named(const std::string& user, const std::string& group = "") {
  conf::Privileges privileges;
  privileges.user = user;
  privileges.group = group;
  return privileges;
}

constexpr char kUnknown[] = "no-such-name";
constexpr char kStranger[] = "987654321";  // a number that no user and no group has

TEST(Accounts, ByNameAndByNumber) {
  const absl::StatusOr<User> root = FindUser("root");
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(root->id, 0);
  EXPECT_EQ(root->group, gid_t{0});
  const absl::StatusOr<User> by_number = FindUser("0");
  ASSERT_TRUE(by_number.ok());
  EXPECT_EQ(by_number->name, root->name);
  const absl::StatusOr<User> stranger = FindUser(kStranger);
  ASSERT_TRUE(stranger.ok());
  EXPECT_EQ(stranger->id, 987654321);
  EXPECT_EQ(stranger->group, std::nullopt);
  EXPECT_EQ(FindUser(kUnknown).status().message(), "the system knows no user named no-such-name");
  EXPECT_EQ(*FindGroup("root"), 0);
  EXPECT_EQ(*FindGroup(kStranger), 987654321);
  EXPECT_EQ(FindGroup(kUnknown).status().message(), "the system knows no group named no-such-name");
}

TEST(Identity, NothingIsToBeDone) {
  EXPECT_EQ(PlanIdentity(Named(""))->has_value(), false);
  const std::string self = std::to_string(geteuid());
  EXPECT_EQ(PlanIdentity(Named(self, std::to_string(getegid())))->has_value(), false);
}

TEST(Identity, WhatIsToBeDone) {
  const passwd* const nobody = getpwnam("nobody");  // NOLINT(concurrency-mt-unsafe): one thread
  ASSERT_NE(nobody, nullptr);
  const auto plan = PlanIdentity(Named("nobody"));
  if (geteuid() != 0) {
    EXPECT_NE(plan.status().message().find("only root can become nobody"), std::string::npos);
    return;
  }
  ASSERT_TRUE(plan.ok() && plan->has_value()) << plan.status();
  EXPECT_EQ((*plan)->user, nobody->pw_uid);
  EXPECT_EQ((*plan)->group, nobody->pw_gid);
  EXPECT_TRUE((*plan)->has_groups);
  const auto stranger = PlanIdentity(Named(kStranger, "root"));
  ASSERT_TRUE(stranger.ok() && stranger->has_value());
  EXPECT_EQ((*stranger)->group, 0);
  EXPECT_FALSE((*stranger)->has_groups);
}

TEST(Identity, WhatIsKeptOfRootsRights) {
  conf::Config config;
  config.upstreams.resize(2);
  EXPECT_EQ(NeededCapabilities(config), std::vector<int>{CAP_NET_BIND_SERVICE});
  config.upstreams[1].source_is_client = true;
  EXPECT_EQ(NeededCapabilities(config), (std::vector<int>{CAP_NET_BIND_SERVICE, CAP_NET_RAW}));
}

TEST(Identity, WhatCannotBe) {
  const auto why = [](const conf::Privileges& privileges) {
    return std::string(PlanIdentity(privileges).status().message());
  };
  EXPECT_EQ(why(Named(kUnknown)), "user: the system knows no user named no-such-name");
  EXPECT_EQ(why(Named("nobody", kUnknown)), "group: the system knows no group named no-such-name");
  EXPECT_EQ(why(Named(kStranger)),
            "user: the system knows no user 987654321, and so no group of it: set group, too");
}

}  // namespace
}  // namespace sluice::proxy
