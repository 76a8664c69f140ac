// The protocol between generator and upstream, by which every byte can be accounted for.
//
//   request   | id | request_bytes | answer_bytes | anything, up to request_bytes |
//   answer    | id | the pattern, up to answer_bytes |
//   trailer   | magic | received | sent |     after kEndless bytes, once the client has sent a FIN
//
// All integers are 64 bits in the byte order of the machine: both ends must have the same. A
// request of kEndless bytes is answered at once, another one when it has arrived completely. The
// next may follow at once, except behind a request or an answer without end; answers come in the
// order of their requests.
#ifndef SLUICE_LOADTEST_UPSTREAM_WIRE_H_
#define SLUICE_LOADTEST_UPSTREAM_WIRE_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace sluice::loadtest {

inline constexpr uint64_t kEndless = ~uint64_t{0};

struct RequestHeader {
  uint64_t id;
  uint64_t request_bytes;
  uint64_t answer_bytes;
};

struct Trailer {
  uint64_t magic;
  uint64_t received;  // bytes of the request, with its header
  uint64_t sent;      // bytes of the answer, without this trailer
};

inline constexpr uint64_t kTrailerMagic = 0x5f'73'65'74'79'42'6c'6cu;
inline constexpr uint64_t kSmallestRequest = sizeof(RequestHeader);
inline constexpr uint64_t kSmallestAnswer = sizeof(uint64_t);

// Byte k of an answer is pattern[k % size]; its first eight are overwritten by the id.
inline constexpr size_t kPatternBytes = size_t{1} << 20;
using Pattern = std::array<char, kPatternBytes>;

inline void Fill(Pattern& pattern) {
  uint32_t state = 1;
  for (char& byte : pattern) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<char>(state >> 24);
  }
}

}  // namespace sluice::loadtest

#endif  // SLUICE_LOADTEST_UPSTREAM_WIRE_H_
