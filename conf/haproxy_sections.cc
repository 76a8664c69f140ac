#include "conf/haproxy_sections.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "conf/haproxy_words.h"

namespace sluice::conf {
namespace {

bool IsHead(const std::string& word) {
  return word == "global" || word == "defaults" || word == "frontend" || word == "backend" ||
         word == "listen" || IsOtherHaproxySection(word);
}

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

std::vector<HaproxySectionText> HaproxySections(std::string_view text) {
  std::vector<HaproxySectionText> sections;
  int number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    HaproxyLine line{.number = ++number, .words = HaproxyWords(text.substr(0, end))};
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.words.empty()) continue;
    if (IsHead(line.words[0])) {
      sections.push_back({.head = std::move(line)});
      // "listen smtp :25" of HAProxy before 2.0.
      const HaproxyLine& head = sections.back().head;
      if (head.words[0] == "listen" && head.words.size() > 2 && head.words[2] != "from") {
        sections.back().lines.push_back({head.number, {"bind", head.words[2]}});
      }
    } else if (!sections.empty()) {
      sections.back().lines.push_back(std::move(line));
    }
  }
  return sections;
}

}  // namespace sluice::conf
