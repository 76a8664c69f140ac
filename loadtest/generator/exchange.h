// Exchange: sends a request on a connection and takes its answer, as wire.h says; one thread.
//
// Never blocks. After a request has been begun, every event of the connection goes to Continue()
// until it returns something other than kMore.
#ifndef SLUICE_LOADTEST_GENERATOR_EXCHANGE_H_
#define SLUICE_LOADTEST_GENERATOR_EXCHANGE_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "loadtest/generator/connection.h"
#include "loadtest/upstream/wire.h"

namespace sluice::loadtest {

enum class Progress {
  kMore,    // the answer is not complete
  kDone,    // it is
  kBroken,  // the connection ended or failed
  kWrong,   // this is not the answer to that request
};

class Exchange {
 public:
  explicit Exchange(bool verify);

  // kMore or kBroken. `due_ns` is noted; the two sizes are at least wire.h's smallest.
  Progress Begin(Connection& connection, uint64_t request_bytes, uint64_t answer_bytes,
                 uint64_t due_ns);

  Progress Continue(Connection& connection);

  // Raw parts, for streams: the descriptor's recv and send, with the pattern as data.
  // What they return is the system call's; -errno for a failure.
  int64_t Receive(Connection& connection, uint64_t offset, size_t most, bool* right);
  int64_t SendPattern(Connection& connection, uint64_t offset, size_t most = kPatternBytes);

  // For shapes that keep requests themselves. Right() compares bytes of an answer, of which the
  // first is the one at `offset`, with the pattern; only where that was asked for.
  uint64_t NextId() { return next_id_++; }
  bool Right(const char* data, uint64_t offset, size_t bytes) const;

  // The bytes that Receive() has just put there.
  const char* received() const { return buffer_.get(); }

  static constexpr size_t kReceiveBytes = size_t{1} << 20;

 private:
  Progress SendRest(Connection& connection);
  Progress Take(Connection& connection, size_t bytes);

  const bool verify_;
  uint64_t next_id_ = 1;
  const std::unique_ptr<char[]> buffer_;
  const std::unique_ptr<Pattern> pattern_;
};

}  // namespace sluice::loadtest

#endif  // SLUICE_LOADTEST_GENERATOR_EXCHANGE_H_
