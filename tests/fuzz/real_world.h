// The world as it is: loopback and UNIX sockets.
#ifndef SLUICE_TESTS_FUZZ_REAL_WORLD_H_
#define SLUICE_TESTS_FUZZ_REAL_WORLD_H_

#include "tests/fuzz/world.h"

namespace sluice::fuzz {

class RealWorld final : public World {
 public:
  int Listen(int family) override;
  std::unique_ptr<Far> Dial(int accept_fd) override;
  std::unique_ptr<Target> MakeTarget(int family) override;
};

}  // namespace sluice::fuzz

#endif  // SLUICE_TESTS_FUZZ_REAL_WORLD_H_
