// The target of a request to the admin endpoint: taken apart as a second reading of the rules says,
// and what is written out again is taken apart the same way.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/admin/http/target.h"
#include "tests/fuzz/target.h"

namespace sluice::fuzz {
namespace {

using proxy::HttpTarget;

enum Mistake : size_t { kNone, kDecodesFirst, kPlusInPaths, kForgetsEmptySegments };

// From the end to the beginning: what follows a "%" stands for a byte.
std::optional<std::string> Decoded(std::string_view text, bool is_query) {
  std::string reversed;
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t percent = rest.rfind('%');
    if (percent != rest.npos && percent + 3 > rest.size()) return std::nullopt;
    if (percent != rest.npos && percent + 3 == rest.size()) {
      const std::string digits(rest.substr(percent + 1));
      if (digits.find_first_not_of("0123456789abcdefABCDEF") != digits.npos) return std::nullopt;
      reversed += static_cast<char>(std::stoi(digits, nullptr, 16));
      rest.remove_suffix(3);
    } else {
      reversed += is_query && rest.back() == '+' ? ' ' : rest.back();
      rest.remove_suffix(1);
    }
  }
  return std::string(reversed.rbegin(), reversed.rend());
}

std::optional<HttpTarget> Reference(std::string_view text) {
  if (text.empty() || text[0] != '/' || text.size() > proxy::kMostTarget) return std::nullopt;
  HttpTarget target;
  const size_t question = std::min(text.find('?'), text.size());
  const std::string_view path = text.substr(1, question - 1);
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const auto segment = Decoded(path.substr(begin, end - begin), /*is_query=*/false);
    if (!segment) return std::nullopt;
    target.segments.push_back(*segment);
    begin = end + 1;
  }
  for (size_t begin = question + 1; begin < text.size();) {
    const size_t end = std::min(text.find('&', begin), text.size());
    const std::string_view pair = text.substr(begin, end - begin);
    begin = end + 1;
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    const auto name = Decoded(pair.substr(0, equals), /*is_query=*/true);
    const auto value = Decoded(equals < pair.size() ? pair.substr(equals + 1) : "", true);
    if (!name || !value) return std::nullopt;
    target.queries.emplace_back(*name, *value);
  }
  return target;
}

std::optional<HttpTarget> Parse(std::string text, size_t mistake) {
  if (mistake == kDecodesFirst) {
    for (size_t at; (at = text.find("%2F")) != text.npos;) text.replace(at, 3, "/");
  }
  auto target = proxy::ParseHttpTarget(text);
  if (!target) return target;
  if (mistake == kPlusInPaths) {
    for (std::string& segment : target->segments) {
      for (char& c : segment) c = c == '+' ? ' ' : c;
    }
  }
  if (mistake == kForgetsEmptySegments) std::erase(target->segments, "");
  return target;
}

std::string Written(const HttpTarget& target) {
  std::string text;
  for (const std::string& segment : target.segments) {
    text += "/" + proxy::PercentEncoded(segment);
  }
  // A last segment that is empty needs the slash behind it.
  if (target.segments.empty() || target.segments.back().empty()) text += "/";
  char before = '?';
  for (const auto& [name, value] : target.queries) {
    text += before + proxy::PercentEncoded(name) + "=" + proxy::PercentEncoded(value);
    before = '&';
  }
  return text;
}

bool IsSame(const std::optional<HttpTarget>& a, const std::optional<HttpTarget>& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  return a->segments == b->segments && a->queries == b->queries;
}

void Check(std::string_view text, size_t mistake) {
  const std::optional<HttpTarget> target = Parse(std::string(text), mistake);
  Expect(IsSame(target, Reference(text)), "taken apart as the rules say", text);
  if (!target) return;
  if (!target->queries.empty()) {
    const auto& [name, value] = target->queries.front();
    Expect(target->Query(name) == value, "a query is found by its name", text);
  }
  const std::string written = Written(*target);
  if (written.size() <= proxy::kMostTarget) {
    Expect(IsSame(Parse(written, kNone), target), "written and taken apart", text);
  }
}

}  // namespace

const Target& TheTarget() {
  static const Target target = {
      .name = "http_target",
      .run = Check,
      .mistakes = {"decoded before it is split", "a + of a path is a blank",
                   "empty segments are dropped"},
      .words = {"/", "api", "?", "&", "=", "%2F", "%2f", "%", "%00", "%zz", "+", "//", "a", "%25"},
      .random_inputs = 20000,
      .max_size = 60};
  return target;
}

}  // namespace sluice::fuzz
