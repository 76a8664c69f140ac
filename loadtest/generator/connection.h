// Connection: one TCP connection of the generator and the request that is in flight on it.
#ifndef SLUICE_LOADTEST_GENERATOR_CONNECTION_H_
#define SLUICE_LOADTEST_GENERATOR_CONNECTION_H_

#include <cstdint>

namespace sluice::loadtest {

class Shape;

struct Connection {
  int fd = -1;  // -1: not open
  Shape* shape = nullptr;
  bool opening = false;  // the engine's; else the shape's

  // The request in flight, if answer_left > 0.
  uint64_t id = 0;
  uint64_t due_ns = 0;  // when it was, or was meant to be, sent
  uint64_t request_bytes = 0;
  uint64_t request_left = 0;
  uint64_t answer_bytes = 0;
  uint64_t answer_left = 0;
  uint64_t answer_id = 0;  // as far as it has arrived

  bool busy() const { return answer_left > 0; }
};

}  // namespace sluice::loadtest

#endif  // SLUICE_LOADTEST_GENERATOR_CONNECTION_H_
