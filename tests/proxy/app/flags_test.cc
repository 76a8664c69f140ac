#include "proxy/app/flags.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
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
  const std::string see = " See sluice --help.";
  EXPECT_EQ(Error({}), "--config FILE or --demo is needed." + see);
  EXPECT_EQ(Error({"--nonsense"}), "unknown option --nonsense." + see);
  EXPECT_EQ(Error({"--config"}), "--config needs the path of a file." + see);
  EXPECT_EQ(Error({"--config", "x", "y"}), "unexpected argument y." + see);
  EXPECT_EQ(Error({"--demo", "--config", "x"}),
            "--demo needs no --config: it has a configuration of its own." + see);
  EXPECT_EQ(Error({"--demo", "--check"}),
            "--check, --print-config and --diff need --config, not --demo." + see);
  EXPECT_EQ(Error({"--demo", "--diff", "x"}),
            "--check, --print-config and --diff need --config, not --demo." + see);
  EXPECT_EQ(Error({"--diff", "x"}), "--config FILE or --demo is needed." + see);
  EXPECT_EQ(Error({"-c", "x", "--diff"}), "--diff needs the path of a file." + see);
  EXPECT_EQ(Error({"-c", "x", "--print-config", "--diff", "y"}),
            "--print-config and --diff print two different things: one of them is enough." + see);
  EXPECT_EQ(Parse({"-c", "x", "--diff", "y"})->diff, "y");
  EXPECT_EQ(Parse({"-c", "x", "--diff="})->diff, "");
  EXPECT_EQ(Error({"--config", "x", "--verbose"}), "--verbose only goes with --version." + see);
}

TEST(Flags, NearMissesAreNamed) {
  for (const auto& [written, meant] :
       std::vector<std::pair<std::string, std::string>>{{"--chek", "--check"},
                                                        {"--cehck", "--check"},
                                                        {"--Check", "--check"},
                                                        {"--print_config", "--print-config"},
                                                        {"--printconfig", "--print-config"},
                                                        {"--confg=x", "--config"},
                                                        {"--halp", "--help"},
                                                        {"--verison", "--version"},
                                                        {"--dmeo", "--demo"},
                                                        {"--validate", "--check"},
                                                        {"--dry-run", "--check"},
                                                        {"check", "--check"},
                                                        {"version", "--version"}}) {
    const std::string error = Error({"-c", "x", written});
    EXPECT_NE(error.find(": did you mean " + meant + "? See sluice --help."), std::string::npos)
        << written << ": " << error;
  }
  EXPECT_EQ(
      Error({"sluice.yaml"}),
      "unexpected argument sluice.yaml: did you mean --config sluice.yaml? See sluice --help.");
  EXPECT_EQ(Error({"--ver"}), "--ver is short for --version and for --verbose. See sluice --help.");
}

// What is repeated on the terminal has nothing that the terminal obeys.
TEST(Flags, ErrorsAreEscaped) {
  EXPECT_EQ(Error({"--\x1b[31m"}), R"(unknown option --\x1b[31m. See sluice --help.)");
  EXPECT_EQ(Error({"--config", "x", "y\n\x07\xC2\x9B"}),
            R"(unexpected argument y\n\x07\xc2\x9b. See sluice --help.)");
  EXPECT_EQ(Error({"--config", "x", std::string(1000, 'y').c_str()}),
            "unexpected argument " + std::string(200, 'y') + ".... See sluice --help.");
}

}  // namespace
}  // namespace sluice::proxy
