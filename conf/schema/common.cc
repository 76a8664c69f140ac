#include "conf/schema/common.h"

#include <unordered_map>
#include <vector>

namespace sluice::conf {
namespace {

template <typename Item>
using ByName = std::unordered_map<std::string_view, const Item*>;

// Empty: one name is there twice.
template <typename Item>
ByName<Item> IndexOf(const std::vector<Item>& items) {
  ByName<Item> index;
  index.reserve(items.size());
  for (const Item& item : items) {
    if (!index.emplace(item.name, &item).second) return {};
  }
  return index;
}

template <typename Item>
std::unordered_set<std::string_view> SameItems(const std::vector<Item>& before,
                                               const std::vector<Item>& after) {
  std::unordered_set<std::string_view> same;
  const ByName<Item> old = IndexOf(before);
  for (const auto& [name, item] : IndexOf(after)) {
    const auto was = old.find(name);
    if (was != old.end() && *was->second == *item) same.insert(was->first);
  }
  return same;
}

}  // namespace

Common::Common(const Config& before, const Config& after)
    : before_(before),
      after_(after),
      listeners_(SameItems(before.listeners, after.listeners)),
      upstreams_(SameItems(before.upstreams, after.upstreams)) {}

}  // namespace sluice::conf
