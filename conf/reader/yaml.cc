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

constexpr std::string_view kTabMessage =
    "a tab is part of the indentation; YAML takes only spaces there";

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

// `"[::1]:80"`: what stands around the "]:" at `offset`, with quotes.
std::string QuotedAddress(std::string_view text, size_t offset) {
  const size_t begin = text.rfind('[', offset);
  const size_t end = std::min(text.find_first_of(" \t\r\n,]}#", offset), text.size());
  if (begin == text.npos) return "\"[::1]:80\"";
  return Cat("\"", text.substr(begin, end - begin), "\"");
}

// "1.2.3.4:80" if the ":" at `offset` is the one of "1.2.3.4: 80"; else "".
std::string AddressBefore(std::string_view text, size_t offset) {
  if (offset >= text.size() || text[offset] != ':') return "";
  const size_t begin = text.find_last_of(" \t\n\"'", offset) + 1;  // npos + 1 == 0
  const std::string_view host = text.substr(begin, offset - begin);
  const size_t port = std::min(text.find_first_not_of(" \t", offset + 1), text.size());
  const size_t end = std::min(text.find_first_not_of("0123456789", port), text.size());
  const bool is_ip =
      host.find('.') != host.npos && host.find_first_not_of("0123456789.") == host.npos;
  return is_ip && end > port ? Cat(host, ":", text.substr(port, end - port)) : "";
}

// ":80" if the alias at or around `offset` is `*:80`, which was to be an address; else "".
std::string PortBehindStar(std::string_view text, size_t offset) {
  const size_t line = text.substr(0, offset).rfind('\n') + 1;  // npos + 1 == 0
  size_t star = text.find('*', line);
  if (star == text.npos || star > offset + 1) return "";
  const size_t end = std::min(text.find_first_of(" \t\r\n,]}#", star), text.size());
  const std::string_view port = text.substr(star + 1, end - star - 1);
  const bool is_port =
      port.size() > 1 && port[0] == ':' && std::ranges::all_of(port.substr(1), IsAsciiDigit);
  return is_port ? std::string(port) : "";
}

struct Reworded {
  std::string_view yaml_cpp;
  std::string_view ours;
};

// The parser's messages that typing errors lead to, and ours for them.
constexpr auto kReworded = std::to_array<Reworded>({
    {"end of map not found",
     "this line does not fit: the next key of a mapping begins in the column of the one before"},
    {"end of sequence not found",
     "this line does not fit: the next \"-\" of a list stands in the column of the one before"},
    {"end of map flow not found", "\",\" or \"}\" is missing"},
    {"end of sequence flow not found", "\",\" or \"]\" is missing"},
    {"illegal map value",
     "this \":\" does not fit: the keys of a mapping begin in one column, and a value with \": \" "
     "in "
     "it needs quotes"},
    {"illegal flow end", "this bracket closes nothing: no \"[\" or \"{\" of its kind is open"},
    {"illegal block entry", "this \"-\" does not fit: an item of a list begins a line of its own"},
    {"alias not found after *",
     "\"*\" begins an alias in YAML; any address is 0.0.0.0 or, with quotes, \"[::]\""},
    {"the referenced anchor is not defined",
     "\"*\" begins an alias, and no anchor (&name) above has this name"},
    {"illegal tab when looking for indentation", kTabMessage},
});

std::string Reword(std::string_view message) {
  const auto found = std::ranges::find(kReworded, message, &Reworded::yaml_cpp);
  if (found != kReworded.end()) return std::string(found->ours);
  return Cat("this is not YAML: ", message);
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
    Stop(mark, "a second document begins here; a configuration is one document");
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
      Stop(mark, "this alias stands inside the value that it stands for");
    }
    Attach(*found->second.node, mark, found->second.size, found->second.height);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (IsUnterminatedQuote(text_, static_cast<size_t>(mark.pos))) {
      Stop(mark, "unterminated quote");
    }
    // Those that end lines, and tabs, are for the keys to judge: what a check sends has them.
    const bool has_control = std::ranges::any_of(
        value, [](char c) { return IsControlCharacter(c) && c != '\n' && c != '\r' && c != '\t'; });
    if (has_control) Stop(mark, "this text has a control character");
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
      Stop(mark, Cat("the tag ", Quoted(tag), " is not supported: leave it out"));
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
      Stop(mark, Cat("there are more values than the limit of ", kMaxNodes,
                     ", each alias counted as a copy"));
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
    Stop(mark, Cat("nesting is deeper than the limit of ", kMaxDepth, " levels"));
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
    errors.Add(At(failure.mark), Cat("quotes are needed around an IPv6 address; did you mean ",
                                     QuotedAddress(text_, offset), "?"));
  } else if (const std::string address = AddressBefore(text_, offset); !address.empty()) {
    errors.Add(At(failure.mark), WithSuggestion("a blank stands before the port", address));
  } else if (failure.msg == "unknown token" && offset < text_.size()) {
    errors.Add(At(failure.mark),
               Cat("a value that begins with ", Quoted(text_.substr(offset, 1)), " needs quotes"));
  } else if (follows("${")) {
    errors.Add(At(failure.mark), "quotes are needed around ${NAME} inside { } and [ ]");
  } else if (const std::string port = PortBehindStar(text_, offset); !port.empty()) {
    errors.Add(At(failure.mark),
               WithSuggestion("\"*\" begins an alias in YAML", Cat("0.0.0.0", port)));
  } else if (in_flow && failure.msg.ends_with("flow not found")) {
    const Node& open = *open_.back().node;
    errors.Add(At(failure.mark), Cat(Reword(failure.msg), ": it closes the ",
                                     open.kind == Node::Kind::kList ? "\"[\"" : "\"{\"", " at ",
                                     FormatPosition(open.at)));
  } else {
    errors.Add(At(failure.mark), Reword(failure.msg));
  }
}

bool Document::Parse(const std::string& text, Errors& errors, int file) {
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
  for (Node& node : nodes_) node.at.file = file;
  if (root_ != nullptr) return true;
  errors.Add(kWholeFile,
             file > 0
                 ? "the file is empty; allowed: listeners, upstreams, include"
                 : "the file is empty: it needs at least \"listeners:\" and \"upstreams:\", see "
                   "conf/example.yaml");
  return false;
}

}  // namespace sluice::conf
