#include "conf/reader/advice.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <variant>

#include "conf/reader/secrets.h"
#include "conf/reader/unknown_key.h"
#include "conf/reader/vocabulary.h"
#include "conf/text/characters.h"
#include "conf/text/guess.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

// Leaves the field as it was: a value that is only suggested must not be seen by later checks.
class Restored {
 public:
  explicit Restored(const Scalar& scalar) : scalar_(scalar), before_(scalar.format()) {}
  Restored(const Restored&) = delete;
  Restored& operator=(const Restored&) = delete;
  ~Restored() {
    if (scalar_.parse(before_).ok() || !scalar_.clear) return;
    scalar_.clear();
  }

 private:
  const Scalar& scalar_;
  const std::string before_;
};

// The first of what may have been meant that the scalar takes.
std::optional<std::string> Suggestion(std::string_view text, const Scalar& scalar) {
  const Restored restored(scalar);
  Guesses texts = {std::string(text)};
  const std::string clean = WithoutLookalikes(text);
  if (clean != text) texts.push_back(clean);
  for (const std::string& bare : GuessBareText(clean)) texts.push_back(bare);
  for (const std::string& each : texts) {
    if (each != text && scalar.parse(each).ok()) return each;
    if (!scalar.guess) continue;
    for (const std::string& guess : scalar.guess(each)) {
      if (guess != text && scalar.parse(guess).ok()) return guess;
    }
  }
  return std::nullopt;
}

bool IsNameCharacter(char c) { return IsAsciiLetter(c) || IsAsciiDigit(c) || c == '_'; }

// "$APP:3000" as "${APP}:3000"; likewise $(APP), %APP% and {{APP}}.
std::optional<std::string> WithBraces(std::string_view text) {
  for (const auto& [open, close] : {std::pair<std::string_view, std::string_view>("$(", ")"),
                                    {"{{", "}}"},
                                    {"$", ""},
                                    {"%", "%"}}) {
    const size_t at = text.find(open);
    if (at == text.npos) continue;
    std::string_view rest = text.substr(at + open.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    const auto end =
        static_cast<size_t>(std::ranges::find_if_not(rest, IsNameCharacter) - rest.begin());
    const std::string_view name = rest.substr(0, end);
    rest.remove_prefix(end);
    rest.remove_prefix(std::min(rest.find_first_not_of(close.size() > 1 ? " " : ""), rest.size()));
    if (name.empty() || IsAsciiDigit(name[0]) || !rest.starts_with(close)) continue;
    return Cat(text.substr(0, at), "${", name, "}", rest.substr(close.size()));
  }
  return std::nullopt;
}

// `{[::]: 80}` and `{127.0.0.1: 80}` were meant as one text.
std::string Joined(const Node& map) {
  if (map.entries.size() != 1) return "";
  const Node& key = *map.entries[0].key;
  const Node& value = *map.entries[0].value;
  if (value.kind != Node::Kind::kText) return "";
  if (key.kind == Node::Kind::kText) return Cat(key.text, ":", value.text);
  if (key.kind != Node::Kind::kList) return "";
  const bool is_host = key.items.size() == 1 && key.items[0]->kind == Node::Kind::kText;
  return Cat("[", is_host ? key.items[0]->text : "::", "]:", value.text);
}

// `{address: 127.0.0.1, port: 80}`, in whatever words.
std::string HostAndPort(const Node& map) {
  std::string host;
  std::string port;
  for (const Node::Entry& entry : map.entries) {
    if (entry.key->kind != Node::Kind::kText || entry.value->kind != Node::Kind::kText) continue;
    const std::string& key = entry.key->text;
    const bool is_port = key == "port" || key == "port_value";
    (is_port ? port : host) = entry.value->text;
  }
  return Cat(host, ":", port);
}

std::string AdviceForMapInstead(const Node& node, const Scalar& scalar) {
  const Restored restored(scalar);
  const std::string joined = Joined(node);
  const bool is_taken = !joined.empty() && scalar.parse(joined).ok();
  if (joined.starts_with('[')) {
    const std::string suggestion = is_taken ? Cat("; did you mean \"", joined, "\"?") : "";
    return Cat(": quotes are needed around an IPv6 address here", suggestion);
  }
  if (is_taken) return WithSuggestion(": a blank behind a \":\" makes one", joined);
  const std::string address = HostAndPort(node);
  if (scalar.parse(address).ok()) return WithSuggestion("", address);
  return "";
}

bool IsAnyKey(std::string_view word) {
  return IsKeySomewhere(word) || FindForeign(word) != nullptr;
}

struct Split {
  std::string_view key;
  std::string_view value;
  std::string_view between;  // ":", "=", " = " or blanks
};

// A line that begins with a key of ours and goes on without the ": " that belongs behind it.
std::optional<Split> SplitAfterKey(std::string_view line) {
  const auto end =
      static_cast<size_t>(std::ranges::find_if_not(line, IsNameCharacter) - line.begin());
  if (end == 0 || end == line.size() || !IsAnyKey(line.substr(0, end))) return std::nullopt;
  const std::string_view rest = line.substr(end);
  if (rest.starts_with(":/")) return std::nullopt;  // a URL, a path
  size_t value = std::min(rest.find_first_not_of(" \t"), rest.size());
  const bool has_mark = value < rest.size() && (rest[value] == ':' || rest[value] == '=');
  const bool is_colon = has_mark && rest[value] == ':';
  if (has_mark) ++value;
  if (is_colon && (value == rest.size() || rest[value] == ' ')) return std::nullopt;
  const size_t begin = std::min(rest.find_first_not_of(" \t", value), rest.size());
  if (begin == rest.size() || (!has_mark && begin == 0)) return std::nullopt;
  return Split{line.substr(0, end), rest.substr(begin), rest.substr(0, begin)};
}

std::string DescribeSplit(const Split& split) {
  const std::string_view why = split.between.starts_with(':') ? "a blank is missing behind "
                               : split.between.find('=') != split.between.npos
                                   ? "\"=\" stands where \": \" is needed behind "
                                   : "a \":\" is missing behind ";
  const bool is_colon = split.between.starts_with(':');
  const std::string what =
      Cat(why, Quoted(is_colon ? Cat(split.key, ":") : std::string(split.key)));
  const bool hides = NamesSecret(split.key) || NamesSecret(split.value);
  return hides ? what : WithSuggestion(what, Cat(split.key, ": ", split.value));
}

}  // namespace

std::string AdviceForValue(std::string_view text, const absl::Status& why, const Scalar& scalar) {
  std::string message = Message(why);
  if (const std::optional<Lookalike> odd = FindLookalike(text)) {
    message = Cat(Quoted(text), " has ", odd->what, ", as its character ", odd->character);
  } else if (const std::optional<std::string> braces = WithBraces(text)) {
    return WithSuggestion(Cat(message, " (a variable is written ${NAME})"), *braces);
  }
  if (message.ends_with('?')) return message;
  const std::optional<std::string> suggestion = Suggestion(text, scalar);
  return suggestion.has_value() ? WithSuggestion(message, *suggestion) : message;
}

std::string AdviceForType(const Node& node, const Shape& shape) {
  if (node.kind != Node::Kind::kMap && MayBeSecret(shape)) return "";
  if (const auto* scalar = std::get_if<Scalar>(&shape)) {
    if (node.kind == Node::Kind::kMap) {
      return scalar->is_secret ? "" : AdviceForMapInstead(node, *scalar);
    }
    const Restored restored(*scalar);
    const bool is_one = node.kind == Node::Kind::kList && node.items.size() == 1 &&
                        node.items[0]->kind == Node::Kind::kText;
    if (is_one && scalar->parse(node.items[0]->text).ok())
      return WithSuggestion("", node.items[0]->text);
    return "";
  }
  if (node.kind == Node::Kind::kMap && std::holds_alternative<List>(shape)) {
    return ": \"- \" is needed before its first key";
  }
  if (node.kind != Node::Kind::kText) return "";
  if (const std::optional<Lookalike> odd = FindLookalike(node.text)) {
    return Cat(": its character ", odd->character, " is ", odd->what);
  }
  std::optional<Split> split = SplitAfterKey(node.text);
  if (split.has_value()) split->value = split->value.substr(0, split->value.find(' '));
  return split.has_value() ? Cat(": ", DescribeSplit(*split)) : "";
}

bool AdviseOnSyntax(std::string_view text, Position at, Errors& errors) {
  size_t begin = 0;
  for (int line = 1; begin < text.size() && line <= at.line; ++line) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view content = text.substr(begin, end - begin);
    const size_t line_begin = begin;
    begin = end + 1;
    if (line + 1 < at.line) continue;
    if (content.ends_with('\r')) content.remove_suffix(1);
    content = content.substr(0, content.find(" #"));
    const std::optional<Lookalike> odd = FindLookalike(content);
    const bool hides = NamesSecret(content);
    if (odd.has_value() && !content.starts_with('#')) {
      const std::string what = Cat("this line has ", odd->what, ": YAML takes it for a letter");
      errors.Add(PositionOf(text, line_begin + odd->offset),
                 hides ? what : WithSuggestion(what, WithoutLookalikes(content)));
      return true;
    }
    size_t first = std::min(content.find_first_not_of(' '), content.size());
    const std::string_view dashed = content.substr(first);
    const size_t colon = std::min(dashed.find(':'), dashed.size());
    if (dashed.starts_with('-') && colon > 1 && IsAnyKey(dashed.substr(1, colon - 1))) {
      const std::string what = "a blank is missing behind the \"-\"";
      errors.Add(PositionOf(text, line_begin + first),
                 hides ? what : WithSuggestion(what, Cat("- ", dashed.substr(1))));
      return true;
    }
    first = std::min(content.find_first_not_of(" -"), content.size());
    if (const std::optional<Split> split = SplitAfterKey(content.substr(first))) {
      errors.Add(PositionOf(text, line_begin + first), DescribeSplit(*split));
      return true;
    }
  }
  return false;
}

}  // namespace sluice::conf
