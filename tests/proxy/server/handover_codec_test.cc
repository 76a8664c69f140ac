// The messages of the hand-over, as bytes and back.
#include "proxy/server/handover_codec.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sluice::proxy::handover {
namespace {

HandoverSocket Sample(size_t number) {
  HandoverSocket socket;
  socket.address = absl::StrCat("unix:/run/", number);
  socket.options = {.backlog = 7,
                    .ipv6_only = false,
                    .unix_mode = 0660,
                    .unix_uid = 1000,
                    .unix_gid = -1,
                    .defer_accept = 3s,
                    .fast_open = 5,
                    .connection = {.receive_buffer = 65536,
                                   .send_buffer = 4096,
                                   .notsent_lowat = 1,
                                   .congestion = "cubic",
                                   .keepalive = 7s,
                                   .keepalive_interval = 8s,
                                   .keepalive_probes = 9,
                                   .user_timeout = 10ms}};
  socket.file = absl::StrCat("/run/", number);
  socket.file_id = {.device = 1, .inode = ~uint64_t{0} - number};
  return socket;
}

std::vector<Message> Samples() {
  return {Hello{.lowest = 2, .highest = 9},
          Sockets{},
          Sockets{.total = 5, .first = 2, .sockets = {Sample(1), HandoverSocket(), Sample(2)}},
          Ack{.received = 77},
          Ready{},
          Ready{.serves = {true}},
          Ready{.serves = std::vector<bool>(8, true)},
          Ready{.serves = {true, false, true, true, false, false, false, true, true, false}},
          Commit{},
          Serving{}};
}

TEST(HandoverCodec, GivesBackWhatItGot) {
  for (const Message& message : Samples()) {
    const absl::StatusOr<Message> decoded = Decode(Encode(message));
    ASSERT_TRUE(decoded.ok()) << decoded.status() << " type " << message.index();
    EXPECT_TRUE(*decoded == message) << "type " << message.index();
  }
}

// A packet that is shorter, longer or has another bit is another message or none.
TEST(HandoverCodec, TakesNothingThatIsDamaged) {
  for (const Message& message : Samples()) {
    const std::string packet = Encode(message);
    for (size_t size = 0; size < packet.size(); ++size) {
      EXPECT_FALSE(Decode(packet.substr(0, size)).ok());
    }
    EXPECT_FALSE(Decode(packet + '\0').ok());
    for (size_t bit = 0; bit < packet.size() * 8; ++bit) {
      std::string other = packet;
      other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
      const absl::StatusOr<Message> decoded = Decode(other);
      EXPECT_FALSE(decoded.ok() && *decoded == message) << "type " << message.index();
    }
  }
}

TEST(HandoverCodec, TakesNoMoreThanThereAre) {
  EXPECT_FALSE(Decode(Encode(Sockets{.total = 1, .first = 1, .sockets = {Sample(1)}})).ok());
  EXPECT_FALSE(Decode(Encode(Sockets{.total = 0, .first = 1})).ok());
  EXPECT_FALSE(Decode(Encode(Sockets{.total = kSocketsMost + 1})).ok());
}

TEST(HandoverCodec, SplitsIntoPacketsWithinTheirBounds) {
  for (const size_t count : {size_t{0}, size_t{1}, size_t{252}, size_t{253}, size_t{1000}}) {
    for (const size_t length : {size_t{1}, size_t{1000}}) {
      std::vector<HandoverSocket> sockets;
      for (size_t i = 0; i < count; ++i) {
        sockets.push_back(Sample(i));
        sockets.back().file += std::string(length, 'x');
      }
      std::vector<HandoverSocket> joined;
      const std::vector<Sockets> messages = Split(sockets);
      EXPECT_FALSE(messages.empty());
      for (const Sockets& message : messages) {
        EXPECT_EQ(message.total, count);
        EXPECT_EQ(message.first, joined.size());
        EXPECT_LE(message.sockets.size(), kSocketsPerPacket);
        EXPECT_LE(Encode(message).size(), kPacketBytes);
        joined.insert(joined.end(), message.sockets.begin(), message.sockets.end());
      }
      EXPECT_TRUE(joined == sockets);
    }
  }
}

}  // namespace
}  // namespace sluice::proxy::handover
