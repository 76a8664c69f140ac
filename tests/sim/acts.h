// Acts: what an administrator does to the simulated proxy: ends sessions one by one and by a
// filter, ends a share of them over a time, takes endpoints out and back in. Each is told to the
// checker, which knows from then on what has to come of it.
#ifndef SLUICE_TESTS_SIM_ACTS_H_
#define SLUICE_TESTS_SIM_ACTS_H_

#include <cstdint>

#include "proxy/server/server.h"
#include "proxy/session/session_row.h"
#include "tests/sim/checker.h"
#include "tests/sim/network.h"
#include "tests/sim/random.h"
#include "tests/sim/scenario.h"
#include "tests/sim/trace.h"

namespace sluice::sim {

class Acts {
 public:
  Acts(const Scenario& scenario, proxy::Server& server, Checker& checker, Trace& trace)
      : scenario_(scenario),
        server_(server),
        checker_(checker),
        trace_(trace),
        random_(scenario.options.seed, 14) {}

  // Some, until the server has ended.
  void Schedule(Network& network, const bool& has_ended);

 private:
  // One of them, as a thread that is no worker's would.
  void Do();

  void KillOne();
  void KillSome();
  void Shed();
  void ChangeEndpoint();

  const Scenario& scenario_;
  proxy::Server& server_;
  Checker& checker_;
  Trace& trace_;
  Random random_;
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_ACTS_H_
