// What the schema says of a part of the configuration: its keys, and how text becomes a field.
//
//   Shape = Scalar: one text                 (how to read and to write its field)
//         | Map:    keys, each with a Shape  (shown to a Visitor, in the order of printing)
//         | List:   items of one Shape
//
// Shapes hold references to the fields they describe, so they live shorter than the Config. Code
// that walks a Shape (to read, to print, to list the keys) is a Visitor and knows no key by name.

#ifndef SLUICE_CONF_SCHEMA_SHAPE_H_
#define SLUICE_CONF_SCHEMA_SHAPE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "conf/text/guess.h"

namespace sluice::conf {

class Visitor;

// How the texts look that a Scalar takes, for a tool that cannot call `parse`, such as an editor
// (conf/json_schema.h). It may let pass what `parse` rejects, but never the other way round.
struct Form {
  enum class Kind { kText, kFlag, kCount };

  Kind kind = Kind::kText;
  uint64_t min = 0;  // of a count
  uint64_t max = 0;
  std::vector<std::string> words = {};  // texts with a meaning of their own: "auto"
  bool has_only_words = false;
  std::string pattern = {};       // of all others, as ECMAScript has it; "": any text
  bool is_always_string = false;  // no such text is a number, true or false to YAML
};

// What a file that a Scalar names said when it was read.
struct Content {
  std::string summary;  // "3 rules"; "": it has not been read
  size_t digest = 0;

  bool operator==(const Content&) const = default;
};

struct Scalar {
  std::string allowed;  // "1 to 256", "close, wait"
  // Sets the field. The message of an error is a sentence without what is allowed.
  std::function<absl::Status(std::string_view text)> parse;
  std::function<std::string()> format;
  // What a text that `parse` takes not may have been meant for (conf/text/guess.h).
  std::function<Guesses(std::string_view text)> guess = {};
  // Of a field without a default, whose value no text has: takes the value away again.
  std::function<void()> clear = {};
  bool is_secret = false;  // shown as kHidden, and never in a message
  Form form = {};          // made by the functions of forms.h
  // Of the name of a file: for comparisons, which tell when it says something else.
  std::function<Content()> content = {};
};

// What stands for a secret that is set.
inline constexpr std::string_view kHidden = "***";

struct Map {
  std::function<void(Visitor&)> fields;
  std::string shorthand = {};  // the key that a text in place of the map stands for, or ""
  // What an item of a list is called. None: it is the first key that it requires.
  std::function<std::string()> identity = {};
  // Called when a file has the map, before its keys are read: for what its presence alone says.
  std::function<void()> begin = {};
};

struct List;
using Shape = std::variant<Scalar, Map, List>;

// A list has at least one item, unless it may be empty.
struct List {
  std::string what;  // "listener"
  std::function<size_t()> size;
  std::function<void()> add;          // appends an item with its default values
  std::function<Shape(size_t)> item;  // valid until the next add()
  bool takes_single = false;          // one item may stand without a list around it
  bool may_be_empty = false;
  // Of a list that has items by default: takes them away, before others are read.
  std::function<void()> clear = {};
  // In a comparison: the other configuration has this item, too, with the same values.
  std::function<bool(size_t)> is_common = {};
};

enum class Presence { kOptional, kRequired };

class Visitor {
 public:
  virtual ~Visitor() = default;
  virtual void Field(std::string_view key, const Shape& shape, Presence presence) = 0;

  void Required(std::string_view key, const Shape& shape) {
    Field(key, shape, Presence::kRequired);
  }
  void Optional(std::string_view key, const Shape& shape) {
    Field(key, shape, Presence::kOptional);
  }
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_SCHEMA_SHAPE_H_
