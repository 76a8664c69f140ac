#include "proxy/connector.h"

#include <cerrno>

#include "core/io.h"
#include "core/sleep.h"
#include "core/worker.h"

namespace sluice::proxy {
namespace {

using core::IoResult;
using core::Worker;

core::Task<IoResult<void>> ConnectSocket(int fd, const core::Address& address) {
  co_return co_await core::Connect(fd, address);
}

core::Task<IoResult<int>> ConnectEndpoint(const Endpoint& endpoint, core::Nanos timeout) {
  core::Reactor& reactor = Worker::Current()->reactor();
  IoResult<int> fd = reactor.OpenSocket(endpoint.address.family());
  if (!fd.ok()) co_return fd;
  if (endpoint.address.is_tcp()) reactor.SetNoDelay(*fd);
  IoResult<void> connected =
      co_await core::WithTimeout(timeout, ConnectSocket(*fd, endpoint.address));
  if (connected.ok()) co_return *fd;
  Worker::Current()->reactor().Close(*fd);
  co_return core::IoError(connected.error());
}

}  // namespace

core::Task<Connected> ConnectUpstream(const SessionContext& context) {
  const std::vector<Endpoint>& endpoints = context.cluster->endpoints();
  const size_t first = context.cluster->balancer().Pick();
  Connected result;
  for (size_t i = 0; i < endpoints.size(); ++i) {
    result.endpoint = &endpoints[(first + i) % endpoints.size()];
    ++result.attempts;
    IoResult<int> fd = co_await ConnectEndpoint(*result.endpoint, context.timeouts.connect);
    if (fd.ok()) {
      result.fd = *fd;
      result.error = 0;
      co_return result;
    }
    result.error = fd.error();
    if (fd.error() == ECANCELED) co_return result;
    if (i + 1 < endpoints.size()) {
      core::Count(context.stats->of(Worker::Current()->index()).connect_retries);
    }
  }
  co_return result;
}

}  // namespace sluice::proxy
