#include "conf/reader/secrets.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <variant>

#include "conf/schema/keys.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

// Of the keys of one map, and of those that a plain text stands for.
class SecretFinder : public Visitor {
 public:
  void Field(std::string_view, const Shape& shape, Presence) override {
    if (const auto* scalar = std::get_if<Scalar>(&shape)) {
      found_ |= scalar->is_secret;
    } else if (const auto* map = std::get_if<Map>(&shape); map && !map->shorthand.empty()) {
      map->fields(*this);
    }
  }
  bool found() const { return found_; }

 private:
  bool found_ = false;
};

bool IsNameCharacter(char c) { return IsAsciiLetter(c) || IsAsciiDigit(c) || c == '_'; }

// As a word, not as a part of one: send_proxy does not name send.
bool HasWord(std::string_view text, std::string_view word) {
  for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    const bool begins = at == 0 || !IsNameCharacter(text[at - 1]);
    if (begins && (end == text.size() || !IsNameCharacter(text[end]))) return true;
  }
  return false;
}

std::set<std::string> SecretKeys() {
  std::set<std::string> keys;
  ForEachKey([&keys](const std::string& path, const Shape& shape, Presence) {
    if (MayBeSecret(shape)) keys.insert(path.substr(path.rfind('.') + 1));
  });
  return keys;
}

}  // namespace

bool MayBeSecret(const Shape& shape) {
  if (const auto* scalar = std::get_if<Scalar>(&shape)) return scalar->is_secret;
  if (const auto* map = std::get_if<Map>(&shape)) {
    SecretFinder finder;
    map->fields(finder);
    return finder.found();
  }
  const auto& list = std::get<List>(shape);
  if (!list.clear) return false;
  list.add();
  const bool may_be = MayBeSecret(list.item(list.size() - 1));
  list.clear();
  return may_be;
}

bool NamesSecret(std::string_view text) {
  static const std::set<std::string> keys = SecretKeys();
  return std::ranges::any_of(keys, [text](const std::string& key) { return HasWord(text, key); });
}

}  // namespace sluice::conf
