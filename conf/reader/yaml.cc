// The only file that knows yaml-cpp. It uses the parser's events and not its tree: they keep
// duplicate keys, and limits act before anything is expanded.

#include "conf/reader/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>
#include <unordered_map>

#include "conf/text/text.h"

namespace sluice::conf {
namespace {

Position At(const YAML::Mark& mark) {
  return {.line = std::max(mark.line, 0) + 1, .column = std::max(mark.column, 0) + 1};
}

constexpr std::string_view kTabMessage = "found a tab in the indentation, allowed: spaces";

// yaml-cpp takes a quoted value that the end of the file cuts short: true if the one at `offset`,
// behind its anchor, is such.
bool IsUnterminatedQuote(std::string_view text, size_t offset) {
  if (offset < text.size() && text[offset] == '&') {
    offset = text.find_first_of(" \t\r\n", offset);
    offset = text.find_first_not_of(" \t\r\n", offset);
  }
  if (offset >= text.size()) return false;
  const char quote = text[offset];
  if (quote != '"' && quote != '\'') return false;
  for (size_t i = offset + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || i + 1 >= text.size() || text[i + 1] != quote) return false;
      ++i;  // '' inside single quotes
    }
  }
  return true;
}

// The offset of the first tab in the indentation of the line of `offset`, if only blanks are before
// it; npos if there is none.
size_t FindTabBefore(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const size_t line_start = before.rfind('\n') + 1;  // npos + 1 == 0
  const std::string_view indentation = before.substr(line_start);
  if (indentation.find_first_not_of(" \t") != std::string_view::npos) return std::string_view::npos;
  const size_t tab = indentation.find('\t');
  return tab == std::string_view::npos ? tab : line_start + tab;
}

struct Reworded {
  std::string_view yaml_cpp;
  std::string_view ours;
};

// The messages that a slip of the pen leads to, said for the one who made it.
constexpr auto kReworded = std::to_array<Reworded>({
    {"end of map not found", "expected the next key, indented like the one before"},
    {"end of sequence not found", "expected the next \"-\", indented like the one before"},
    {"end of map flow not found", "expected \",\" or \"}\""},
    {"end of sequence flow not found", "expected \",\" or \"]\""},
    {"illegal map value",
     "unexpected \":\", allowed: one after each key, keys of a mapping indented alike, "
     "others in quotes"},
    {"illegal flow end", "unexpected closing bracket, allowed: one for each \"[\" or \"{\""},
    {"illegal block entry", "unexpected \"-\", allowed: before a list item, on a line of its own"},
    {"unknown token", "unexpected character, allowed: a value, in quotes if it begins with @ ` %"},
    {"the referenced anchor is not defined",
     "found an unknown alias, allowed: an anchor (&name) that is defined above"},
    {"illegal tab when looking for indentation", kTabMessage},
});

std::string Reword(std::string_view message) {
  const auto found = std::ranges::find(kReworded, message, &Reworded::yaml_cpp);
  if (found != kReworded.end()) return std::string(found->ours);
  return Cat("found text that is not YAML: ", message);
}

}  // namespace

// Builds the nodes from the events. A collection is open from its start to its end event.
class Document::Builder : public YAML::EventHandler {
 public:
  Builder(std::string_view text, Document& document) : text_(text), document_(document) {}

  // Adds the error that `failure` means, at its place.
  void Report(const YAML::ParserException& failure, Errors& errors) const;

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (document_.root_ == nullptr) return;
    Stop(mark, "found text after the end of the document, allowed: one document");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node& node = New(Node::Kind::kNull, mark, "");
    if (!open_.empty()) {
      // The mark is of whatever comes next; what lacks a value is a better place.
      const Open& parent = open_.back();
      node.at = parent.key != nullptr ? parent.key->at : parent.node->at;
    }
    AttachLeaf(node, mark, anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      Stop(mark, "found an alias in the value that it stands for, allowed: outside");
    }
    Attach(*found->second.node, mark, found->second.size, found->second.height);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (IsUnterminatedQuote(text_, static_cast<size_t>(mark.pos))) {
      Stop(mark, "found a quote that is never closed, allowed: pairs of them");
    }
    const bool has_control = std::ranges::any_of(
        value, [](char c) { return IsControlCharacter(c) && c != '\n' && c != '\t'; });
    if (has_control) Stop(mark, Cat(Found(value), " with a control character, allowed: others"));
    Node& node = New(Node::Kind::kText, mark, tag);
    node.text = value;
    AttachLeaf(node, mark, anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    Begin(Node::Kind::kList, mark, tag, anchor, style);
  }
  void OnSequenceEnd() override { End(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    Begin(Node::Kind::kMap, mark, tag, anchor, style);
  }
  void OnMapEnd() override { End(); }

 private:
  struct Open {
    Node* node;
    YAML::Mark mark;
    YAML::anchor_t anchor;
    bool is_flow;               // [ ] or { }
    size_t size_before;         // total_ when it began
    size_t height = 0;          // of the highest child
    const Node* key = nullptr;  // of a map: the key that waits for its value
  };
  struct Anchored {
    const Node* node;
    size_t size;    // nodes, aliases expanded
    size_t height;  // collections one in another, itself included
  };

  Node& New(Node::Kind kind, const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") {
      Stop(mark, Cat("found the tag ", Quoted(tag), ", allowed: none"));
    }
    const bool in_flow = !open_.empty() && open_.back().is_flow;
    if (!in_flow && FindTabBefore(text_, static_cast<size_t>(mark.pos)) != std::string_view::npos) {
      Stop(mark, std::string(kTabMessage));
    }
    Node& node = document_.nodes_.emplace_back();
    node.kind = kind;
    node.at = At(mark);
    return node;
  }

  void AttachLeaf(const Node& node, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) anchors_[anchor] = {&node, 1, 0};
    Attach(node, mark, 1, 0);
  }

  void Begin(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
             YAML::EmitterStyle::value style) {
    if (open_.size() >= kMaxDepth) StopTooDeep(mark);
    const size_t size_before = total_;
    Node& node = New(kind, mark, tag);
    const bool is_flow = style == YAML::EmitterStyle::Flow;
    open_.push_back({&node, mark, anchor, is_flow, size_before});
  }

  void End() {
    const Open closed = open_.back();
    open_.pop_back();
    const size_t children = total_ - closed.size_before;
    const size_t height = closed.height + 1;
    Attach(*closed.node, closed.mark, 1, height);
    if (closed.anchor != YAML::NullAnchor) {
      anchors_[closed.anchor] = {closed.node, children + 1, height};
    }
  }

  // Puts a complete node into the collection that is open, or at the root.
  void Attach(const Node& node, const YAML::Mark& mark, size_t size, size_t height) {
    total_ += size;  // cannot overflow: both are at most kMaxNodes
    if (total_ > kMaxNodes) {
      Stop(mark, Cat("found more than ", kMaxNodes,
                     " values (aliases expanded), allowed: at most these"));
    }
    if (open_.size() + height > kMaxDepth) StopTooDeep(mark);
    if (open_.empty()) {
      document_.root_ = &node;
      return;
    }
    Open& parent = open_.back();
    parent.height = std::max(parent.height, height);
    if (parent.node->kind == Node::Kind::kList) {
      parent.node->items.push_back(&node);
    } else if (parent.key == nullptr) {
      parent.key = &node;
    } else {
      parent.node->entries.push_back({parent.key, &node});
      parent.key = nullptr;
    }
  }

  // yaml-cpp ends a parse only by an exception; this one goes no further than Document::Parse.
  [[noreturn]] void Stop(const YAML::Mark& mark, const std::string& message) {
    stop_message_ = message;
    throw YAML::ParserException(mark, message);
  }

  [[noreturn]] void StopTooDeep(const YAML::Mark& mark) {
    Stop(mark, Cat("found more than ", kMaxDepth, " levels of nesting, allowed: at most these"));
  }

  const std::string_view text_;
  Document& document_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, Anchored> anchors_;  // of complete nodes
  size_t total_ = 0;                                      // nodes so far, aliases expanded
  std::string stop_message_;  // of the error that was found here and not by yaml-cpp
};

void Document::Builder::Report(const YAML::ParserException& failure, Errors& errors) const {
  const auto offset = static_cast<size_t>(std::max(failure.mark.pos, 0));
  const auto follows = [&](std::string_view pair) {
    return offset > 0 && text_.substr(offset - 1).starts_with(pair);
  };
  const bool in_flow = !open_.empty() && open_.back().is_flow;
  const size_t tab = in_flow ? text_.npos : FindTabBefore(text_, offset);
  if (tab != text_.npos) {
    errors.Add(PositionOf(text_, tab), kTabMessage);
  } else if (!stop_message_.empty()) {
    errors.Add(At(failure.mark), stop_message_);
  } else if (follows("]:")) {
    errors.Add(At(failure.mark),
               "unexpected \":\" after \"]\", allowed: an IPv6 address in quotes, \"[::1]:80\"");
  } else if (follows("${")) {
    errors.Add(At(failure.mark),
               "unexpected \"{\" after \"$\", allowed: \"${NAME}\" in quotes inside { } and [ ]");
  } else if (in_flow && failure.msg.ends_with("flow not found")) {
    const Node& open = *open_.back().node;
    errors.Add(At(failure.mark), Cat(Reword(failure.msg), " to close the ",
                                     open.kind == Node::Kind::kList ? "\"[\"" : "\"{\"", " at ",
                                     FormatPosition(open.at)));
  } else {
    errors.Add(At(failure.mark), Reword(failure.msg));
  }
}

bool Document::Parse(const std::string& text, Errors& errors) {
  Builder builder(text, *this);
  std::istringstream stream(text);
  try {
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    if (root_ != nullptr) parser.HandleNextDocument(builder);  // stops if there is another
  } catch (const YAML::ParserException& failure) {
    builder.Report(failure, errors);
    return false;
  } catch (const YAML::Exception& failure) {
    errors.Add(At(failure.mark), Reword(failure.msg));
    return false;
  }
  if (root_ != nullptr) return true;
  errors.Add({}, "found no configuration: the file is empty");
  return false;
}

}  // namespace sluice::conf
