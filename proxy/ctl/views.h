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
std::string TasksText(const JsonValue& answer);
std::string DiffText(const JsonValue& diff);
std::string EndpointText(const JsonValue& endpoint);
std::string SessionsText(const JsonValue& sessions);
std::string KilledText(const JsonValue& answer);
std::string ShedText(const JsonValue& answer);
std::string StoppedText(const JsonValue& answer);
std::string EventsText(const JsonValue& answer);  // a line for each
std::string ReloadedText(const JsonValue& answer);
std::string UpgradedText(const JsonValue& answer);
std::string ShutdownText(const JsonValue& answer);
std::string LogLevelText(const JsonValue& answer);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_CTL_VIEWS_H_
