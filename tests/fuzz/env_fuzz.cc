// ${NAME} in values: expanded as a second reading of the rules says; what is escaped comes back.
#include <optional>

#include "conf/text/env.h"
#include "conf/text/text.h"
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

// Where the "}" stands that closes the "${" before `begin`; npos: nowhere.
size_t FindClose(std::string_view text, size_t begin) {
  size_t open = 1;
  for (size_t i = begin; i < text.size(); ++i) {
    if (text[i] == '}' && --open == 0) return i;
    if (text.substr(i, 3) == "$${") {
      i += 2;
    } else if (text.substr(i, 2) == "${") {
      ++open;
      ++i;
    }
  }
  return text.npos;
}

// Backwards from the rules: the text is cut at each "${", escaped or not. `used`: whether the
// variables count, or only the syntax.
std::optional<std::string> Reference(std::string_view text, bool used = true, size_t depth = 1) {
  const size_t at = text.find("${");
  if (at == text.npos) return std::string(text);
  if (at > 0 && text[at - 1] == '$') {
    const auto rest = Reference(text.substr(at + 2), used, depth);
    if (!rest) return std::nullopt;
    return std::string(text.substr(0, at - 1)) + "${" + *rest;
  }
  const size_t first_end = text.find('}', at);
  if (first_end == text.npos || depth > conf::kMaxEnvDepth) return std::nullopt;
  const size_t otherwise = text.substr(0, first_end).find(":-", at);
  const bool has_default = otherwise != text.npos;
  const size_t end = has_default ? FindClose(text, otherwise + 2) : first_end;
  if (end == text.npos) return std::nullopt;
  const size_t name_end = has_default ? otherwise : end;
  const std::string name(text.substr(at + 2, name_end - at - 2));
  if (!IsName(name)) return std::nullopt;
  std::optional<std::string> value = TestEnv()(name);
  if (has_default) {
    const bool takes_default = !value || value->empty();
    const auto replaced = Reference(text.substr(otherwise + 2, end - otherwise - 2),
                                    used && takes_default, depth + 1);
    if (!replaced) return std::nullopt;
    if (takes_default) value = replaced;
  }
  if (used && (!value || conf::HasControlCharacter(*value) || conf::FindInvalidUtf8(*value))) {
    return std::nullopt;
  }
  const auto rest = Reference(text.substr(end + 1), used, depth);
  if (!rest) return std::nullopt;
  return std::string(text.substr(0, at)) + value.value_or("") + *rest;
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
      .words = {"${",    "}",    "$",        "$$",   "$${",  ":-",          "A",        "NESTED",
                "EMPTY", "BELL", "LATIN",    "NONE", "${A}", "${EMPTY:-x}", "${NONE:-", "${A:-",
                "_",     "1",    "\xC3\xA9", "\xff", " ",    "\n"},
      .random_inputs = 20000,
      .max_size = 256};
  return target;
}

}  // namespace sluice::fuzz
