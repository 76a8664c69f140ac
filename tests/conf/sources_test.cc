// What a configuration was read from: a change of it shows, and nothing else does.

#include "conf/sources.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "conf/load.h"
#include "tests/conf/testing.h"

namespace sluice::conf::testing {
namespace {

namespace fs = std::filesystem;

class SourcesTest : public ::testing::Test {
 protected:
  SourcesTest() {
    std::string name = ::testing::TempDir() + "/sources-XXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
    fs::create_directory(folder + "/conf.d");
    Write("main.yaml", "include: [conf.d/*.yaml, more.yaml]\n");
    Write("conf.d/a.yaml", "listeners: [{ name: a, bind: \"127.0.0.1:1\", upstream: app }]\n");
    Write("more.yaml", "upstreams: [{ name: app, endpoints: [\"127.0.0.1:2\"] }]\n");
  }
  ~SourcesTest() override { fs::remove_all(folder); }

  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder + "/" + name) << text;
  }
  Sources Load() const { return LoadFile(folder + "/main.yaml", EnvOf({})).sources; }

  std::string folder;
};

TEST_F(SourcesTest, AreAllFilesAndPatterns) {
  const Sources sources = Load();
  ASSERT_EQ(sources.size(), 4u);
  EXPECT_EQ(sources[0].path, folder + "/main.yaml");
  EXPECT_TRUE(sources[1].is_pattern);
  EXPECT_EQ(sources[1].path, folder + "/conf.d/*.yaml");
  EXPECT_EQ(sources[2].path, folder + "/conf.d/a.yaml");
  EXPECT_EQ(sources[3].path, folder + "/more.yaml");
  EXPECT_EQ(LookAgain(sources), sources);
}

TEST_F(SourcesTest, EachChangeShowsAndTheSameTextDoesNot) {
  const Sources sources = Load();
  const auto changed = [&] { return LookAgain(sources) != sources; };
  for (const std::string name : {"main.yaml", "conf.d/a.yaml", "more.yaml"}) {
    fs::rename(folder + "/" + name, folder + "/kept");
    EXPECT_TRUE(changed()) << name;
    Write(name, "another text");
    EXPECT_TRUE(changed()) << name;
    fs::remove(folder + "/" + name);
    fs::copy(folder + "/kept", folder + "/" + name);
    EXPECT_FALSE(changed()) << name;
    fs::remove(folder + "/kept");
  }
  Write("conf.d/b.yaml", "");
  EXPECT_TRUE(changed());
  fs::rename(folder + "/conf.d/b.yaml", folder + "/conf.d/b.txt");
  EXPECT_FALSE(changed());
}

TEST_F(SourcesTest, WhatCannotBeReadIsOneToo) {
  fs::remove(folder + "/more.yaml");
  const Sources sources = Load();
  ASSERT_EQ(sources.size(), 4u);
  EXPECT_EQ(sources[3].digest, 0u);
  EXPECT_EQ(LookAgain(sources), sources);
  Write("more.yaml", "");
  EXPECT_NE(LookAgain(sources), sources);
}

TEST_F(SourcesTest, AFileThatIsTooLargeStaysTheSame) {
  Write("more.yaml", std::string(3 * kMaxFileBytes, '#'));
  const Sources sources = Load();
  EXPECT_EQ(LookAgain(sources), sources);
}

// It is not read again: that would take what is in it, or wait for ever.
TEST_F(SourcesTest, APipeIsNone) {
  const Sources sources = Load();
  fs::remove(folder + "/more.yaml");
  ASSERT_EQ(mkfifo((folder + "/more.yaml").c_str(), 0600), 0);
  EXPECT_NE(LookAgain(sources), sources);
}

}  // namespace
}  // namespace sluice::conf::testing
