// The simulated world of tests/sim without a proxy in it: two workers on one thread run a program.
#ifndef SLUICE_TESTS_FUZZ_SIM_WORLD_H_
#define SLUICE_TESTS_FUZZ_SIM_WORLD_H_

#include <deque>
#include <map>
#include <memory>

#include "core/runtime/spawn.h"
#include "core/task/task.h"
#include "tests/fuzz/program.h"
#include "tests/fuzz/world.h"
#include "tests/sim/checker.h"
#include "tests/sim/kernel.h"
#include "tests/sim/network.h"
#include "tests/sim/scenario.h"
#include "tests/sim/trace.h"

namespace sluice::fuzz {

class SimWorld final : public World, private core::TaskEndObserver {
 public:
  SimWorld(const Program& program, sim::Mutant mutant);

  int Listen(int family) override;
  std::unique_ptr<Far> Dial(int accept_fd) override;
  std::unique_ptr<Target> MakeTarget(int family) override;

  core::RuntimeHandle handle() { return core::RuntimeHandle(shared_); }
  // Returns when `main` has ended and nothing is left; else ends the process.
  void Run(core::Task<void> main);

  sim::Network& network() { return network_; }
  sim::Socket& server_side(int fd) { return *server_sides_.at(fd); }

 private:
  void TaskEnded() override { ended_ = true; }
  void Attach(sim::Socket& proxy_side);
  bool Step(core::Worker& worker);
  void CheckNothingLeft();

  const sim::Scenario scenario_;
  sim::SimClock clock_;
  sim::Trace trace_;
  sim::Random random_;
  sim::Network network_;
  sim::Checker checker_;
  sim::Kernel kernel_;
  sim::Socket nobody_;  // the other side of every session: here are none
  std::deque<sim::Session> sessions_;
  std::map<int, sim::Socket*> server_sides_;
  core::Shared shared_;
  bool ended_ = false;
};

}  // namespace sluice::fuzz

#endif  // SLUICE_TESTS_FUZZ_SIM_WORLD_H_
