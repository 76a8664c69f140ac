// Program: what a fuzz input makes the reactors do, decoded from its bytes. Every input is one.
#ifndef SLUICE_TESTS_FUZZ_PROGRAM_H_
#define SLUICE_TESTS_FUZZ_PROGRAM_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::fuzz {

enum class Action : uint8_t {
  kPeerSends,     // amount: bytes
  kPeerReceives,  // amount: bytes at most
  kPeerFinishes,
  kPeerResets,
  kRecv,    // amount: credit
  kTake,    // one buffer, held
  kReturn,  // all that are held
  kSend,    // amount: bytes
  kFinish,
  kPoll,  // amount: for what
  kCancelRecv,
  kCancelSend,
  kCancelPoll,
  kMove,    // amount: to which worker
  kYield,   // amount: how often
  kSync,    // wait until all that was promised has happened, and write down what has
  kReopen,  // amount: another connection, made in which way
  kCount,
};

const char* Name(Action action);

struct Step {
  Action action;
  uint32_t amount;
  uint32_t way = 0;  // 0 to 3: by which kind of op, where several do the same
};

struct Program {
  explicit Program(std::string_view bytes);

  uint64_t seed;  // of the simulation
  uint32_t buffers;
  uint32_t buffer_size;
  bool large_buffers;
  bool small_sockets;                       // in reality: sends do not fit at once
  bool reads;                               // into memory of the task's, too
  bool writes;                              // by write(2) and sendmsg(2), too
  bool opens;                               // of files
  bool multishot;                           // in the simulation
  uint32_t completion_style;                // in the simulation: per mille
  std::vector<std::vector<Step>> channels;  // of each: what its task does, in order
};

}  // namespace sluice::fuzz

#endif  // SLUICE_TESTS_FUZZ_PROGRAM_H_
