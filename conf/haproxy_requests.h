// What a frontend of HAProxy's does with a connection before it reads from it, in our words.
#ifndef SLUICE_CONF_HAPROXY_REQUESTS_H_
#define SLUICE_CONF_HAPROXY_REQUESTS_H_

#include <string>
#include <vector>

#include "conf/converted.h"

namespace sluice::conf {

// "tcp-request connection …"; returns notes on what does not map.
std::vector<std::string> TakeTcpRequestConnection(const std::vector<std::string>& words,
                                                  ConvertedListener& listener);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_HAPROXY_REQUESTS_H_
