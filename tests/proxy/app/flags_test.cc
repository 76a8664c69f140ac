#include "proxy/app/flags.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::proxy {
namespace {

absl::StatusOr<Flags> Parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "sluice");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  return ParseFlags(static_cast<int>(arguments.size()), argv.data());
}

std::string Error(const std::vector<std::string>& arguments) {
  const absl::StatusOr<Flags> flags = Parse(arguments);
  return flags.ok() ? "OK" : std::string(flags.status().message());
}

TEST(Flags, LongAndShort) {
  for (const char* check : {"--check", "-t"}) {
    for (const char* config : {"--config", "-c"}) {
      const absl::StatusOr<Flags> flags = Parse({config, "x.yaml", check});
      ASSERT_TRUE(flags.ok());
      EXPECT_EQ(flags->config, "x.yaml");
      EXPECT_TRUE(flags->check);
    }
  }
  EXPECT_EQ(Parse({"--config=y.yaml"})->config, "y.yaml");
  EXPECT_TRUE(Parse({"-V"})->version);
  EXPECT_TRUE(Parse({"-h"})->help);
  EXPECT_TRUE(Parse({"--version", "--verbose"})->verbose);
}

TEST(Flags, Errors) {
  EXPECT_EQ(Error({}), "--config FILE or --demo is needed");
  EXPECT_EQ(Error({"--nonsense"}), "unknown or ambiguous option --nonsense");
  EXPECT_EQ(Error({"--config"}), "--config needs a value");
  EXPECT_EQ(Error({"--config", "x", "y"}), "unexpected argument y");
  EXPECT_EQ(Error({"--demo", "--config", "x"}), "--demo takes no --config");
  EXPECT_EQ(Error({"--demo", "--check"}), "--check and --print-config need --config, not --demo");
  EXPECT_EQ(Error({"--config", "x", "--verbose"}), "--verbose goes with --version");
}

// What is repeated on the terminal has nothing that the terminal obeys.
TEST(Flags, ErrorsAreEscaped) {
  EXPECT_EQ(Error({"--\x1b[31m"}), R"(unknown or ambiguous option --\x1b[31m)");
  EXPECT_EQ(Error({"--config", "x", "y\n\x07\xC2\x9B"}), R"(unexpected argument y\n\x07\xc2\x9b)");
  EXPECT_EQ(Error({"--config", "x", std::string(1000, 'y').c_str()}),
            "unexpected argument " + std::string(200, 'y') + "...");
}

}  // namespace
}  // namespace sluice::proxy
