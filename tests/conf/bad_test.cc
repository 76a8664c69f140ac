// Each bad/NAME.yaml gives exactly the errors in bad/NAME.expect: a new case is two new files.
//
// They are loaded with SLUICE_TEST_WORD=word as the only environment variable. After a change of
// many messages, SLUICE_WRITE_EXPECT=<absolute path of bad/> writes what is found: to be read in
// the diff.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>
#include <vector>

#include "conf/load.h"
#include "conf/reader/diagnostics.h"
#include "tests/conf/testing.h"

namespace sluice::conf::testing {
namespace {

namespace fs = std::filesystem;

constexpr char kFolder[] = "tests/conf/bad";

std::vector<std::string> NamesOf(const std::string& extension) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(kFolder)) {
    if (entry.path().extension() == extension) names.push_back(entry.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

class BadFile : public ::testing::TestWithParam<std::string> {};

TEST_P(BadFile, GivesExactlyTheExpectedErrors) {
  const fs::path yaml = fs::path(kFolder) / (GetParam() + ".yaml");
  const std::string expected = ReadText(fs::path(kFolder) / (GetParam() + ".expect"));
  EXPECT_FALSE(expected.empty()) << "no " << GetParam() << ".expect, or it is empty";

  LoadResult result = LoadFile(yaml, EnvOf({{"SLUICE_TEST_WORD", "word"}}));
  for (Error& error : result.errors) {
    EXPECT_EQ(error.file, yaml.string());
    error.file = yaml.filename();
  }
  EXPECT_EQ(ErrorsOf(result), expected);
  if (const char* folder = std::getenv("SLUICE_WRITE_EXPECT"); folder != nullptr) {
    std::ofstream(fs::path(folder) / (GetParam() + ".expect")) << ErrorsOf(result);
  }
}

INSTANTIATE_TEST_SUITE_P(All, BadFile, ::testing::ValuesIn(NamesOf(".yaml")),
                         [](const auto& info) { return info.param; });

TEST(BadFiles, EachHasItsExpectation) {
  EXPECT_EQ(NamesOf(".yaml"), NamesOf(".expect"));
  EXPECT_GE(NamesOf(".yaml").size(), 55u);
}

}  // namespace
}  // namespace sluice::conf::testing
