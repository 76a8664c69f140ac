// How HAProxy reads a line, and its addresses.
#ifndef SLUICE_CONF_HAPROXY_WORDS_H_
#define SLUICE_CONF_HAPROXY_WORDS_H_

#include <string>
#include <string_view>
#include <vector>

namespace sluice::conf {

// The words of a line: quotes and backslashes as there, up to a comment.
std::vector<std::string> HaproxyWords(std::string_view line);

// A section of HAProxy's that is not converted.
bool IsOtherHaproxySection(std::string_view word);

// An option of a server without a counterpart, which has a value behind it.
bool HaproxyTakesValue(std::string_view option);

// "unique-id" of proxy-v2-options as send_proxy.tlvs has it; "": it has not.
std::string HaproxyTlv(std::string_view option);

// "a,b"
std::vector<std::string> SplitAtCommas(std::string_view text);

// Times are in milliseconds there unless they have a unit.
std::string HaproxyTime(const std::string& text);

// "*:80" and ":80" as an address of ours; "" if it is none that can be.
std::string HaproxyAddress(std::string text);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_HAPROXY_WORDS_H_
