// HandoverCodec: the messages by which a process hands its listening sockets to its successor, as
// bytes: pure functions.
//
//   successor (the new binary)                                predecessor (it serves)
//
//   HELLO    the versions that it speaks ─────────────────────►
//            ◄───────────────────────────────────── SOCKETS   what they are; their descriptors
//   ACK      how many it has by now ──────────────────────────►      travel beside the bytes
//            (SOCKETS and ACK until it has all of them; once when there are none)
//   READY    which of them it will serve ─────────────────────►
//            ◄───────────────────────────────────── COMMIT    it accepts nothing any more
//   SERVING  the sockets and their files are its own ─────────►
//
// Each message is one packet of a SOCK_SEQPACKET socket:
//
//   "SLHO"  type (1 byte)  fields: a number is 8 bytes, little-endian; a text is its length and it
//
// HELLO has this form in every version. Whatever else changes is another version.
// What DecodeHandover takes is exactly what Encode gives.
// Checked by: tests/proxy/server/handover_codec_test.cc, tests/fuzz/handover_fuzz.cc.
#ifndef SLUICE_PROXY_SERVER_HANDOVER_CODEC_H_
#define SLUICE_PROXY_SERVER_HANDOVER_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "core/net/socket_file.h"
#include "core/net/socket_options.h"

namespace sluice::proxy {

inline constexpr uint16_t kHandoverVersion = 1;

// Bounds: of one packet, and of all that is handed over. The kernel takes 253 descriptors.
inline constexpr size_t kSocketsPerPacket = 252;
inline constexpr size_t kPacketBytes = 48 << 10;
inline constexpr size_t kSocketsMost = size_t{1} << 18;

// A listening socket.
struct HandoverSocket {
  std::string address;  // as it is configured
  core::ListenOptions options = {};
  std::string file = "";  // of a UNIX socket: its path, and which file that is
  core::FileId file_id = {};

  bool operator==(const HandoverSocket&) const = default;
};

namespace handover {

struct Hello {
  uint16_t lowest = kHandoverVersion;
  uint16_t highest = kHandoverVersion;
  bool operator==(const Hello&) const = default;
};

struct Sockets {
  uint32_t total = 0;  // of all packets
  uint32_t first = 0;  // which one of them is the first here
  std::vector<HandoverSocket> sockets = {};
  bool operator==(const Sockets&) const = default;
};

struct Ack {
  uint32_t received = 0;
  bool operator==(const Ack&) const = default;
};

struct Ready {
  std::vector<bool> serves = {};  // one for each socket
  bool operator==(const Ready&) const = default;
};

struct Commit {
  bool operator==(const Commit&) const = default;
};

struct Serving {
  bool operator==(const Serving&) const = default;
};

using Message = std::variant<Hello, Sockets, Ack, Ready, Commit, Serving>;

// Within the bounds above.
std::string Encode(const Message& message);

// An error is a sentence about what is wrong.
absl::StatusOr<Message> Decode(std::string_view packet);

// The SOCKETS messages for `sockets`, each within the bounds of a packet; at least one.
std::vector<Sockets> Split(const std::vector<HandoverSocket>& sockets);

}  // namespace handover
}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_HANDOVER_CODEC_H_
