// Plain sockets for the other end of a connection, worked by plain system calls: whatever the
// reactor under test does, these do what they are told.
#ifndef SLUICE_TESTS_CONTRACT_SOCKETS_H_
#define SLUICE_TESTS_CONTRACT_SOCKETS_H_

#include <cstddef>
#include <string>
#include <utility>

#include "core/net/socket_api.h"

namespace sluice::contract {

// A descriptor that is closed by close(2).
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { Close(); }
  void Close();
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// A connected pair: `ours` is for the reactor (made as it wants it; to be closed by CloseHere),
// `peer` is not blocking and ours to close. Inside a task.
struct Pair {
  Pair(int ours, Fd peer) : ours(ours), peer(std::move(peer)) {}
  Pair(Pair&&) = default;
  // A peer that is still open goes with RST: thousands of connections in TIME_WAIT would use up the
  // ports of this machine.
  ~Pair();
  int ours;
  Fd peer;
};
Pair ConnectTcp();
Pair ConnectUnix();
// What ConnectTcp connects to, one for the process. To be made before descriptors are counted.
int PairListener();

// Hands a descriptor back through the reactor of the current worker.
void CloseHere(int fd);

core::Address Loopback(int port = 0);
core::Address Loopback6(int port = 0);
// A name of no file, another for every call.
core::Address AbstractName();

// A listening socket on loopback, for the other end; and a connection to `address`, blocking.
Fd ListenPlain(int backlog = 128);
Fd ConnectPlain(const core::Address& address);
Fd AcceptPlain(int listener);
core::Address AddressOf(int fd);

// All of `bytes`, or as much as fits when the socket is full.
size_t SendSome(int fd, const std::string& bytes);
// To a UNIX socket: `bytes`, and a descriptor that is passed with them. How many of them it took.
size_t SendWithDescriptor(int fd, std::string bytes, int passed);
// What is there now, at most `limit`.
std::string ReceiveSome(int fd, size_t limit = 1 << 20);
// Blocks until `count` bytes have come or the stream has ended.
std::string ReceiveExactly(int fd, size_t count);
// Closes with RST.
void Reset(Fd& fd);
// True: the stream has ended here (and nothing is left to read); waits for it.
bool WaitForEnd(int fd);

void SetBlocking(int fd, bool blocking);
void SetBufferSizes(int fd, int bytes);

// Byte number `position` of an endless text without a period worth mentioning.
inline char ByteAt(size_t position) {
  return static_cast<char>((position * 0x9E3779B97F4A7C15u) >> 56);
}
std::string BytesAt(size_t position, size_t count);

}  // namespace sluice::contract

#endif  // SLUICE_TESTS_CONTRACT_SOCKETS_H_
