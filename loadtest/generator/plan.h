// Plan: what the generator has to do, as JSON; the README.md of loadtest/ lists the fields.
#ifndef SLUICE_LOADTEST_GENERATOR_PLAN_H_
#define SLUICE_LOADTEST_GENERATOR_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "loadtest/upstream/sockets.h"

namespace sluice::loadtest {

// Connections that all behave alike.
struct GroupPlan {
  std::string name;
  std::string shape;  // closed | open | churn | storm | bulk | idle | slow
  uint64_t connections = 1;
  uint64_t request_bytes = 0;
  uint64_t answer_bytes = 0;
  double rate = 0;           // per second of all connections together: open: requests; churn: new
                             // connections, 0 = as fast as others end; bulk: writes, 0 = all it can
  std::string direction;     // bulk: down | up | both
  uint64_t read_rate = 0;    // slow: bytes per second and connection; 0 = reads nothing
  uint64_t pipeline = 1;     // closed: requests in flight on each connection
  uint64_t write_bytes = 0;  // bulk, up: bytes of each write; 0 = as many as fit
  std::string close;         // churn, storm: fin | reset
  double lasts_s = 0;  // closed: its connections close so long after they began; 0 = at the end
  // Connected sockets that this process has inherited, one for each connection; none = it dials.
  std::vector<int> descriptors;
};

struct Plan {
  Address target;
  double warmup_s = 0.5;
  double seconds = 1;  // 0 = until standard input ends
  bool spin = false;   // never sleep: for exact send times, where the generator has a CPU to itself
  bool verify = false;         // compare every byte of the answers with the pattern
  uint64_t socket_buffer = 0;  // bytes, of each socket's send and receive buffers; 0 = the kernel's
  std::vector<GroupPlan> groups;
};

// Empty for a valid plan, else what is wrong and where.
std::string ParsePlan(const std::string& text, Plan* plan);

}  // namespace sluice::loadtest

#endif  // SLUICE_LOADTEST_GENERATOR_PLAN_H_
