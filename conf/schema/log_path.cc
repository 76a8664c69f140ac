#include <algorithm>
#include <string>
#include <string_view>

#include "conf/schema/scalars.h"
#include "conf/text/characters.h"
#include "conf/text/guess.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

// What people write, from habit with other programs, where a file's path is wanted.
constexpr std::string_view kMeansOff[] = {"",  "none",  "no",      "false",    "null", "nil",
                                          "~", "never", "disable", "disabled", "0"};
constexpr std::string_view kMeansStdout[] = {"on", "yes", "true",    "enable",   "enabled", "1",
                                             "-",  "out", "console", "terminal", "&1"};
constexpr std::string_view kMeansStderr[] = {"err", "&2", "2", "syslog", "journal", "journald"};

std::string MeantLogWord(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  const auto is_in = [&lower](const auto& words) {
    return std::ranges::find(words, lower) != std::end(words);
  };
  if (is_in(kMeansOff)) return WithSuggestion("", "off");
  if (is_in(kMeansStdout)) return WithSuggestion("", "stdout");
  if (is_in(kMeansStderr)) return WithSuggestion("", "stderr");
  return DidYouMean(text, {"off", "stdout", "stderr"});
}

// Why `text` is neither a word nor the path of a file, "" if it is. A file in the working directory
// whose name looks like a word, or like an address, is written with "./".
std::string WhyNoLogPath(std::string_view text) {
  if (text == "off" || text == "stdout" || text == "stderr") return "";
  if (HasControlCharacter(text)) return " has a control character";
  if (HasInvisible(text)) return " has an invisible character";
  const std::string_view first = text.substr(0, text.find('/'));
  if (first.find(':') != text.npos) return " is no path of a file";
  const bool is_bare = first.size() == text.size();
  if (text == "." || text == ".." || text.ends_with('/')) return " is a directory";
  const bool is_number = text.find_first_not_of("0123456789.") == text.npos;
  if (is_bare && (is_number || text.find('.') == text.npos)) {
    const std::string meant = MeantLogWord(text);
    return Cat(" is no path of a file", meant.empty() ? ": a path has a \"/\"" : meant);
  }
  return "";
}

}  // namespace

Scalar LogPath(std::string& field) {
  return {"off, stdout, stderr or the path of a file",
          [&field](std::string_view text) {
            if (const std::string why = WhyNoLogPath(text); !why.empty()) {
              return InvalidArgument(Cat(Quoted(text), why));
            }
            field = text;
            return absl::OkStatus();
          },
          [&field] { return field; },
          {},
          {},
          false,
          {.words = {"off", "stdout", "stderr"}}};
}

}  // namespace sluice::conf
