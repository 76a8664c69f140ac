// Whose connections begin with a PROXY header, by the rules of a frontend of HAProxy's.
#ifndef SLUICE_CONF_HAPROXY_REQUESTS_H_
#define SLUICE_CONF_HAPROXY_REQUESTS_H_

#include <string>
#include <vector>

#include "conf/converted.h"

namespace sluice::conf {

// "tcp-request connection expect-proxy …"; returns notes on what does not map.
std::vector<std::string> TakeExpectProxy(const std::vector<std::string>& words,
                                         ConvertedListener& listener);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_HAPROXY_REQUESTS_H_
