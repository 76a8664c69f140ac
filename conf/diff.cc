#include "conf/diff.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "conf/schema/common.h"
#include "conf/schema/schema.h"
#include "conf/schema/shape.h"
#include "conf/text/text.h"
#include "core/base/check.h"

namespace sluice::conf {
namespace {

struct Leaf {
  std::vector<std::string> values;
  std::vector<Content> contents = {};  // of values that name files; empty: they name none
  bool is_list = false;
  bool is_default = false;
  bool is_secret = false;
};

// In the order of the schema. Of a big configuration there are hundreds of thousands, more than a
// cache holds: what is looked for in that order is found where it is expected, and the index, which
// is made when something is not, holds no second copy of their paths and is one piece of memory.
class Leaves {
 public:
  const std::vector<std::pair<Path, Leaf>>& in_order() const { return in_order_; }

  void Add(const Path& path, Leaf leaf) { in_order_.emplace_back(path, std::move(leaf)); }

  const Leaf* Find(const Path& path) const {
    size_t nowhere = kNone;
    return Find(path, nowhere);
  }
  // `next`: where it is looked for first; then behind what was found, for the one that follows.
  const Leaf* Find(const Path& path, size_t& next) const {
    if (next >= in_order_.size() || in_order_[next].first != path) {
      const size_t found = Search(path);
      if (found == kNone) return nullptr;
      next = found;
    }
    return &in_order_[next++].second;
  }

 private:
  static constexpr size_t kNone = SIZE_MAX;

  size_t Search(const Path& path) const {
    by_hash_.reserve(in_order_.size());
    for (; indexed_ < in_order_.size(); ++indexed_) {
      const bool is_first =
          by_hash_.try_emplace(HashOf(in_order_[indexed_].first), indexed_).second;
      if (!is_first) same_hash_.push_back(indexed_);
    }
    const auto first = by_hash_.find(HashOf(path));
    if (first == by_hash_.end()) return kNone;
    if (in_order_[first->second].first == path) return first->second;
    for (const size_t other : same_hash_) {
      if (in_order_[other].first == path) return other;
    }
    return kNone;
  }
  static size_t HashOf(const Path& path) {
    size_t hash = 0;
    for (const Step& step : path) hash = hash * 31 + std::hash<std::string>()(step.name);
    return hash;
  }

  std::vector<std::pair<Path, Leaf>> in_order_;
  mutable absl::flat_hash_map<size_t, size_t> by_hash_;  // the first of each hash
  mutable std::vector<size_t> same_hash_;                // all others: there are hardly any
  mutable size_t indexed_ = 0;
};

Path Below(const Path& path, std::string_view name, bool is_item) {
  Path below = path;
  below.push_back({.name = std::string(name), .is_item = is_item});
  return below;
}

// Of an item that says nothing else: the value of the first key that it requires.
class Namer : public Visitor {
 public:
  void Field(std::string_view, const Shape& shape, Presence presence) override {
    if (presence != Presence::kRequired || !name_.empty()) return;
    if (const auto* scalar = std::get_if<Scalar>(&shape)) name_ = scalar->format();
  }
  std::string Take() { return std::move(name_); }

 private:
  std::string name_;
};

std::string NameOf(const Shape& item) {
  if (const auto* scalar = std::get_if<Scalar>(&item)) return scalar->format();
  const auto& map = std::get<Map>(item);
  if (map.identity) return map.identity();
  Namer namer;
  map.fields(namer);
  return namer.Take();
}

// Items of one name get numbers, from the second on.
class Numberer {
 public:
  std::string Unused(const std::string& name) {
    std::string unused = name;
    size_t& number = last_[name];
    while (!used_.insert(unused).second) unused = Cat(name, " (", ++number + 1, ")");
    return unused;
  }

 private:
  std::set<std::string> used_;
  std::map<std::string, size_t> last_;  // so that many of one name take no time for each other
};

// Of a scalar that is in a list: the list has its value.
bool IsScalarList(const List& list, size_t size) {
  return size > 0 && std::holds_alternative<Scalar>(list.item(0));
}

class Flattener : public Visitor {
 public:
  // `fresh`: the same part of a configuration in which nothing has been set, or null.
  Flattener(Path path, const Leaves* fresh, Path fresh_path, Leaves& leaves)
      : path_(std::move(path)),
        fresh_(fresh),
        fresh_path_(std::move(fresh_path)),
        leaves_(leaves) {}

  void Field(std::string_view key, const Shape& shape, Presence) override {
    const Path path = Below(path_, key, /*is_item=*/false);
    const Path fresh_path = Below(fresh_path_, key, /*is_item=*/false);
    if (const auto* scalar = std::get_if<Scalar>(&shape)) {
      AddLeaf(path, fresh_path, {.values = {scalar->format()}, .is_secret = scalar->is_secret});
    } else if (const auto* map = std::get_if<Map>(&shape)) {
      Flattener inner(path, fresh_, fresh_path, leaves_);
      map->fields(inner);
    } else {
      AddList(path, fresh_path, std::get<List>(shape));
    }
  }

 private:
  void AddLeaf(const Path& path, const Path& fresh_path, Leaf leaf) {
    const Leaf* const fresh = fresh_ == nullptr ? nullptr : fresh_->Find(fresh_path);
    leaf.is_default = fresh != nullptr && fresh->values == leaf.values;
    leaves_.Add(path, std::move(leaf));
  }

  void AddList(const Path& path, const Path& fresh_path, const List& list) {
    const size_t size = list.size();
    Leaf leaf;
    leaf.is_list = !IsScalarList(list, size);
    Numberer numberer;
    for (size_t i = 0; i < size; ++i) {
      const Shape item = list.item(i);
      const auto* scalar = std::get_if<Scalar>(&item);
      if (scalar != nullptr && scalar->content) leaf.contents.push_back(scalar->content());
      std::string name = NameOf(item);
      leaf.values.push_back(leaf.is_list ? numberer.Unused(name) : std::move(name));
    }
    const std::vector<std::string> names = leaf.values;
    const bool has_maps = leaf.is_list && size > 0;
    AddLeaf(path, fresh_path, std::move(leaf));
    if (!has_maps) return;
    std::vector<size_t> shown;
    for (size_t i = 0; i < size; ++i) {
      if (!list.is_common || !list.is_common(i)) shown.push_back(i);
    }
    if (!shown.empty()) AddItems(path, list, names, shown);
  }

  void AddItems(const Path& path, const List& list, const std::vector<std::string>& names,
                const std::vector<size_t>& shown) {
    // What an item has before its keys are read: it is made by the list itself.
    Leaves fresh;
    list.add();
    const Path nowhere;
    Flattener(nowhere, nullptr, nowhere, fresh).AddItem(list.item(names.size()));
    for (const size_t i : shown) {
      Flattener(Below(path, names[i], /*is_item=*/true), &fresh, nowhere, leaves_)
          .AddItem(list.item(i));
    }
  }

  void AddItem(const Shape& item) { std::get<Map>(item).fields(*this); }

  const Path path_;
  const Leaves* const fresh_;
  const Path fresh_path_;
  Leaves& leaves_;
};

// `describe` says which keys. The items that a Flattener adds to lists stay in the copy.
Leaves Flatten(const Config& config, const std::function<Map(Config&)>& describe) {
  Config fresh_config;
  Leaves fresh;
  Flattener fresh_flattener({}, nullptr, {}, fresh);
  describe(fresh_config).fields(fresh_flattener);
  Config copy = config;
  Leaves leaves;
  Flattener flattener({}, &fresh, {}, leaves);
  describe(copy).fields(flattener);
  return leaves;
}

// The files that both name, and that say something else now.
std::vector<std::string> Rewritten(const Leaf& before, const Leaf& after) {
  std::vector<std::string> rewritten;
  for (size_t i = 0; i < after.contents.size(); ++i) {
    const auto same = std::ranges::find(before.values, after.values[i]);
    const auto j = static_cast<size_t>(same - before.values.begin());
    if (j >= before.contents.size()) continue;
    const Content& was = before.contents[j];
    const Content& is = after.contents[i];
    if (was == is || was.summary.empty() || is.summary.empty()) continue;
    rewritten.push_back(Cat(Printable(after.values[i]), " says something else (", is.summary,
                            ", was ", was.summary, ")"));
  }
  return rewritten;
}

using Values = std::map<Path, std::vector<std::string>>;

// Sets the fields of an empty configuration.
class Setter : public Visitor {
 public:
  Setter(Path path, const Values& values) : path_(std::move(path)), values_(values) {}

  void Field(std::string_view key, const Shape& shape, Presence) override {
    const Path path = Below(path_, key, /*is_item=*/false);
    if (const auto* map = std::get_if<Map>(&shape)) {
      Setter inner(path, values_);
      map->fields(inner);
      return;
    }
    const auto found = values_.find(path);
    if (found == values_.end()) return;
    if (const auto* scalar = std::get_if<Scalar>(&shape)) {
      Set(*scalar, found->second.front());
    } else {
      SetList(path, std::get<List>(shape), found->second);
    }
  }

 private:
  static void Set(const Scalar& scalar, const std::string& text) {
    const absl::Status parsed = scalar.parse(text);
    if (parsed.ok()) return;
    SLUICE_CHECK(text.empty() && scalar.clear);  // it was printed by the same scalar
    scalar.clear();
  }

  void SetList(const Path& path, const List& list, const std::vector<std::string>& items) {
    if (list.clear) list.clear();
    for (const std::string& item : items) {
      list.add();
      const Shape shape = list.item(list.size() - 1);
      if (const auto* scalar = std::get_if<Scalar>(&shape)) {
        Set(*scalar, item);
      } else {
        Setter inner(Below(path, item, /*is_item=*/true), values_);
        std::get<Map>(shape).fields(inner);
      }
    }
  }

  const Path path_;
  const Values& values_;
};

}  // namespace

Diff Compare(const Config& before, const Config& after) {
  const Common common(before, after);
  const auto describe = [&common](Config& config) { return DescribeDifferences(config, common); };
  const Leaves old_leaves = Flatten(before, describe);
  const Leaves new_leaves = Flatten(after, describe);
  Diff diff;
  size_t next = 0;
  for (const auto& [path, leaf] : new_leaves.in_order()) {
    const Leaf* const old = old_leaves.Find(path, next);
    std::vector<std::string> rewritten;
    if (old != nullptr) rewritten = Rewritten(*old, leaf);
    if (old != nullptr && old->values == leaf.values && rewritten.empty()) continue;
    Change change{.path = path,
                  .after = leaf.values,
                  .is_list = leaf.is_list,
                  .is_default = leaf.is_default,
                  .is_secret = leaf.is_secret,
                  .rewritten = std::move(rewritten)};
    if (old != nullptr) change.before = old->values;
    diff.changes.push_back(std::move(change));
  }
  next = 0;
  for (const auto& [path, leaf] : old_leaves.in_order()) {
    if (new_leaves.Find(path, next) != nullptr) continue;
    diff.changes.push_back({.path = path,
                            .before = leaf.values,
                            .is_list = leaf.is_list,
                            .is_secret = leaf.is_secret});
  }
  return diff;
}

Config Apply(const Config& config, const Diff& diff) {
  Values values;
  const Leaves leaves = Flatten(config, Describe);
  for (const auto& [path, leaf] : leaves.in_order()) values.emplace(path, leaf.values);
  for (const Change& change : diff.changes) {
    if (change.after) {
      values[change.path] = *change.after;
    } else {
      values.erase(change.path);
    }
  }
  Config result;
  Setter setter({}, values);
  Describe(result).fields(setter);
  return result;
}

std::string KeyOf(const Path& path) {
  std::string key;
  for (const Step& step : path) {
    if (!step.is_item) key += Cat(key.empty() ? "" : ".", step.name);
  }
  return key;
}

bool KeepsUntilRestart(std::string_view key) {
  return key.starts_with("runtime.") || key.starts_with("buffers.") ||
         key == "limits.buffer_memory" || key == "admin.bind" || key == "admin.probe_bind" ||
         key == "admin.state_file" || key == "user" || key == "group" || key == "sandbox" ||
         key == "core_dumps";
}

}  // namespace sluice::conf
