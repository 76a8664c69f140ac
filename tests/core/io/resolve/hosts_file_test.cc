// Names in /etc/hosts.
#include "core/io/resolve/hosts_file.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sluice::core {
namespace {

using Texts = std::vector<std::string>;

Texts Find(std::string_view text, std::string_view name) {
  Texts found;
  for (const Address& address : FindInHosts(text, name)) found.push_back(address.HostToString());
  return found;
}

constexpr std::string_view kFile =
    "# 10.9.9.9 db\n"
    "127.0.0.1\tlocalhost\n"
    "10.0.0.5  db.internal   DB # not x\n"
    "\n"
    "fd00::5 db.internal.\r\n"
    "nonsense db\n"
    "fe80::1%eth0 db\n"
    "10.0.0.6 db";

TEST(HostsFileTest, FindsAllAddresses) {
  EXPECT_EQ(Find(kFile, "db"), (Texts{"10.0.0.5", "10.0.0.6"}));
  EXPECT_EQ(Find(kFile, "Db.Internal."), (Texts{"10.0.0.5", "fd00::5"}));
  EXPECT_EQ(Find(kFile, "x"), Texts());
  EXPECT_EQ(Find(kFile, "10.0.0.5"), Texts());
  EXPECT_EQ(Find("", "db"), Texts());
}

TEST(HostsFileTest, LocalhostIsHere) {
  EXPECT_EQ(AddressesOfLocalhost("localhost").size(), 2u);
  EXPECT_EQ(AddressesOfLocalhost("App.LOCALHOST.").size(), 2u);
  EXPECT_TRUE(AddressesOfLocalhost("localhost.x").empty());
  EXPECT_TRUE(AddressesOfLocalhost("mylocalhost").empty());
}

}  // namespace
}  // namespace sluice::core
