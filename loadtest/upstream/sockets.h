// TCP sockets for generator and upstream: non-blocking, TCP_NODELAY, numeric addresses only.
// Functions that return a descriptor give it to the caller; a negative one is -errno.
#ifndef SLUICE_LOADTEST_UPSTREAM_SOCKETS_H_
#define SLUICE_LOADTEST_UPSTREAM_SOCKETS_H_

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

namespace sluice::loadtest {

struct Address {
  sockaddr_storage storage;
  socklen_t size;
};

// "127.0.0.1:80" or "[::1]:80".
std::optional<Address> ParseAddress(const std::string& text);

// Starts to connect. `serial` spreads the connections over source addresses where the target is on
// IPv4 loopback, so that their number is not bounded by the ports of one address.
// `buffer`: bytes of the socket's send and receive buffers; 0 leaves them to the kernel.
int Dial(const Address& target, uint64_t serial, uint64_t buffer = 0);

int Listen(const Address& address, uint64_t buffer = 0);

// The next connection of a listening socket; -EAGAIN when there is none.
int Accept(int listener);

uint16_t PortOf(int fd);

// The pending error of a socket as an errno, 0 when there is none.
int PendingError(int fd);

// Raises the process's limit of descriptors to the largest that it may have.
void RaiseDescriptorLimit();

}  // namespace sluice::loadtest

#endif  // SLUICE_LOADTEST_UPSTREAM_SOCKETS_H_
