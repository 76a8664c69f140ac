#include "proxy/session/head.h"

#include <cerrno>
#include <utility>

namespace sluice::proxy {

core::Task<int> TakeOver(core::RecvStream& stream, Head& head) {
  while (!co_await stream.Halt()) {
  }
  for (;;) {
    core::IoResult<core::BufferLease> next = stream.Take();
    if (!next.ok()) co_return next.error() == ECANCELED ? 0 : next.error();
    if (next->empty()) co_return 0;
    head.read.push_back(std::move(*next));
  }
}

}  // namespace sluice::proxy
