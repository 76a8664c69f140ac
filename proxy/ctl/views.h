// What people read of an answer of the API.
#ifndef SLUICE_PROXY_CTL_VIEWS_H_
#define SLUICE_PROXY_CTL_VIEWS_H_

#include <string>

#include "proxy/ctl/json.h"

namespace sluice::proxy {

std::string StatusText(const JsonValue& info);
std::string ListenersText(const JsonValue& listeners);
std::string UpstreamsText(const JsonValue& upstreams);
std::string EndpointsText(const JsonValue& endpoints);
std::string WorkersText(const JsonValue& workers);
std::string DiffText(const JsonValue& diff);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_CTL_VIEWS_H_
