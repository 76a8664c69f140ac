#include "conf/schema/keys.h"

#include <string_view>
#include <utility>
#include <variant>

#include "conf/config.h"
#include "conf/schema/schema.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

class KeyLister : public Visitor {
 public:
  KeyLister(std::string prefix, bool is_deep, std::vector<std::string>& keys)
      : prefix_(std::move(prefix)), is_deep_(is_deep), keys_(keys) {}

  void Field(std::string_view key, const Shape& shape, Presence) override {
    const std::string path = Cat(prefix_, key);
    keys_.push_back(path);
    if (is_deep_) Enter(path, shape);
  }

 private:
  void Enter(const std::string& path, const Shape& shape) {
    if (const auto* map = std::get_if<Map>(&shape)) {
      KeyLister inner(path + ".", true, keys_);
      map->fields(inner);
    } else if (const auto* list = std::get_if<List>(&shape)) {
      list->add();
      Enter(path + "[]", list->item(list->size() - 1));
    }
  }

  const std::string prefix_;
  const bool is_deep_;
  std::vector<std::string>& keys_;
};

}  // namespace

std::vector<std::string> KnownKeys() {
  Config scratch;
  std::vector<std::string> keys;
  KeyLister lister("", /*is_deep=*/true, keys);
  Describe(scratch).fields(lister);
  return keys;
}

std::vector<std::string> KeysOf(const Map& map) {
  std::vector<std::string> keys;
  KeyLister lister("", /*is_deep=*/false, keys);
  map.fields(lister);
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
