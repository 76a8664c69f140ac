#include "conf/schema/keys.h"

#include <string_view>
#include <utility>
#include <variant>

#include "conf/config.h"
#include "conf/schema/schema.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

// Of all keys below `prefix`, or only of those of one mapping.
class KeyWalker : public Visitor {
 public:
  KeyWalker(std::string prefix, bool is_deep, const LookAtKey& look)
      : prefix_(std::move(prefix)), is_deep_(is_deep), look_(look) {}

  void Field(std::string_view key, const Shape& shape, Presence presence) override {
    const std::string path = Cat(prefix_, key);
    look_(path, shape, presence);
    if (is_deep_) Enter(path, shape);
  }

 private:
  void Enter(const std::string& path, const Shape& shape) {
    if (const auto* map = std::get_if<Map>(&shape)) {
      KeyWalker inner(path + ".", true, look_);
      map->fields(inner);
    } else if (const auto* list = std::get_if<List>(&shape)) {
      list->add();
      Enter(path + "[]", list->item(list->size() - 1));
    }
  }

  const std::string prefix_;
  const bool is_deep_;
  const LookAtKey& look_;
};

}  // namespace

void ForEachKey(const LookAtKey& look) {
  Config scratch;
  KeyWalker walker("", /*is_deep=*/true, look);
  Describe(scratch).fields(walker);
}

std::vector<std::string> KnownKeys() {
  std::vector<std::string> keys;
  ForEachKey([&keys](const std::string& path, const Shape&, Presence) { keys.push_back(path); });
  return keys;
}

std::vector<std::string> KeysOf(const Map& map) {
  std::vector<std::string> keys;
  const LookAtKey add = [&keys](const std::string& key, const Shape&, Presence) {
    keys.push_back(key);
  };
  KeyWalker walker("", /*is_deep=*/false, add);
  map.fields(walker);
  return keys;
}

std::string AllowedFor(const Shape& shape) {
  if (const auto* scalar = std::get_if<Scalar>(&shape)) return scalar->allowed;
  if (const auto* map = std::get_if<Map>(&shape)) {
    const std::string keys = Cat("a mapping with the keys ", JoinNames(KeysOf(*map)));
    return map->shorthand.empty() ? keys : Cat("one ", map->shorthand, ", or ", keys);
  }
  const auto& list = std::get<List>(shape);
  if (list.takes_single) return Cat(list.what, ", or a list of these");
  return Cat(list.may_be_empty ? "a list, each item " : "a list of at least one ", list.what);
}

}  // namespace sluice::conf
