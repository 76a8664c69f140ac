// Transferred: what came of moving many bytes: how many have been moved, and the error that ended
// it. `Transferred sent = co_await WriteAll(stream, bytes);`
//
// An end by an error or by cancellation (ECANCELED) says how far it came, so that a caller goes on
// there: `co_await WriteAll(stream, bytes.subspan(sent.bytes()))`.
#ifndef SLUICE_CORE_BYTES_TRANSFERRED_H_
#define SLUICE_CORE_BYTES_TRANSFERRED_H_

#include <cerrno>
#include <cstdint>

namespace sluice::core {

// The stream has ended inside of what was to be read as a whole.
inline constexpr int kEndedEarly = ENODATA;
// A unit of a stream (a line, a frame) is larger than its limit.
inline constexpr int kTooLarge = EMSGSIZE;

class [[nodiscard]] Transferred {
 public:
  // `error`: an errno; 0: all has been moved.
  Transferred(uint64_t bytes, int error) : bytes_(bytes), error_(error) {}
  Transferred() = default;

  bool ok() const { return error_ == 0; }
  int error() const { return error_; }
  uint64_t bytes() const { return bytes_; }

 private:
  uint64_t bytes_ = 0;
  int error_ = 0;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_BYTES_TRANSFERRED_H_
