// Where a frontend of HAProxy's listens, in our words.
#ifndef SLUICE_CONF_HAPROXY_BIND_H_
#define SLUICE_CONF_HAPROXY_BIND_H_

#include <string>
#include <vector>

#include "conf/converted.h"
#include "conf/haproxy_sections.h"

namespace sluice::conf {

// "bind :80,:81 …"; `proxied` gets the addresses whose clients send PROXY headers. What does not
// map is noted in `out`.
void TakeHaproxyBind(const HaproxyLine& line, ConvertedListener& listener,
                     std::vector<std::string>& proxied, Converted& out);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_HAPROXY_BIND_H_
