// What the API shows of the proxy, as JSON: read without stopping a worker.
//
// Every object has the same keys in every answer; numbers of bytes and counts are integers, times
// have their unit at the end of the key.
#ifndef SLUICE_PROXY_ADMIN_VIEWS_H_
#define SLUICE_PROXY_ADMIN_VIEWS_H_

#include <string>
#include <string_view>

#include "proxy/admin/subject.h"
#include "proxy/server/endpoint_actions.h"
#include "proxy/session/session_row.h"

namespace sluice::proxy {

// By core::LogLevel.
inline constexpr std::string_view kLogLevels[] = {"trace", "debug", "info", "warn", "error", "off"};

// `may_act`: whether the peer that asks may do more than read.
std::string InfoJson(const AdminSubject& subject, core::Duration uptime, bool may_act);
std::string ListenersJson(const AdminSubject& subject);  // in the order of the configuration
std::string UpstreamsJson(const AdminSubject& subject);
std::string EndpointsJson(const AdminSubject& subject);
std::string EndpointJson(const EndpointView& endpoint);
std::string SessionsJson(const SessionPage& page);
std::string WorkersJson(const AdminSubject& subject);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_VIEWS_H_
