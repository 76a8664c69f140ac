#include "conf/reader/reader.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/reader/advice.h"
#include "conf/reader/secrets.h"
#include "conf/reader/unknown_key.h"
#include "conf/schema/keys.h"
#include "conf/schema/schema.h"
#include "conf/schema/shape.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

// The kind of a node, in a sentence.
std::string WhatItIs(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kText:
      return Quoted(node.text);
    case Node::Kind::kList:
      return node.items.empty() ? "an empty list" : "a list";
    case Node::Kind::kMap:
      return "a mapping";
  }
  return "";
}

std::string_view WhatIsNeeded(const Shape& shape) {
  if (std::holds_alternative<Scalar>(shape)) return "a single value";
  return std::holds_alternative<Map>(shape) ? "a mapping" : "a list";
}

class Reader {
 public:
  Reader(const Env& env, Positions& positions, Errors& errors)
      : env_(env), positions_(positions), errors_(errors) {}

  void Read(const Node& node, const Shape& shape, const std::string& path) {
    positions_.Set(path, node.at);
    if (const auto* scalar = std::get_if<Scalar>(&shape)) {
      ReadScalar(node, *scalar, path);
    } else if (const auto* map = std::get_if<Map>(&shape)) {
      ReadMap(node, *map, path);
    } else {
      ReadList(node, std::get<List>(shape), path);
    }
  }

  // `message` gets the path in front of it.
  void Fail(Position at, const std::string& path, std::string_view message) {
    errors_.Add(at, path.empty() ? std::string(message) : Cat(path, ": ", message));
  }

  Errors& errors() { return errors_; }

 private:
  void FailType(const Node& node, const Shape& shape, const std::string& path) {
    const bool is_empty =
        node.kind == Node::Kind::kList && node.items.empty() && std::holds_alternative<List>(shape);
    const bool hides = node.kind == Node::Kind::kText && MayBeSecret(shape);
    const std::string message = node.kind == Node::Kind::kNull ? "the value is missing"
                                : is_empty                     ? "the list is empty"
                                           : Cat(WhatIsNeeded(shape), " is needed, not ",
                                                 hides ? "a text" : WhatItIs(node));
    Fail(node.at, path, WithAllowed(Cat(message, AdviceForType(node, shape)), AllowedFor(shape)));
  }

  void ReadScalar(const Node& node, const Scalar& scalar, const std::string& path) {
    if (node.kind != Node::Kind::kText) return FailType(node, scalar, path);
    const absl::StatusOr<std::string> text = ExpandEnv(node.text, env_, scalar.is_secret);
    if (!text.ok()) return Fail(node.at, path, Message(text.status()));
    const absl::Status parsed = scalar.parse(*text);
    if (parsed.ok()) return;
    const bool is_plain = scalar.is_secret || errors_.many();
    Fail(node.at, path,
         WithAllowed(is_plain ? Message(parsed) : AdviceForValue(*text, parsed, scalar),
                     scalar.allowed));
  }

  void ReadList(const Node& node, const List& list, const std::string& path) {
    if (list.clear) list.clear();
    if (list.takes_single && node.kind == Node::Kind::kText) return Read(node, NewItem(list), path);
    if (list.takes_single && node.kind == Node::Kind::kMap) {
      const Shape item = NewItem(list);
      return std::holds_alternative<Map>(item) ? Read(node, item, path)
                                               : FailType(node, item, path);
    }
    const bool is_short = node.items.empty() && !list.may_be_empty;
    if (node.kind != Node::Kind::kList || is_short) return FailType(node, list, path);
    for (size_t i = 0; i < node.items.size(); ++i) {
      Read(*node.items[i], NewItem(list), Cat(path, "[", i, "]"));
    }
  }

  static Shape NewItem(const List& list) {
    list.add();
    return list.item(list.size() - 1);
  }

  void ReadMap(const Node& node, const Map& map, const std::string& path);

  const Env& env_;
  Positions& positions_;
  Errors& errors_;
};

// Reads the fields of one map and remembers which keys the schema has.
class FieldReader : public Visitor {
 public:
  FieldReader(Reader& reader, const Node& node, const std::string& path)
      : reader_(reader), node_(node), path_(path) {}

  void Field(std::string_view key, const Shape& shape, Presence presence) override {
    known_.emplace_back(key);
    const auto entry = std::ranges::find_if(node_.entries, [key](const Node::Entry& e) {
      return e.key->kind == Node::Kind::kText && e.key->text == key;
    });
    if (entry != node_.entries.end()) {
      reader_.Read(*entry->value, shape, path_.empty() ? std::string(key) : Cat(path_, ".", key));
    } else if (presence == Presence::kRequired) {
      reader_.Fail(
          node_.at, path_,
          WithAllowed(Cat("the required key ", Quoted(key), " is missing"), AllowedFor(shape)));
    }
  }

  // After all fields: the keys that the schema does not have, or that came before.
  void CheckKeys() {
    // It has been taken out of what is read here.
    const bool may_include = path_.empty() && std::ranges::none_of(node_.entries, IsInclude);
    if (may_include) known_.emplace_back("include");
    std::map<std::string, Position> seen;
    for (const Node::Entry& entry : node_.entries) {
      const Node& key = *entry.key;
      if (key.kind != Node::Kind::kText) {
        reader_.Fail(
            key.at, path_,
            WithAllowed(key.kind == Node::Kind::kNull ? std::string("the key is missing")
                                                      : Cat("a key is needed, not ", WhatItIs(key)),
                        JoinNames(known_)));
      } else if (const auto [first, is_new] = seen.emplace(key.text, key.at); !is_new) {
        reader_.Fail(
            key.at, path_,
            Cat("the key ", Quoted(key.text), " is here for the second time; the first is at ",
                FormatPosition(first->second)));
      } else if (std::ranges::find(known_, key.text) == known_.end() && !HoldsAnchors(key.text)) {
        reader_.Fail(key.at, path_, DescribeUnknownKey(key.text, path_, known_, reader_.errors()));
      }
    }
  }

 private:
  static bool IsInclude(const Node::Entry& entry) {
    return entry.key->kind == Node::Kind::kText && entry.key->text == "include";
  }
  bool HoldsAnchors(const std::string& key) const { return path_.empty() && key.starts_with("x-"); }

  Reader& reader_;
  const Node& node_;
  const std::string path_;
  std::vector<std::string> known_;
};

// Passes on the field that a plain text in place of a map stands for.
class ShorthandReader : public Visitor {
 public:
  ShorthandReader(Reader& reader, const Node& node, const std::string& key, const std::string& path)
      : reader_(reader), node_(node), key_(key), path_(path) {}

  void Field(std::string_view key, const Shape& shape, Presence) override {
    if (key == key_) reader_.Read(node_, shape, path_);
  }

 private:
  Reader& reader_;
  const Node& node_;
  const std::string& key_;
  const std::string& path_;
};

// The mapping with those that its "<<" names merged in: its own keys come before theirs, and an
// earlier one's before a later one's. What aliases can make of it is bounded by Document.
class Merger {
 public:
  Merger(const std::string& path, Reader& reader) : path_(path), reader_(reader) {}

  Node Merge(const Node& node) {
    Node merged;
    merged.kind = node.kind;
    merged.at = node.at;
    Add(node, /*is_own=*/true, merged);
    return merged;
  }

 private:
  static bool IsMerge(const Node::Entry& entry) {
    return entry.key->kind == Node::Kind::kText && entry.key->text == "<<";
  }

  // Keys of the mapping itself are added even when they are there already: that is an error.
  void Add(const Node& node, bool is_own, Node& merged) {
    std::set<std::string> here;
    for (const Node::Entry& entry : node.entries) {
      if (IsMerge(entry)) continue;
      const bool is_text = entry.key->kind == Node::Kind::kText;
      if (is_text && !is_own && !here.insert(entry.key->text).second) {
        reader_.Fail(entry.key->at, path_,
                     Cat("the key ", Quoted(entry.key->text), " is here for the second time"));
      }
      const bool is_new = !is_text || seen_.insert(entry.key->text).second;
      if (is_own || is_new) merged.entries.push_back(entry);
    }
    for (const Node::Entry& entry : node.entries) {
      if (IsMerge(entry)) AddSources(*entry.key, *entry.value, merged);
    }
  }

  void AddSources(const Node& key, const Node& value, Node& merged) {
    if (value.kind == Node::Kind::kMap) return Add(value, /*is_own=*/false, merged);
    const bool are_maps =
        value.kind == Node::Kind::kList && std::ranges::all_of(value.items, [](const Node* item) {
          return item->kind == Node::Kind::kMap;
        });
    if (!are_maps) {
      return reader_.Fail(
          key.at, path_,
          Cat("\"<<\" merges a mapping or a list of mappings, not ", WhatItIs(value),
              "; write <<: *name, where &name is a mapping above"));
    }
    for (const Node* item : value.items) Add(*item, /*is_own=*/false, merged);
  }

  const std::string& path_;
  Reader& reader_;
  std::set<std::string> seen_;
};

Node WithMerges(const Node& node, const std::string& path, Reader& reader) {
  return Merger(path, reader).Merge(node);
}

void Reader::ReadMap(const Node& node, const Map& map, const std::string& path) {
  if (node.kind == Node::Kind::kText && !map.shorthand.empty()) {
    ShorthandReader fields(*this, node, map.shorthand, path);
    map.fields(fields);
  } else if (node.kind != Node::Kind::kMap) {
    FailType(node, map, path);
  } else {
    if (map.begin) map.begin();
    const Node merged = WithMerges(node, path, *this);
    FieldReader fields(*this, merged, path);
    map.fields(fields);
    fields.CheckKeys();
  }
}

}  // namespace

Position Positions::At(std::string_view path) const {
  for (;;) {
    const auto found = positions_.find(std::string(path));
    if (found != positions_.end()) return found->second;
    if (path.empty()) return {};
    const size_t parent_end = path.find_last_of(".[");
    path = path.substr(0, parent_end == std::string_view::npos ? 0 : parent_end);
  }
}

void ReadConfig(const Node& root, const Env& env, Config& config, Positions& positions,
                Errors& errors) {
  Reader(env, positions, errors).Read(root, Describe(config), "");
}

}  // namespace sluice::conf
