// The line of an agent: cut from its pieces like from all of it, and its words read as a second
// reading of the rules says.
#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/upstream/health/agent_words.h"
#include "tests/fuzz/target.h"

namespace sluice::fuzz {
namespace {

using proxy::AgentLine;
using proxy::AgentReport;

enum Mistake : size_t { kNone, kForgetsPieces, kFirstCounts, kReadsReason };

struct Known {
  std::optional<unsigned> percent, weight, max_connections;
  std::string operation, wish, unknown;
  bool operator==(const Known&) const = default;
};

// The number of decimal digits that `text` is; none: it is something else, or above `most`.
std::optional<unsigned> Number(const std::string& text, size_t digits) {
  const bool is_one = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (!is_one) return std::nullopt;
  const size_t first = std::min(text.find_first_not_of('0'), text.size() - 1);
  const std::string bare = text.substr(first);
  return bare.size() > digits ? 999'999'999u : static_cast<unsigned>(std::stoul(bare));
}

void ReadWord(std::string word, Known& known, size_t mistake) {
  const std::string as_is = word;
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto set = [mistake](std::string& field, const std::string& value) {
    if (mistake != kFirstCounts || field.empty()) field = value;
  };
  const auto value = [&word](const std::string& name, unsigned most) -> std::optional<unsigned> {
    if (!word.starts_with(name)) return std::nullopt;
    const auto number = Number(word.substr(name.size()), 8);
    return number && *number <= most ? number : std::nullopt;
  };
  if (word == "up" || word == "down" || word == "fail" || word == "stopped") {
    set(known.operation, word);
  } else if (word == "ready" || word == "drain" || word == "maint") {
    set(known.wish, word);
  } else if (const auto most = value("maxconn:", 10'000'000)) {
    known.max_connections = most;
  } else if (const auto weight = value("weight:", 256)) {
    known.weight = weight;
    known.percent.reset();
  } else if (const auto percent = Number(word.substr(0, word.find_last_not_of('%') + 1), 8);
             percent && word.size() > 1 && word.find('%') == word.size() - 1) {
    known.percent = std::min(*percent, 25600u);
    known.weight.reset();
  } else if (known.unknown.empty()) {
    known.unknown = as_is;
  }
}

Known Reference(const std::string& line, size_t mistake) {
  Known known;
  std::string word;
  for (const char c : line + " ") {
    if (c == '#' && word.empty() && mistake != kReadsReason) return known;
    if (c != ' ' && c != '\t' && c != ',') {
      word += c;
    } else if (!word.empty()) {
      ReadWord(std::exchange(word, ""), known, mistake);
    }
  }
  return known;
}

void Check(std::string_view text, size_t mistake) {
  const std::string whole(text.substr(0, text.find_first_of("\r\n")));
  const bool ends = whole.size() < text.size();
  for (const size_t piece : {size_t{1}, size_t{7}, text.size() + 1}) {
    AgentLine line;
    for (size_t i = 0; i < text.size(); i += piece) {
      if (mistake == kForgetsPieces && i == 7 && line.state() == AgentLine::State::kMore) {
        line = AgentLine();
      }
      (void)line.Take(text.substr(i, piece));
    }
    if (whole.size() > AgentLine::kLongest) {
      Expect(line.state() == AgentLine::State::kTooLong, "a line is bounded");
      continue;
    }
    if (!ends) (void)line.End();
    const bool is_there = ends || !whole.empty();
    Expect(is_there == (line.state() == AgentLine::State::kDone), "the end of a line");
    Expect(line.text() == whole, "the line", whole);
  }
  const AgentReport report = proxy::ReadAgentWords(whole);
  const Known is = {report.percent,           report.weight,
                    report.max_connections,   std::string(report.operation),
                    std::string(report.wish), std::string(report.unknown)};
  Expect(is == Reference(whole, mistake), "the words", whole);
  Expect(!report.percent || !report.weight, "a percentage or a weight", whole);
}

}  // namespace

const Target& TheTarget() {
  static const Target target = {.name = "agent_words",
                                .run = Check,
                                .mistakes = {"a piece forgets the one before",
                                             "of two words the first counts", "a reason is words"},
                                .words = {"up",          "down",
                                          "fail",        "stopped",
                                          "ready",       "drain",
                                          "maint",       "75%",
                                          "0%",          "25601%",
                                          "weight:",     "maxconn:",
                                          "10",          "257",
                                          "#",           " ",
                                          ",",           "\t",
                                          "\n",          "\r",
                                          "UP",          "%",
                                          "-",           "00",
                                          "99999999999", std::string(1100, 'x')},
                                .random_inputs = 10000,
                                .max_size = 80};
  return target;
}

}  // namespace sluice::fuzz
