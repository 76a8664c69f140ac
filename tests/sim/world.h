// World: one simulation from beginning to end: the real Server on simulated workers, the network,
// the peers, and the order in which they move.
#ifndef SLUICE_TESTS_SIM_WORLD_H_
#define SLUICE_TESTS_SIM_WORLD_H_

#include <deque>
#include <memory>

#include "conf/config.h"
#include "core/io/signals.h"
#include "core/runtime/spawn.h"
#include "core/sched/worker.h"
#include "proxy/memory/heap_reserve.h"
#include "proxy/server/server.h"
#include "tests/sim/checker.h"
#include "tests/sim/kernel.h"
#include "tests/sim/network.h"
#include "tests/sim/peer.h"
#include "tests/sim/record_checker.h"
#include "tests/sim/scenario.h"
#include "tests/sim/sim_reactor.h"
#include "tests/sim/wall_clock.h"

namespace sluice::sim {

class World final : private core::TaskEndObserver {
 public:
  explicit World(const RunOptions& options);

  // Returns when all is well; a failure ends the process (Trace::Fail).
  void Run();

 private:
  void TaskEnded() override { server_ended_ = true; }

  void MakeWorkers();
  void ClientComes(uint32_t id);
  void Signal(int signal);
  void ScheduleOtherSignals();
  void ScheduleChanges(Fault fault, int signal, uint64_t stream, int64_t most);
  conf::Config NextConfig();
  proxy::Snapshot SnapshotOf(uint64_t number);
  void ScheduleWallJumps();
  bool Step(core::Worker& worker);
  void Settle();
  bool MaybeEvent();
  void CheckAtRest();
  void AdvanceTime();
  void CheckNothingLeft();
  SimReactor& reactor(const core::Worker& worker) {
    return static_cast<SimReactor&>(const_cast<core::Worker&>(worker).reactor());
  }

  const Scenario scenario_;
  SimClock clock_;
  WallClock wall_{clock_};
  Trace trace_;
  Random random_;
  Network network_;
  Checker checker_;
  RecordChecker records_;
  Kernel kernel_;
  std::deque<Peer> peers_;
  uint64_t servers_ = 0;
  uint64_t reloads_ = 0;
  const conf::Config config_;
  core::BufferReserve buffer_reserve_;  // a block for each direction of each session
  core::Shared shared_;
  core::SignalStream signals_;
  proxy::HeapReserve reserve_{0, [] { return true; }};  // memory is never short here
  std::unique_ptr<proxy::Server> server_;
  bool server_ended_ = false;
  core::Duration drift_left_{0};
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_WORLD_H_
