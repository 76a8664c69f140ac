// ${NAME} in values: expanded as a second reading of the rules says; what is escaped comes back.
#include <optional>

#include "conf/env.h"
#include "conf/text.h"
#include "tests/fuzz/target.h"

namespace sluice::fuzz {
namespace {

enum Mistake : size_t { kNone, kTwice, kEmptyIsSet, kEatsDollar };

const conf::Env& TestEnv() {
  static const conf::Env env = [](const std::string& name) -> std::optional<std::string> {
    if (name == "A") return "one";
    if (name == "NESTED") return "${A}";
    if (name == "EMPTY") return "";
    if (name == "BELL") return "\a";
    if (name == "LATIN") return "\xe9";
    return std::nullopt;
  };
  return env;
}

bool IsName(std::string_view name) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
  constexpr std::string_view kDigits = "0123456789";
  if (name.empty() || kDigits.find(name[0]) != name.npos) return false;
  for (const char c : name) {
    if (kLetters.find(c) == name.npos && kDigits.find(c) == name.npos) return false;
  }
  return true;
}

// Backwards from the rules: the text is cut at each "${", escaped or not.
std::optional<std::string> Reference(std::string_view text) {
  const size_t at = text.find("${");
  if (at == text.npos) return std::string(text);
  if (at > 0 && text[at - 1] == '$') {
    const auto rest = Reference(text.substr(at + 2));
    if (!rest) return std::nullopt;
    return std::string(text.substr(0, at - 1)) + "${" + *rest;
  }
  const size_t end = text.find('}', at);
  if (end == text.npos) return std::nullopt;
  const std::string_view inside = text.substr(at + 2, end - at - 2);
  const size_t otherwise = inside.find(":-");
  const std::string name(inside.substr(0, otherwise));
  if (!IsName(name)) return std::nullopt;
  std::optional<std::string> value = TestEnv()(name);
  if (otherwise != inside.npos && (!value || value->empty())) value = inside.substr(otherwise + 2);
  if (!value || conf::HasControlCharacter(*value) || conf::FindInvalidUtf8(*value)) {
    return std::nullopt;
  }
  const auto rest = Reference(text.substr(end + 1));
  if (!rest) return std::nullopt;
  return std::string(text.substr(0, at)) + *value + *rest;
}

std::optional<std::string> Expand(std::string_view text, size_t mistake) {
  auto expanded = conf::ExpandEnv(text, TestEnv());
  if (!expanded.ok()) return std::nullopt;
  if (mistake == kTwice) expanded = conf::ExpandEnv(*expanded, TestEnv());
  if (!expanded.ok()) return std::nullopt;
  if (mistake == kEmptyIsSet && text.find("${EMPTY:-") != text.npos) return "";
  if (mistake == kEatsDollar && expanded->ends_with('$')) expanded->pop_back();
  return *expanded;
}

void Check(std::string_view text, size_t mistake) {
  Expect(Expand(text, mistake) == Reference(text), "expanded", text);
  const std::string escaped = conf::EscapeEnv(text);
  Expect(Expand(escaped, mistake) == text, "escaped and expanded", text);
}

}  // namespace

const Target& TheTarget() {
  static const Target target = {
      .name = "env",
      .run = Check,
      .mistakes = {"a value expanded again", "an empty variable has no default",
                   "a dollar at the end lost"},
      .words = {"${",       "}",     "$",    "$$",       "$${",  ":-",   "A",
                "NESTED",   "EMPTY", "BELL", "LATIN",    "NONE", "${A}", "${EMPTY:-x}",
                "${NONE:-", "_",     "1",    "\xC3\xA9", "\xff", " ",    "\n"},
      .random_inputs = 20000,
      .max_size = 256};
  return target;
}

}  // namespace sluice::fuzz
