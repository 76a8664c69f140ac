// HaproxySectionText: the lines of a section of HAProxy's. They are read as a whole, since `mode`
// may be the last of them and decides about all.
#ifndef SLUICE_CONF_HAPROXY_SECTIONS_H_
#define SLUICE_CONF_HAPROXY_SECTIONS_H_

#include <string>
#include <string_view>
#include <vector>

#include "conf/converted.h"

namespace sluice::conf {

struct HaproxyLine {
  int number = 0;
  std::vector<std::string> words = {};  // at least one
};

struct HaproxySectionText {
  HaproxyLine head;  // "listen smtp from tcp"
  std::vector<HaproxyLine> lines = {};

  const std::string& kind() const { return head.words[0]; }
  std::string name() const;  // "": it has none
  std::string from() const;  // the section defaults that it names, if it does
  std::string mode() const;  // "": it does not say
};

// In their order. Lines before the first one, and branches of conditions that are not taken, are
// noted in `out`.
std::vector<HaproxySectionText> HaproxySections(std::string_view text, Converted& out);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_HAPROXY_SECTIONS_H_
