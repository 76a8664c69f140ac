// Which names are watched for a file, so that every way to exchange it shows.
#include "proxy/server/config_watch.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace sluice::proxy {

void PrintTo(const WatchedName& name, std::ostream* out) {
  *out << name.folder << " \"" << name.name << '"';
}

namespace {

namespace fs = std::filesystem;

using List = std::vector<WatchedName>;

class ConfigWatchTest : public testing::Test {
 protected:
  ConfigWatchTest() {
    std::string name = testing::TempDir() + "/watch-XXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    folder = fs::canonical(name).string();
    fs::create_directory(folder + "/..1");
    std::ofstream(folder + "/..1/file") << "text";
  }
  ~ConfigWatchTest() override { fs::remove_all(folder); }

  std::vector<WatchedName> Names(const std::string& path, bool is_pattern = false) const {
    return NamesOf({.path = folder + path, .is_pattern = is_pattern, .digest = 0});
  }

  std::string folder;
};

TEST_F(ConfigWatchTest, AFileInItsFolder) {
  EXPECT_EQ(Names("/..1/file"), (List{{folder + "/..1", "file"}}));
  EXPECT_EQ(Names("/..1/./../..1//file"), (List{{folder + "/..1", "file"}}));
}

TEST_F(ConfigWatchTest, LinksOnTheWay) {
  fs::create_symlink("..1", folder + "/..data");
  fs::create_symlink("..data/file", folder + "/file");
  EXPECT_EQ(Names("/file"),
            (List{{folder, "file"}, {folder, "..data"}, {folder + "/..1", "file"}}));
  fs::create_symlink(folder + "/file", folder + "/absolute");
  EXPECT_EQ(Names("/absolute").size(), 4u);
}

TEST_F(ConfigWatchTest, WhatIsNotThere) {
  EXPECT_EQ(Names("/none"), (List{{folder, "none"}}));
  EXPECT_EQ(Names("/none/file"), (List{{folder, "none"}}));
}

TEST_F(ConfigWatchTest, LinksWithoutAnEnd) {
  fs::create_symlink("two", folder + "/one");
  fs::create_symlink("one", folder + "/two");
  EXPECT_LE(Names("/one").size(), 41u);
}

TEST_F(ConfigWatchTest, PatternsInTheirFolder) {
  EXPECT_EQ(Names("/..1/*.yaml", true), (List{{folder + "/..1", ""}}));
  EXPECT_EQ(Names("/[a]/x", true), (List{{folder, ""}}));
}

}  // namespace
}  // namespace sluice::proxy
