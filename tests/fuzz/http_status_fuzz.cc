// The status of an HTTP answer: found or not as a second reading of the rules says, whatever the
// pieces that it comes in.
#include <algorithm>
#include <optional>
#include <string>

#include "proxy/upstream/health/http_status.h"
#include "tests/fuzz/target.h"

namespace sluice::fuzz {
namespace {

using proxy::HttpStatus;

enum Mistake : size_t { kNone, kAnyVersion, kNoEnd, kForgetsPieces };

bool IsDigit(char c) { return std::string_view("0123456789").find(c) != std::string_view::npos; }

// The code; 0: it is none; nothing: more has to come.
std::optional<int> Reference(std::string_view text) {
  const std::string_view begin = "HTTP/1.";
  const size_t common = std::min(text.size(), begin.size());
  if (text.substr(0, common) != begin.substr(0, common)) return 0;
  const std::string_view pattern = "V CdeE";  // version, blank, the code, its end
  for (size_t i = 0; i < pattern.size() && i + common < text.size(); ++i) {
    const char c = text[i + common];
    const bool fits = pattern[i] == ' '   ? c == ' '
                      : pattern[i] == 'E' ? c == ' ' || c == '\r' || c == '\n'
                      : pattern[i] == 'C' ? IsDigit(c) && c != '0' && c < '6'
                                          : IsDigit(c);
    if (!fits) return 0;
  }
  if (text.size() < begin.size() + pattern.size()) return std::nullopt;
  return std::stoi(std::string(text.substr(begin.size() + 2, 3)));
}

std::optional<int> Read(std::string_view text, size_t piece, size_t mistake) {
  HttpStatus status;
  if (mistake == kAnyVersion && text.starts_with("HTTP/2 ")) return 200;
  for (size_t i = 0; i < text.size(); i += piece) {
    if (mistake == kForgetsPieces && i > 0 && piece > 4) status = HttpStatus();
    if (status.Take(text.substr(i, piece)) != HttpStatus::State::kMore) break;
  }
  if (mistake == kNoEnd && status.state() == HttpStatus::State::kMore && text.size() == 12) {
    return status.code();
  }
  switch (status.state()) {
    case HttpStatus::State::kMore:
      return std::nullopt;
    case HttpStatus::State::kDone:
      return status.code();
    case HttpStatus::State::kBad:
      return 0;
  }
  return 0;
}

void Check(std::string_view text, size_t mistake) {
  const std::optional<int> is = Reference(text);
  for (const size_t piece : {size_t{1}, size_t{5}, text.size() + 1}) {
    Expect(Read(text, piece, mistake) == is, "the status", std::string(text));
  }
}

}  // namespace

const Target& TheTarget() {
  static const Target target = {
      .name = "http_status",
      .run = Check,
      .mistakes = {"HTTP/2 is HTTP/1", "a code without its end", "a piece forgets the one before"},
      .words = {"HTTP/1.1 200 OK\r\n", "HTTP/1.0 503\r\n", "HTTP/1.", "HTTP/2 200 ", "HTTP/1.1 404",
                "0", "1", "2", "6", " ", "\r", "\n", "200", "HTTP"},
      .random_inputs = 20000,
      .max_size = 40};
  return target;
}

}  // namespace sluice::fuzz
