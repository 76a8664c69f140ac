// What the steps of an exchange expect: found or not as a plain search says, whatever the pieces
// that the answer comes in. An input is the expected texts, one a line, an empty line and the
// answer.
#include <optional>
#include <string>
#include <vector>

#include "proxy/upstream/health/exchange.h"
#include "tests/fuzz/target.h"

namespace sluice::fuzz {
namespace {

using proxy::Exchange;
using Wants = Exchange::Wants;

enum Mistake : size_t { kNone, kForgetsPieces, kFindsTwice, kNoBound };

struct Input {
  std::vector<std::string> expected;
  std::string answer;
};

Input Parse(std::string_view text) {
  Input input;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) break;
    input.expected.emplace_back(line);
  }
  // A "~" stands for a lot of an answer.
  for (const char c : text) input.answer += c == '~' ? std::string(20000, '.') : std::string(1, c);
  return input;
}

// How many steps pass, and whether the answer is too long for the next.
struct Outcome {
  size_t steps = 0;
  bool too_much = false;
  bool operator==(const Outcome&) const = default;
};

Outcome Reference(const Input& input, size_t mistake) {
  Outcome outcome;
  const std::string_view seen =
      std::string_view(input.answer)
          .substr(0, mistake == kNoBound ? std::string::npos : Exchange::kMostAnswer);
  size_t from = 0;
  for (const std::string& text : input.expected) {
    const size_t at = seen.find(text, from);
    if (at == std::string_view::npos) {
      outcome.too_much = seen.size() < input.answer.size();
      return outcome;
    }
    from = mistake == kFindsTwice ? at : at + text.size();
    ++outcome.steps;
  }
  return outcome;
}

Outcome Run(const Input& input, size_t piece, size_t mistake) {
  proxy::ExchangeSteps steps;
  for (const std::string& text : input.expected) {
    steps.push_back({.send = "x", .expect = proxy::SoughtText(text)});
  }
  std::optional<Exchange> exchange(steps);
  Outcome outcome;
  std::string_view left = input.answer;
  while (exchange->wants() != Wants::kNothing) {
    if (exchange->wants() == Wants::kSend) {
      exchange->Sent();
      continue;
    }
    if (exchange->wants() == Wants::kTooMuch) {
      outcome.too_much = true;
      break;
    }
    if (left.empty()) break;
    if (mistake == kForgetsPieces && outcome.steps == 0) {
      exchange.emplace(steps);
      exchange->Sent();
    }
    left.remove_prefix(exchange->Take(left.substr(0, piece)));
    const bool goes_on = exchange->wants() != Wants::kReceive;
    if (goes_on && exchange->wants() != Wants::kTooMuch) ++outcome.steps;
  }
  (void)exchange->Answer();
  if (exchange->wants() == Wants::kReceive) (void)(exchange->WaitsFor() + exchange->Where());
  return outcome;
}

void Check(std::string_view text, size_t mistake) {
  const Input input = Parse(text);
  const Outcome is = Reference(input, mistake);
  for (const size_t piece : {size_t{1}, size_t{5}, input.answer.size() + 1}) {
    const Outcome run = Run(input, piece, mistake);
    Expect(run == is, "the steps that pass", std::string(text));
  }
}

}  // namespace

const Target& TheTarget() {
  static const Target target = {
      .name = "exchange",
      .run = Check,
      .mistakes = {"a piece forgets the one before", "bytes are found by two steps",
                   "an answer may have any size"},
      .words = {"ab", "aab", "ba", "a", "b", "\n", "\n\n", "+PONG\r", "+PO", "NG\r", "~", "~~~~",
                "."},
      .random_inputs = 5000,
      .max_size = 60};
  return target;
}

}  // namespace sluice::fuzz
