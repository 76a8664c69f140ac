// Connect: a socket to an address. `IoResult<void> connected = co_await Connect(fd, address);`
#ifndef SLUICE_CORE_IO_CONNECT_H_
#define SLUICE_CORE_IO_CONNECT_H_

#include "core/io/single_op.h"
#include "core/net/address.h"

namespace sluice::core {

// `address` stays valid until the end.
class [[nodiscard]] Connect : public SingleOp<void> {
 public:
  Connect(int fd, const Address& address) : SingleOp(OpKind::kConnect, fd) {
    op_.data = address.get();
    op_.size = address.size();
  }
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_CONNECT_H_
