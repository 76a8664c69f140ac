// Where a frontend of HAProxy's listens, in our words.
#ifndef SLUICE_CONF_HAPROXY_BIND_H_
#define SLUICE_CONF_HAPROXY_BIND_H_

#include <string>
#include <utility>
#include <vector>

#include "conf/converted.h"
#include "conf/haproxy_sections.h"

namespace sluice::conf {

// What the binds of a section say beside what a listener has.
struct HaproxyBinds {
  std::vector<std::string> proxied = {};  // the addresses whose clients send PROXY headers
  std::vector<std::pair<int, std::string>> limits = {};  // maxconn of an address, by line
};

// "bind :80,:81 …". What does not map is noted in `out`.
void TakeHaproxyBind(const HaproxyLine& line, ConvertedListener& listener, HaproxyBinds& binds,
                     Converted& out);

// Sets the limit of the one address of a section, unless that of the section is smaller.
void SetHaproxyBindLimit(const HaproxyBinds& binds, ConvertedListener& listener, Converted& out);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_HAPROXY_BIND_H_
