#include "conf/reader/reader.h"

#include <algorithm>
#include <cstddef>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/schema/keys.h"
#include "conf/schema/schema.h"
#include "conf/schema/shape.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

std::string FoundNode(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "found nothing";
    case Node::Kind::kText:
      return Found(node.text);
    case Node::Kind::kList:
      return node.items.empty() ? "found an empty list" : "found a list";
    case Node::Kind::kMap:
      return "found a mapping";
  }
  return "";
}

std::string Allowed(const Shape& shape) {
  if (const auto* scalar = std::get_if<Scalar>(&shape)) return scalar->allowed;
  if (const auto* map = std::get_if<Map>(&shape)) {
    const std::string keys = Cat("a mapping with the keys ", JoinNames(KeysOf(*map)));
    return map->shorthand.empty() ? keys : Cat("one ", map->shorthand, ", or ", keys);
  }
  const auto& list = std::get<List>(shape);
  return list.takes_single ? Cat(list.what, ", or a list of such")
                           : Cat("a list of at least one ", list.what);
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

  std::string DidYouMean(std::string_view name, const std::vector<std::string>& known) {
    return errors_.DidYouMean(name, known);
  }

 private:
  void FailType(const Node& node, const Shape& shape, const std::string& path) {
    const bool lacks_blank =
        std::holds_alternative<Map>(shape) && node.text.find(':') != std::string::npos;
    Fail(node.at, path,
         Cat(FoundNode(node), lacks_blank ? " (no blank after the \":\")" : "",
             ", allowed: ", Allowed(shape)));
  }

  void ReadScalar(const Node& node, const Scalar& scalar, const std::string& path) {
    if (node.kind != Node::Kind::kText) return FailType(node, scalar, path);
    const absl::StatusOr<std::string> text = ExpandEnv(node.text, env_);
    if (!text.ok()) return Fail(node.at, path, Message(text.status()));
    const absl::Status parsed = scalar.parse(*text);
    if (parsed.ok()) return;
    Fail(node.at, path, Cat(Message(parsed), ", allowed: ", scalar.allowed));
  }

  void ReadList(const Node& node, const List& list, const std::string& path) {
    const bool is_single = list.takes_single && node.kind == Node::Kind::kText;
    if (!is_single && (node.kind != Node::Kind::kList || node.items.empty())) {
      return FailType(node, list, path);
    }
    if (is_single) return Read(node, NewItem(list), path);
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
      reader_.Fail(node_.at, path_,
                   Cat("found no ", Quoted(key), ", which is required, allowed: ", Allowed(shape)));
    }
  }

  // After all fields: the keys that the schema does not have, or that came before.
  void CheckKeys() {
    std::map<std::string, Position> seen;
    for (const Node::Entry& entry : node_.entries) {
      const Node& key = *entry.key;
      if (key.kind != Node::Kind::kText) {
        reader_.Fail(key.at, path_, Cat(FoundNode(key), " as a key", AllowedKeys()));
      } else if (const auto [first, is_new] = seen.emplace(key.text, key.at); !is_new) {
        reader_.Fail(key.at, path_,
                     Cat("found the key ", Quoted(key.text), " again, allowed: once (first at ",
                         FormatPosition(first->second), ")"));
      } else if (std::ranges::find(known_, key.text) == known_.end()) {
        reader_.Fail(key.at, path_,
                     Cat("found the unknown key ", Quoted(key.text), Instead(key.text)));
      }
    }
  }

 private:
  // All that is allowed is said only where no one key is the likely one: it is long.
  std::string Instead(const std::string& key) const {
    if (key == "<<") return ", allowed: an alias of a whole value, not a merge";
    const std::string likely = reader_.DidYouMean(key, known_);
    return likely.empty() ? AllowedKeys() : likely;
  }
  std::string AllowedKeys() const { return Cat(", allowed: ", JoinNames(known_)); }

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

void Reader::ReadMap(const Node& node, const Map& map, const std::string& path) {
  if (node.kind == Node::Kind::kText && !map.shorthand.empty()) {
    ShorthandReader fields(*this, node, map.shorthand, path);
    map.fields(fields);
  } else if (node.kind != Node::Kind::kMap) {
    FailType(node, map, path);
  } else {
    FieldReader fields(*this, node, path);
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
