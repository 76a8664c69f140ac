// The messages of the hand-over: what is taken is written in the same bytes, and what is written is
// taken; sockets are split into packets without loss.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "proxy/server/handover_codec.h"
#include "tests/fuzz/target.h"

namespace sluice::fuzz {
namespace {

using proxy::HandoverSocket;
using proxy::handover::Decode;
using proxy::handover::Encode;
using proxy::handover::Message;
using proxy::handover::Ready;
using proxy::handover::Sockets;
using proxy::handover::Split;

enum Mistake : size_t { kNone, kLosesASocket, kTakesLonger, kWritesAnother };

// Sockets, and answers about them, that are as long and as many as the input says.
std::vector<HandoverSocket> SocketsOf(std::string_view input) {
  std::vector<HandoverSocket> sockets;
  for (size_t at = 0; at < input.size(); at += 3) {
    const std::string_view part = input.substr(at, 3);
    HandoverSocket& socket = sockets.emplace_back();
    socket.address = std::string(static_cast<unsigned char>(part[0]), 'a');
    socket.options.backlog = static_cast<signed char>(part[0]) * 8'000'000;
    if (part.size() > 1) socket.file = std::string(part[1] * 8 & 0xff, 'f');
    if (part.size() > 2) socket.file_id.inode = static_cast<uint64_t>(part[2]) << 50;
  }
  return sockets;
}

void CheckSockets(std::string_view input, size_t mistake) {
  const std::vector<HandoverSocket> sockets = SocketsOf(input);
  std::vector<HandoverSocket> joined;
  for (const Sockets& message : Split(sockets)) {
    const std::string packet = Encode(message);
    Expect(packet.size() <= proxy::kPacketBytes, "packets have a bound", input);
    const absl::StatusOr<Message> decoded = Decode(packet);
    Expect(decoded.ok() && *decoded == Message(message), "what is written is taken", input);
    joined.insert(joined.end(), message.sockets.begin(), message.sockets.end());
  }
  if (mistake == kLosesASocket && joined.size() > 2) joined.pop_back();
  Expect(joined == sockets, "all sockets are in the packets", input);
}

void CheckReady(std::string_view input) {
  Ready ready;
  for (const char c : input) ready.serves.push_back((c & 1) != 0);
  const absl::StatusOr<Message> decoded = Decode(Encode(ready));
  Expect(decoded.ok() && *decoded == Message(ready), "answers come back", input);
}

void Check(std::string_view input, size_t mistake) {
  CheckSockets(input, mistake);
  CheckReady(input);
  absl::StatusOr<Message> message = Decode(input);
  if (mistake == kTakesLonger && !message.ok() && !input.empty()) {
    message = Decode(input.substr(0, input.size() - 1));
  }
  if (!message.ok()) return;
  std::string packet = Encode(*message);
  if (mistake == kWritesAnother && message->index() > 0) ++packet.back();
  Expect(packet == input, "there is one form", input);
}

}  // namespace

const Target& TheTarget() {
  using std::string_literals::operator""s;
  static const Target target = {
      .name = "handover",
      .run = Check,
      .mistakes = {"a socket is lost", "a longer packet is taken", "another form is written"},
      .words = {"SLHO", "SLHO\0"s, "SLHO\1"s, "SLHO\2"s, "SLHO\3"s, "SLHO\4"s, "SLHO\5"s,
                "\0\0\0\0\0\0\0\0"s, "\1\0\0\0\0\0\0\0"s, "\2\0\0\0\0\0\0\0"s,
                "\xff\xff\xff\xff\xff\xff\xff\xff"s, "\0"s, "\1", "\xff", "a", "/"},
      .random_inputs = 20000,
      .max_size = 512};
  return target;
}

}  // namespace sluice::fuzz
