// Connecting to an upstream: one endpoint after the other until one takes the connection.
#ifndef SLUICE_PROXY_CONNECTOR_H_
#define SLUICE_PROXY_CONNECTOR_H_

#include "core/task.h"
#include "proxy/session.h"

namespace sluice::proxy {

struct Connected {
  int fd = -1;                         // the caller's; -1: none could be reached
  const Endpoint* endpoint = nullptr;  // the last one tried
  int error = 0;                       // why that one failed (errno)
  int attempts = 0;                    // endpoints tried
};

// Begins with the balancer's choice and tries every endpoint at most once, each for at most the
// connect timeout. Gives up early when the scope is cancelled.
core::Task<Connected> ConnectUpstream(const SessionContext& context);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_CONNECTOR_H_
