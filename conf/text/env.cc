#include "conf/text/env.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_replace.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

constexpr std::string_view kForms = "${NAME}, ${NAME:-default}, or $${ for a literal ${";

bool IsVariableName(std::string_view name) {
  const auto is_word = [](char c) { return IsAsciiLetter(c) || IsAsciiDigit(c) || c == '_'; };
  return !name.empty() && !IsAsciiDigit(name[0]) && std::ranges::all_of(name, is_word);
}

bool IsText(std::string_view value) {
  return !FindInvalidUtf8(value).has_value() && !HasControlCharacter(value);
}

// Reads a text from left to right; a default is such a text too, up to the "}" that closes it.
class Expansion {
 public:
  Expansion(std::string_view text, const Env& env, bool is_secret)
      : text_(text), rest_(text), env_(env), is_secret_(is_secret) {}

  // `depth`: how many "${" are open. `out` null: the default is not used, so its syntax is checked
  // and its variables need not exist.
  absl::Status Read(size_t depth, std::string* out) {
    while (!rest_.empty()) {
      if (depth > 0 && rest_[0] == '}') {
        Take(1, nullptr);
        return absl::OkStatus();
      }
      if (rest_.starts_with("$${")) {
        Take(1, nullptr);
        Take(2, out);
      } else if (rest_.starts_with("${")) {
        absl::Status status = ReadVariable(depth + 1, out);
        if (!status.ok()) return status;
      } else {
        Take(rest_.find_first_of(depth > 0 ? "$}" : "$", 1), out);
      }
    }
    return depth == 0 ? absl::OkStatus() : Unclosed();
  }

 private:
  absl::Status ReadVariable(size_t depth, std::string* out) {
    if (depth > kMaxEnvDepth) {
      return InvalidArgument(
          Cat(Shown(text_), " nests \"${\" deeper than the limit of ", kMaxEnvDepth, " levels"));
    }
    Take(2, nullptr);
    const size_t end = rest_.find('}');
    if (end == std::string_view::npos) return Unclosed();
    const std::string_view inside = rest_.substr(0, end);
    const size_t split = inside.find(":-");
    const bool has_default = split != std::string_view::npos;
    const std::string name(inside.substr(0, split));
    if (!IsVariableName(name)) {
      return InvalidArgument(
          WithAllowed(Cat(Shown(name), " is no name of an environment variable"), kForms));
    }
    std::optional<std::string> value;
    if (out != nullptr) value = env_(name);
    Take(has_default ? split + 2 : end + 1, nullptr);
    if (has_default) {
      const bool is_used = out != nullptr && value.value_or("").empty();
      if (is_used) value.emplace();
      absl::Status status = Read(depth, is_used ? &*value : nullptr);
      if (!status.ok()) return status;
    }
    return out == nullptr ? absl::OkStatus() : Append(name, value, *out);
  }

  static absl::Status Append(const std::string& name, const std::optional<std::string>& value,
                             std::string& out) {
    if (!value.has_value()) {
      return InvalidArgument(Cat("the environment variable ", Quoted(name), " is not set; ${", name,
                                 ":-default} would give it a default"));
    }
    if (!IsText(*value)) {
      std::string_view line = *value;
      if (line.ends_with('\n')) line.remove_suffix(1);
      if (line.ends_with('\r')) line.remove_suffix(1);
      return InvalidArgument(
          WithAllowed(Cat("the environment variable ", Quoted(name),
                          IsText(line) ? " ends with a newline"
                                       : " has a control character, or bytes that are not UTF-8"),
                      "UTF-8 text without control characters"));
    }
    out += *value;
    return absl::OkStatus();
  }

  absl::Status Unclosed() const {
    return InvalidArgument(
        WithAllowed(Cat(Shown(text_), " has a \"${\" without its \"}\""), kForms));
  }

  std::string Shown(std::string_view text) const {
    return is_secret_ ? "what stands here" : Quoted(text);
  }

  // Moves on by `count` bytes, which go to `out` if there is one.
  void Take(size_t count, std::string* out) {
    count = std::min(count, rest_.size());
    if (out != nullptr) *out += rest_.substr(0, count);
    rest_.remove_prefix(count);
  }

  const std::string_view text_;
  std::string_view rest_;
  const Env& env_;
  const bool is_secret_;
};

}  // namespace

Env ProcessEnv() {
  return [](const std::string& name) -> std::optional<std::string> {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here sets the environment
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

absl::StatusOr<std::string> ExpandEnv(std::string_view text, const Env& env, bool is_secret) {
  std::string expanded;
  absl::Status status = Expansion(text, env, is_secret).Read(/*depth=*/0, &expanded);
  if (!status.ok()) return status;
  return expanded;
}

std::string EscapeEnv(std::string_view text) {
  return absl::StrReplaceAll(Piece(text), {{"${", "$${"}});
}

}  // namespace sluice::conf
