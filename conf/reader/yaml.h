// A YAML text as a tree of nodes with positions: all that is known of YAML outside
// conf/reader/yaml.cc.
//
//   Node = null | text (a scalar, quoted or not) | list of Nodes | map of (key, value) Nodes
//
// Maps keep the order of the text, and duplicate keys. Aliases point to the node of their anchor,
// so the tree is a directed acyclic graph; kMaxNodes and kMaxDepth bound what a walk of it can
// meet.

#ifndef SLUICE_CONF_READER_YAML_H_
#define SLUICE_CONF_READER_YAML_H_

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "conf/reader/diagnostics.h"

namespace sluice::conf {

struct Node {
  enum class Kind { kNull, kText, kList, kMap };
  struct Entry {
    const Node* key;
    const Node* value;
  };

  Kind kind = Kind::kNull;
  Position at;                     // of a null in a map: its key
  std::string text;                // kText
  std::vector<const Node*> items;  // kList
  std::vector<Entry> entries;      // kMap
};

class Document {
 public:
  static constexpr size_t kMaxNodes = 100'000;  // with each alias counted as a copy
  static constexpr size_t kMaxDepth = 64;

  // Makes the tree of `text`, which must be valid UTF-8 without NUL bytes; `file` is that of its
  // positions, 0 unless another one includes it. On failure adds one error and returns false.
  bool Parse(const std::string& text, Errors& errors, int file = 0);

  // Only after Parse returned true.
  const Node& root() const { return *root_; }

 private:
  class Builder;

  std::deque<Node> nodes_;
  const Node* root_ = nullptr;
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_READER_YAML_H_
