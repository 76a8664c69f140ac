// What Prometheus reads of the process.
#ifndef SLUICE_PROXY_ADMIN_METRICS_H_
#define SLUICE_PROXY_ADMIN_METRICS_H_

#include <string>

#include "proxy/admin/subject.h"
#include "proxy/observe/exposition.h"

namespace sluice::proxy {

std::string MetricsText(const AdminSubject& subject, ExpositionFormat format);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_METRICS_H_
