// World: what a program's tasks need besides the reactor they run on, in reality or simulated.
#ifndef SLUICE_TESTS_FUZZ_WORLD_H_
#define SLUICE_TESTS_FUZZ_WORLD_H_

#include <cstddef>
#include <memory>
#include <string>

#include "core/net/socket_api.h"
#include "core/sched/worker.h"

namespace sluice::fuzz {

// The other end of a connection; never waits. Goes with a reset.
class Far {
 public:
  virtual ~Far() = default;
  // How many of them were taken.
  virtual size_t Send(const std::string& bytes) = 0;
  // What is there, at most `limit`; "" when there is nothing now.
  virtual std::string Receive(size_t limit) = 0;
  virtual bool ended() const = 0;  // Receive has met the end of the stream
  virtual void Finish() = 0;
  virtual void Reset() = 0;
};

class World {
 public:
  virtual ~World() = default;
  // A listening descriptor of the reactor's.
  virtual int Listen(int family) = 0;
  // A client that connects to what `accept_fd` listens on.
  virtual std::unique_ptr<Far> Dial(int accept_fd) = 0;

  // A server that can be connected to, one connection at a time.
  class Target {
   public:
    virtual ~Target() = default;
    virtual core::Address address() const = 0;
    // The other end of `fd`, which has just been connected.
    virtual std::unique_ptr<Far> Accept(int fd) = 0;
  };
  virtual std::unique_ptr<Target> MakeTarget(int family) = 0;
};

}  // namespace sluice::fuzz

#endif  // SLUICE_TESTS_FUZZ_WORLD_H_
