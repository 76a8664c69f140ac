// The rules http-check and tcp-check of HAProxy's, in our words.
#ifndef SLUICE_CONF_HAPROXY_CHECK_RULES_H_
#define SLUICE_CONF_HAPROXY_CHECK_RULES_H_

#include <string>
#include <vector>

#include "conf/converted.h"
#include "conf/haproxy_sections.h"

namespace sluice::conf {

struct HaproxyCheckRules {
  ConvertedKeys check = {};   // of `health`; none: not all of the rules map
  ConvertedKeys target = {};  // "port" and "address", where the rules name them
};

// These note in `out` what does not map. Of HTTP the option is one of the rules.
HaproxyCheckRules ReadHaproxyHttpCheck(const std::vector<HaproxyLine>& rules, Converted& out);
HaproxyCheckRules ReadHaproxyTcpCheck(const std::vector<HaproxyLine>& rules, Converted& out);

// "http-check connect port 8008", "tcp-check connect". Sets `target`. Returns false if it asks for
// more, such as TLS.
bool TakeHaproxyCheckConnect(const std::vector<std::string>& words, ConvertedKeys& target);

// What is said of a rule, or of an option, for which check: connect stands.
void NoteHaproxyCheckConnects(const HaproxyLine& rule, Converted& out);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_HAPROXY_CHECK_RULES_H_
