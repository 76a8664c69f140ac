// Planted: whether the simulation that runs has this mistake. Asked by the copy of the proxy's code
// that plant.py makes.
#ifndef SLUICE_TESTS_SIM_PLANTED_H_
#define SLUICE_TESTS_SIM_PLANTED_H_

#include "tests/sim/scenario.h"
#include "tests/sim/wall_clock.h"

namespace sluice::sim {

// Set when a simulation begins; every simulation's process runs one at a time.
inline Mutant planted = Mutant::kNone;

inline bool Planted(Mutant mutant) { return planted == mutant; }

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_PLANTED_H_
