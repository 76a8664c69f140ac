// The files of access lists: what their lines may be, where they are, and that they are sources.

#include "conf/access_files.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "conf/load.h"
#include "conf/print.h"
#include "tests/conf/testing.h"

namespace sluice::conf::testing {
namespace {

class AccessFiles : public ::testing::Test {
 protected:
  AccessFiles() {
    std::string name = ::testing::TempDir() + "/access-XXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
    std::filesystem::create_directory(folder + "/conf.d");
  }
  ~AccessFiles() override { std::filesystem::remove_all(folder); }

  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder + "/" + name) << text;
  }
  LoadResult Load() const { return LoadFile(folder + "/main.yaml", NoEnv()); }
  // The errors, with "@" for the folder.
  std::string Errors() const {
    std::string text = ErrorsOf(Load());
    for (size_t at = text.find(folder); at != text.npos; at = text.find(folder)) {
      text.replace(at, folder.size(), "@");
    }
    return text;
  }

  std::string folder;
};

constexpr char kRest[] =
    "listeners: [{ name: web, bind: \"127.0.0.1:80\", upstream: app }]\n"
    "upstreams: [{ name: app, endpoints: \"127.0.0.1:1\" }]\n";

std::string Rules(const AccessFile& file) {
  std::string text;
  for (const AccessRule& rule : *file.rules) {
    text += std::to_string(rule.line) + (rule.allows ? " allow " : " deny ") +
            rule.network.ToString() + "\n";
  }
  return text;
}

TEST_F(AccessFiles, HaveANetworkALine) {
  Write("main.yaml", std::string("access: { files: [list] }\n") + kRest);
  Write("list",
        "# ours\n\nallow 10.0.0.0/8\n  deny\t10.1.0.0/16  # but not these\r\nallow 2001:db8::1#x");
  const LoadResult result = Load();
  ASSERT_TRUE(result.ok()) << ErrorsOf(result);
  EXPECT_EQ(Rules(result.config.access.files.at(0)),
            "3 allow 10.0.0.0/8\n4 deny 10.1.0.0/16\n5 allow 2001:db8::1\n");
  ASSERT_EQ(result.sources.size(), 2u);
  EXPECT_EQ(LookAgain(result.sources), result.sources);
  Write("list", "allow 10.0.0.0/9\n");
  EXPECT_NE(LookAgain(result.sources), result.sources);
}

TEST_F(AccessFiles, MayBeginWithAByteOrderMark) {
  Write("main.yaml", std::string("access: { files: [list] }\n") + kRest);
  Write("list",
        "\xEF\xBB\xBF"
        "allow 10.0.0.0/8\n");
  const LoadResult result = Load();
  ASSERT_TRUE(result.ok()) << ErrorsOf(result);
  EXPECT_EQ(Rules(result.config.access.files.at(0)), "1 allow 10.0.0.0/8\n");
}

TEST_F(AccessFiles, SayWhereALineIsWrong) {
  Write("main.yaml", std::string("access: { files: [list, none, conf.d] }\n") + kRest);
  Write("list",
        "permit 10.0.0.0/8\n10.0.0.0/8\nallow\nallow 10.1.0.0/8 # x\nallow 10.0.0.0/8 deny\n");
  EXPECT_EQ(
      Errors(),
      "@/main.yaml:1:25: error: access list \"@/none\": no such file\n"
      "@/main.yaml:1:31: error: access list \"@/conf.d\": this is a directory, not a file\n"
      "@/list:1:1: error: \"permit\" is neither \"allow\" nor \"deny\"; allowed: \"allow\" or "
      "\"deny\", then a network, then a comment after # if you like\n"
      "@/list:2:1: error: neither \"allow\" nor \"deny\" stands before \"10.0.0.0/8\"; allowed: "
      "\"allow\" or \"deny\", then a network, then a comment after # if you like\n"
      "@/list:3:6: error: no network follows \"allow\"; allowed: \"allow\" or \"deny\", then a "
      "network, then a comment after # if you like\n"
      "@/list:4:7: error: \"10.1.0.0/8\" has bits set after its prefix: its network is 10.0.0.0/8; "
      "allowed: 10.0.0.0/8, 1.2.3.4, 2001:db8::/32 or 2001:db8::1\n"
      "@/list:5:18: error: \"deny\" follows the network; allowed: \"allow\" or \"deny\", then a "
      "network, then a comment after # if you like\n");
}

// A generator may stop before it has written anything; one that has nothing to write says so.
TEST_F(AccessFiles, AreNotEmpty) {
  Write("main.yaml",
        std::string("access: { files: [list] }\ndefaults: { access: { files: [list, more] } }\n") +
            kRest);
  Write("more", "deny 10.0.0.0/8\n");
  const std::string expected =
      "@/main.yaml:1:19: error: access list \"@/list\": the file is empty and would let in every "
      "client; one that is meant to has a comment, such as \"# none\"\n";
  for (const char* text : {"", "\n", " \r\n\n", "\xEF\xBB\xBF"}) {
    Write("list", text);
    EXPECT_EQ(Errors(), expected) << text;
  }
  Write("list", "allow\n");
  EXPECT_EQ(Errors().find("is empty"), std::string::npos) << "a line that is wrong is told alone";
  for (const char* text : {"allow 10.1.0.0/16\n", "# none\n"}) {
    Write("list", text);
    EXPECT_EQ(Errors(), "") << text;
  }
}

TEST_F(AccessFiles, AreRelativeToTheFileThatNamesThem) {
  Write("main.yaml",
        "include: conf.d/*.yaml\ndefaults: { access: { files: [list] } }\n"
        "upstreams: [{ name: app, endpoints: \"127.0.0.1:1\" }]\n");
  Write("conf.d/a.yaml",
        "listeners:\n  - { name: a, bind: \"127.0.0.1:80\", upstream: app }\n"
        "  - { name: b, bind: \"127.0.0.1:81\", upstream: app, access: { files: [list] } }\n"
        "  - { name: c, bind: \"127.0.0.1:82\", upstream: app, access: { files: [] } }\n");
  Write("list", "allow 10.0.0.0/8\n");
  Write("conf.d/list", "deny 10.0.0.0/8\n");
  const LoadResult result = Load();
  ASSERT_TRUE(result.ok()) << ErrorsOf(result);
  EXPECT_EQ(Rules(result.config.listeners[0].access.files.at(0)), "1 allow 10.0.0.0/8\n");
  EXPECT_EQ(Rules(result.config.listeners[1].access.files.at(0)), "1 deny 10.0.0.0/8\n");
  EXPECT_TRUE(result.config.listeners[2].access.empty());

  // What is printed may be kept anywhere.
  Write("conf.d/printed", Print(result.config));
  const LoadResult again = LoadFile(folder + "/conf.d/printed", NoEnv());
  ASSERT_TRUE(again.ok()) << ErrorsOf(again);
  EXPECT_EQ(Rules(again.config.listeners[0].access.files.at(0)), "1 allow 10.0.0.0/8\n");
  EXPECT_EQ(Rules(again.config.listeners[1].access.files.at(0)), "1 deny 10.0.0.0/8\n");
  EXPECT_EQ(Print(again.config), Print(result.config));
}

TEST_F(AccessFiles, MayBeLargerThanAConfiguration) {
  Write("main.yaml", std::string("access: { files: [list] }\n") + kRest);
  std::string text;
  while (text.size() <= kMaxFileBytes) text += "deny 10.0.0.0/8 # as often as it takes\n";
  Write("list", text);
  const LoadResult result = Load();
  ASSERT_TRUE(result.ok()) << ErrorsOf(result);
  EXPECT_EQ(LookAgain(result.sources), result.sources);
  Write("list", text + "allow 10.1.0.0/16\n");
  EXPECT_NE(LookAgain(result.sources), result.sources) << "behind the limit of a configuration";
}

}  // namespace
}  // namespace sluice::conf::testing
