#include "conf/descriptions.h"

#include <cstddef>
#include <vector>

#include "absl/strings/str_split.h"
#include "conf/reader/diagnostics.h"
#include "conf/reader/yaml.h"
#include "conf/reference_text.h"
#include "conf/text/text.h"
#include "core/base/check.h"

namespace sluice::conf {
namespace {

using Lines = std::vector<std::string>;

// What follows the # of a line that is a comment and nothing else; "" if it is none.
std::string_view CommentOf(std::string_view line) {
  const size_t begin = line.find_first_not_of(' ');
  if (begin == line.npos || line[begin] != '#') return "";
  line.remove_prefix(begin + 1);
  return line.starts_with(' ') ? line.substr(1) : line;
}

// The comment directly above a line, which counts from 1, up to what is allowed.
std::string SentencesAbove(const Lines& lines, size_t line) {
  size_t first = line - 1;  // the index of the line itself
  while (first > 0 && !CommentOf(lines[first - 1]).empty()) --first;
  std::string text;
  for (size_t i = first; i + 1 < line; ++i) {
    if (!text.empty()) text += ' ';
    text += CommentOf(lines[i]);
  }
  text = text.substr(0, text.find("Allowed: "));
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

class Collector {
 public:
  Collector(const Lines& lines, std::map<std::string, std::string>& out)
      : lines_(lines), out_(out) {}

  void Add(const Node& node, const std::string& path) {
    for (const Node* item : node.items) Add(*item, path + "[]");
    for (const Node::Entry& entry : node.entries) {
      const std::string key = path.empty() ? entry.key->text : Cat(path, ".", entry.key->text);
      std::string text = SentencesAbove(lines_, static_cast<size_t>(entry.key->at.line));
      std::string& known = out_[key];  // the first of several items has them
      if (known.empty()) known = std::move(text);
      Add(*entry.value, key);
    }
  }

 private:
  const Lines& lines_;
  std::map<std::string, std::string>& out_;
};

// The key of `defaults` whose value the key at `path` has if the file has none; "": there is none.
std::string InheritedFrom(std::string_view path) {
  constexpr std::string_view kListener = "listeners[].";
  constexpr std::string_view kUpstream = "upstreams[].";
  if (path.starts_with(kListener)) return Cat("defaults.", path.substr(kListener.size()));
  if (path.starts_with(kUpstream)) return Cat("defaults.upstream.", path.substr(kUpstream.size()));
  return "";
}

}  // namespace

std::string_view ReferenceText() { return kReferenceText; }

Descriptions::Descriptions() {
  const std::string text(ReferenceText());
  Errors errors("conf/reference.yaml");
  Document document;
  SLUICE_CHECK(document.Parse(text, errors));  // reference_test loads the same text
  const Lines lines = absl::StrSplit(text, '\n');
  Collector(lines, own_).Add(document.root(), "");
  // The one key that is not read as the others are, and therefore a comment itself.
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].starts_with("# include:")) own_["include"] = SentencesAbove(lines, i + 1);
  }
}

std::string Descriptions::OwnOf(const std::string& path) const {
  const auto found = own_.find(path);
  return found == own_.end() ? std::string() : found->second;
}

std::string Descriptions::Of(const std::string& path) const {
  const std::string own = OwnOf(path);
  return own.empty() ? OwnOf(InheritedFrom(path)) : own;
}

bool Descriptions::IsInherited(const std::string& path) const {
  return OwnOf(path).empty() && !OwnOf(InheritedFrom(path)).empty();
}

}  // namespace sluice::conf
