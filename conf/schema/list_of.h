// Lists of the schema over vectors of the configuration.
#ifndef SLUICE_CONF_SCHEMA_LIST_OF_H_
#define SLUICE_CONF_SCHEMA_LIST_OF_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "conf/schema/shape.h"

namespace sluice::conf {

// A list whose new items are copies of `fresh`; `shape` gives the Shape of an item.
template <typename Item>
List ListOf(std::string_view what, std::vector<Item>& items,
            std::type_identity_t<Shape (*)(Item&)> shape, const Item& fresh = {}) {
  return {.what = std::string(what),
          .size = [&items] { return items.size(); },
          .add = [&items, fresh] { items.push_back(fresh); },
          .item = [&items, shape](size_t i) { return shape(items[i]); }};
}

template <typename Item>
List OneOrListOf(std::string_view what, std::vector<Item>& items,
                 std::type_identity_t<Shape (*)(Item&)> shape) {
  List list = ListOf(what, items, shape);
  list.takes_single = true;
  return list;
}

}  // namespace sluice::conf

#endif  // SLUICE_CONF_SCHEMA_LIST_OF_H_
