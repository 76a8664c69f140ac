#include "conf/env.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_replace.h"
#include "conf/text.h"

namespace sluice::conf {
namespace {

constexpr std::string_view kForms = ", allowed: ${NAME}, ${NAME:-default}, or $${ for a literal ${";

bool IsVariableName(std::string_view name) {
  const auto is_word = [](char c) { return IsAsciiLetter(c) || IsAsciiDigit(c) || c == '_'; };
  return !name.empty() && !IsAsciiDigit(name[0]) && std::ranges::all_of(name, is_word);
}

// The value of what stands between "${" and "}".
absl::StatusOr<std::string> Lookup(std::string_view inside, const Env& env) {
  const size_t split = inside.find(":-");
  const bool has_default = split != std::string_view::npos;
  const std::string name(inside.substr(0, split));
  if (!IsVariableName(name)) {
    return InvalidArgument(Cat("found the environment variable name ", Quoted(name), kForms));
  }
  std::optional<std::string> value = env(name);
  if (has_default && value.value_or("").empty()) value = std::string(inside.substr(split + 2));
  if (!value.has_value()) {
    return InvalidArgument(Cat("environment variable ", Quoted(name),
                               " is not set, allowed: a set one, or ${", name, ":-default}"));
  }
  if (FindInvalidUtf8(*value).has_value() || HasControlCharacter(*value)) {
    return InvalidArgument(Cat("environment variable ", Quoted(name), " holds ", Quoted(*value),
                               ", allowed: UTF-8 without control characters"));
  }
  return *std::move(value);
}

}  // namespace

Env ProcessEnv() {
  return [](const std::string& name) -> std::optional<std::string> {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here sets the environment
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

absl::StatusOr<std::string> ExpandEnv(std::string_view text, const Env& env) {
  std::string expanded;
  std::string_view rest = text;
  for (size_t dollar = rest.find('$'); dollar != std::string_view::npos; dollar = rest.find('$')) {
    expanded += rest.substr(0, dollar);
    rest.remove_prefix(dollar);
    if (rest.starts_with("$${")) {
      expanded += "${";
      rest.remove_prefix(3);
    } else if (rest.starts_with("${")) {
      const size_t end = rest.find('}');
      if (end == std::string_view::npos) {
        return InvalidArgument(Cat(Found(text), " with \"${\" that is not closed", kForms));
      }
      absl::StatusOr<std::string> value = Lookup(rest.substr(2, end - 2), env);
      if (!value.ok()) return value;
      expanded += *value;
      rest.remove_prefix(end + 1);
    } else {
      expanded += '$';
      rest.remove_prefix(1);
    }
  }
  expanded += rest;
  return expanded;
}

std::string EscapeEnv(std::string_view text) {
  return absl::StrReplaceAll(Piece(text), {{"${", "$${"}});
}

}  // namespace sluice::conf
