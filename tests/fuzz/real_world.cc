#include "tests/fuzz/real_world.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "core/base/check.h"
#include "tests/contract/sockets.h"

namespace sluice::fuzz {
namespace {

using contract::Fd;
using core::Address;

class RealFar final : public Far {
 public:
  explicit RealFar(Fd fd) : fd_(std::move(fd)) { contract::SetBlocking(fd_.get(), false); }
  // With RST: thousands of connections in TIME_WAIT would use up the ports of this machine.
  ~RealFar() override { Reset(); }

  size_t Send(const std::string& bytes) override { return contract::SendSome(fd_.get(), bytes); }
  std::string Receive(size_t limit) override {
    std::string text(limit, '\0');
    const ssize_t bytes = recv(fd_.get(), text.data(), text.size(), MSG_DONTWAIT);
    ended_ = ended_ || bytes == 0;
    text.resize(bytes > 0 ? static_cast<size_t>(bytes) : 0);
    return text;
  }
  bool ended() const override { return ended_; }
  void Finish() override { shutdown(fd_.get(), SHUT_WR); }
  void Reset() override {
    if (fd_.ok()) contract::Reset(fd_);
  }

 private:
  Fd fd_;
  bool ended_ = false;
};

Address NewAddress(int family) {
  return family == AF_UNIX ? contract::AbstractName() : contract::Loopback();
}

class RealTarget final : public World::Target {
 public:
  explicit RealTarget(int family) {
    core::IoResult<int> fd = core::SocketApi().Listen(NewAddress(family), {.backlog = 16});
    SLUICE_CHECK(fd.ok());
    listener_ = Fd(*fd);
  }
  Address address() const override { return contract::AddressOf(listener_.get()); }
  // One that was cancelled may be in the queue, too: its other end has another name, or is gone.
  std::unique_ptr<Far> Accept(int fd) override {
    for (;;) {
      Fd peer = contract::AcceptPlain(listener_.get());
      const bool local = address().family() == AF_UNIX;
      if (local || core::SocketApi().PeerAddress(peer.get()).ToString() ==
                       core::SocketApi().LocalAddress(fd).ToString()) {
        return std::make_unique<RealFar>(std::move(peer));
      }
    }
  }

 private:
  Fd listener_;
};

}  // namespace

int RealWorld::Listen(int family) {
  core::IoResult<int> fd =
      core::Worker::Current()->reactor().Listen(NewAddress(family), {.backlog = 16});
  SLUICE_CHECK(fd.ok());
  return *fd;
}

std::unique_ptr<Far> RealWorld::Dial(int accept_fd) {
  return std::make_unique<RealFar>(contract::ConnectPlain(contract::AddressOf(accept_fd)));
}

std::unique_ptr<World::Target> RealWorld::MakeTarget(int family) {
  return std::make_unique<RealTarget>(family);
}

}  // namespace sluice::fuzz
