// A whole configuration: loading ends, errors have a place inside the text, what loads is the same
// when it is printed and loaded again.
#include <algorithm>
#include <optional>

#include "conf/load.h"
#include "conf/print.h"
#include "tests/fuzz/target.h"

namespace sluice::fuzz {
namespace {

enum Mistake : size_t { kNone, kNoPlace, kNotPrinted, kBeyondTheEnd };

conf::Env TestEnv() {
  return [](const std::string& name) -> std::optional<std::string> {
    if (name == "X") return "127.0.0.1:1";
    return std::nullopt;
  };
}

conf::LoadResult Load(std::string_view text, size_t mistake) {
  conf::LoadResult result = conf::LoadString(text, "fuzz.yaml", TestEnv());
  for (conf::Error& error : result.errors) {
    if (mistake == kNoPlace && error.message.find("unknown key") != std::string::npos) {
      error.at.column = 0;
    }
    if (mistake == kBeyondTheEnd && error.at.line > 3) error.at.line += 1000;
  }
  return result;
}

std::string Print(const conf::Config& config, size_t mistake) {
  conf::Config printed = config;
  if (mistake == kNotPrinted) printed.shutdown.drain_timeout = {};
  return conf::Print(printed);
}

void Check(std::string_view text, size_t mistake) {
  const conf::LoadResult result = Load(text, mistake);
  const auto lines = static_cast<int>(std::ranges::count(text, '\n')) + 2;
  for (const conf::Error& error : result.errors) {
    const bool whole_file = error.at == conf::kWholeFile;
    const bool inside =
        whole_file || (error.at.line >= 1 && error.at.line <= lines && error.at.column >= 1);
    Expect(inside, "the place of an error", conf::FormatError(error));
    Expect(!error.message.empty(), "an error without a message");
  }
  Expect(std::ranges::is_sorted(result.errors, {}, &conf::Error::at), "the order of errors");
  if (!result.ok()) return;
  const std::string printed = Print(result.config, mistake);
  const conf::LoadResult again = Load(printed, mistake);
  Expect(again.ok() && again.config == result.config, "printed and loaded", printed);
}

}  // namespace

const Target& TheTarget() {
  static const Target target = {
      .name = "config",
      .folders = {"conf", "tests/conf/bad"},
      .run = Check,
      .mistakes = {"an error without a column", "drain_timeout is not printed",
                   "an error beyond the end"},
      .words = {"\t",
                "\n",
                "  ",
                "- ",
                ": ",
                ":",
                "?",
                "[",
                "]",
                "{",
                "}",
                ",",
                "\"",
                "'",
                "#",
                "|\n",
                ">\n",
                "&a ",
                "*a",
                "!x ",
                "%",
                "---",
                "...",
                "<<: ",
                "~",
                "null",
                "${X}",
                "$${",
                "${",
                "s",
                "KiB",
                "\r\n",
                "\xEF",
                "\xFF",
                "true",
                "auto",
                "0/s",
                "1/s",
                "10%",
                "51%",
                "off",
                "name: ",
                "bind: ",
                "[::]:80",
                "unix:/x",
                "\xC3\xA9",
                "listeners:\n",
                "upstreams:\n",
                "timeouts:",
                "endpoints:",
                "weight:",
                "x-a: &a ",
                "<<: *a",
                "\xE2\x80\x9C",
                "\xC2\xA0",
                "*:80",
                "1.5s",
                "10Mbps",
                "$X",
                "unlimited"},
      .random_inputs = 10000,
      .max_size = 16384};
  return target;
}

}  // namespace sluice::fuzz
