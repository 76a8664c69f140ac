// The lines of an access list's file: rules, or an error in that line, as a second reading says;
// and a rule that was read is the same when it is written and read again.
#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "conf/access_files.h"
#include "tests/fuzz/target.h"

namespace sluice::fuzz {
namespace {

using conf::AccessRule;

enum Mistake : size_t { kNone, kCommentIsText, kAnyVerb, kForgetsALine };

struct Line {
  bool is_empty = true;
  bool is_right = false;
};

Line Reference(std::string line, size_t mistake) {
  if (const size_t comment = line.find('#'); comment != line.npos && mistake != kCommentIsText) {
    line.resize(comment);
  }
  for (char& c : line) {
    // Blanks of a line are these; a stream would take others, too.
    if (c == '\v' || c == '\f') c = '\x01';
  }
  std::istringstream words(line);
  std::vector<std::string> found;
  for (std::string word; words >> word;) found.push_back(word);
  if (found.empty()) return {};
  const bool verb = found[0] == "allow" || found[0] == "deny" || mistake == kAnyVerb;
  return {.is_empty = false,
          .is_right = verb && found.size() == 2 && core::Network::Parse(found[1]).ok()};
}

void Check(std::string_view text, size_t mistake) {
  conf::Errors errors("list");
  const std::vector<AccessRule> rules = conf::ParseAccessRules(text, errors);
  const std::vector<conf::Error> wrong = errors.Take();
  uint32_t number = mistake == kForgetsALine ? 1 : 0;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const auto rule = std::ranges::find(rules, number, &AccessRule::line);
    const bool is_wrong = std::ranges::any_of(
        wrong, [&](const conf::Error& error) { return error.at.line == static_cast<int>(number); });
    const Line expected = Reference(line, mistake);
    Expect((rule != rules.end()) == expected.is_right, "a right line is a rule", line);
    Expect(is_wrong == (!expected.is_empty && !expected.is_right), "a wrong line is an error",
           line);
  }
  for (const AccessRule& rule : rules) {
    const auto again = core::Network::Parse(rule.network.ToString());
    Expect(again.ok() && *again == rule.network, "a network is what its text says",
           rule.network.ToString());
  }
}

}  // namespace

const Target& TheTarget() {
  static const Target target = {
      .name = "access_rules",
      .run = Check,
      .mistakes = {"a comment is text", "any verb is one", "a line is forgotten"},
      .words = {"allow ",    "deny ", "allow", "10.0.0.0/8", "2001:db8::/32",
                "192.0.2.1", "::1",   "/",     "/33",        "#",
                " ",         "\t",    "\r",    "\n",         "\n",
                "\n",        ".",     ":",     "0",          "1",
                "ffff"},
      .random_inputs = 20000,
      .max_size = 60};
  return target;
}

}  // namespace sluice::fuzz
