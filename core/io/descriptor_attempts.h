// What can be waited for on a descriptor that may be no socket (a pipe, a terminal): a read, a
// write, a write of several parts. They are what PipeReader::Read and the like return.
#ifndef SLUICE_CORE_IO_DESCRIPTOR_ATTEMPTS_H_
#define SLUICE_CORE_IO_DESCRIPTOR_ATTEMPTS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/base/result.h"
#include "core/io/attempt.h"

namespace sluice::core {

// The open file has O_NONBLOCK, or is a socket: then the calls say that they do not wait.
enum class DescriptorKind : uint8_t { kNonBlocking, kSocket };

class [[nodiscard]] DescriptorRead final : public Attempt {
 public:
  DescriptorRead(int fd, DescriptorKind kind, std::span<std::byte> bytes, Lane& lane);
  IoResult<size_t> await_resume();

 private:
  int32_t Try() override;

  const std::span<std::byte> bytes_;
  const DescriptorKind kind_;
};

// One part is WriteMany of one.
class [[nodiscard]] DescriptorWrite final : public Attempt {
 public:
  using Parts = std::span<const std::span<const std::byte>>;

  DescriptorWrite(int fd, DescriptorKind kind, std::span<const std::byte> bytes, Lane& lane);
  DescriptorWrite(int fd, DescriptorKind kind, Parts parts, Lane& lane);
  IoResult<size_t> await_resume();

 private:
  int32_t Try() override;

  const std::span<const std::byte> bytes_;  // if `parts_` is empty
  const Parts parts_;
  const DescriptorKind kind_;
};

// Once for all: a write into a pipe that no one reads brings EPIPE and no SIGPIPE, which would end
// the process. Does nothing if the program has a handler of its own. Any thread.
void IgnoreBrokenPipes();

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_DESCRIPTOR_ATTEMPTS_H_
