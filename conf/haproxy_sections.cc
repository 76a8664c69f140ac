#include "conf/haproxy_sections.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "conf/haproxy_words.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

bool IsHead(const std::string& word) {
  return word == "global" || word == "defaults" || word == "frontend" || word == "backend" ||
         word == "listen" || IsOtherHaproxySection(word);
}

// The lines that hold. Of ".if" the first branch is taken, since what it asks for is not known here
// (but "0" and "" are false); of two branches both would be too much.
class Branches {
 public:
  explicit Branches(Converted& out) : out_(out) {}

  // Returns false if the line is not to be read.
  bool Take(const HaproxyLine& line) {
    const std::string& word = line.words[0];
    if (word == ".if") {
      levels_.push_back({.is_read = IsRead()});
      Choose(line);
    } else if (levels_.empty()) {
      return true;
    } else if (word == ".elif" || word == ".else") {
      Choose(line);
    } else if (word == ".endif") {
      levels_.pop_back();
    } else {
      return IsRead();
    }
    return false;
  }

 private:
  struct Level {
    bool is_read = true;  // the lines around it
    bool is_chosen = false;
    bool has_chosen = false;
  };

  bool IsRead() const {
    return levels_.empty() || (levels_.back().is_read && levels_.back().is_chosen);
  }

  void Choose(const HaproxyLine& line) {
    Level& level = levels_.back();
    if (!level.is_read) return;  // it is told of the branch around it
    const std::vector<std::string>& words = line.words;
    const bool is_false = words[0] != ".else" && (words.size() == 1 || words[1] == "0");
    level.is_chosen = !level.has_chosen && !is_false;
    level.has_chosen = level.has_chosen || level.is_chosen;
    const bool is_known = is_false || words[0] == ".else" || (words.size() == 2 && words[1] == "1");
    if (!level.is_chosen) {
      out_.Note(line.number, Cat("left out: the lines behind ", JoinedWords(words)));
    } else if (!is_known) {
      out_.Note(line.number, Cat("conditions are not looked at: the lines behind ",
                                 JoinedWords(words), " are taken, as if it were true"));
    }
  }

  Converted& out_;
  std::vector<Level> levels_;
};

}  // namespace

std::string HaproxySectionText::name() const {
  return head.words.size() > 1 && head.words[1] != "from" ? head.words[1] : "";
}

std::string HaproxySectionText::from() const {
  const auto word = std::ranges::find(head.words, "from");
  return head.words.end() - word > 1 ? *(word + 1) : "";
}

std::string HaproxySectionText::mode() const {
  std::string mode;
  for (const HaproxyLine& line : lines) {
    if (line.words[0] == "mode" && line.words.size() > 1) mode = line.words[1];
  }
  return mode;
}

std::vector<HaproxySectionText> HaproxySections(std::string_view text, Converted& out) {
  std::vector<HaproxySectionText> sections;
  Branches branches(out);
  int number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    HaproxyLine line{.number = ++number, .words = HaproxyWords(text.substr(0, end))};
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.words.empty() || !branches.Take(line)) continue;
    if (IsHead(line.words[0])) {
      sections.push_back({.head = std::move(line)});
      // "listen smtp :25" of HAProxy before 2.0.
      const HaproxyLine& head = sections.back().head;
      if (head.words[0] == "listen" && head.words.size() > 2 && head.words[2] != "from") {
        sections.back().lines.push_back({head.number, {"bind", head.words[2]}});
      }
    } else if (sections.empty()) {
      out.Note(line.number, Cat("left out, as it is in no section: ", JoinedWords(line.words)));
    } else {
      sections.back().lines.push_back(std::move(line));
    }
  }
  return sections;
}

}  // namespace sluice::conf
