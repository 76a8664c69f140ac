// How nginx reads a file.
#ifndef SLUICE_CONF_NGINX_WORDS_H_
#define SLUICE_CONF_NGINX_WORDS_H_

#include <string>
#include <string_view>
#include <vector>

#include "conf/converted.h"

namespace sluice::conf {

// "word word;" or "word word { … }".
struct NginxDirective {
  int line = 0;
  std::vector<std::string> words;
  std::vector<NginxDirective> block = {};
};

// What cannot be read is noted in `out`.
std::vector<NginxDirective> NginxDirectives(std::string_view text, Converted& out);

// Times are in seconds there unless they have a unit; "" if it has one that is unknown here.
std::string NginxTime(const std::string& text);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_NGINX_WORDS_H_
