#include "tests/fuzz/program.h"

#include <iterator>

namespace sluice::fuzz {
namespace {

constexpr size_t kMaxChannels = 3;
constexpr size_t kMaxSteps = 200;

class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : rest_(bytes) {}
  bool empty() const { return rest_.empty(); }
  uint8_t Next() {
    if (rest_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }

 private:
  std::string_view rest_;
};

// Mostly small, now and then up to 128 KiB: three bits of scale, five of fraction.
uint32_t Amount(uint8_t byte) { return 1 + ((byte & 31u) << (byte >> 5) << (byte >> 6)); }

}  // namespace

const char* Name(Action action) {
  constexpr const char* kNames[] = {
      "PeerSends",  "PeerReceives", "PeerFinishes", "PeerResets", "Recv",       "Take",
      "Return",     "Send",         "Finish",       "Poll",       "CancelRecv", "CancelSend",
      "CancelPoll", "Move",         "Yield",        "Sync",       "Reopen"};
  static_assert(std::size(kNames) == static_cast<size_t>(Action::kCount));
  return kNames[static_cast<size_t>(action)];
}

Program::Program(std::string_view bytes) {
  Bytes input(bytes);
  seed = uint64_t{input.Next()} << 8 | input.Next();
  const uint8_t setting = input.Next();
  channels.resize(1 + setting % kMaxChannels);
  buffers = 1u << (setting / 4 % 8);
  buffer_size = (setting & 128) != 0 ? 256 : 4096;
  const uint8_t style = input.Next();
  large_buffers = (style & 1) != 0;
  small_sockets = (style & 16) != 0;
  multishot = (style & 2) != 0;
  reads = (style & 32) != 0;
  writes = (style & 64) != 0;
  opens = (style & 128) != 0;
  completion_style = (style & 4) != 0 ? 1000 : (style & 8) != 0 ? 500 : 0;
  for (size_t i = 0; i < kMaxSteps && !input.empty(); ++i) {
    const uint8_t what = input.Next();
    const auto action = static_cast<Action>(what % static_cast<uint8_t>(Action::kCount));
    const uint8_t how = input.Next();
    channels[what / 64 % channels.size()].push_back({action, Amount(how), how % 4u});
  }
}

}  // namespace sluice::fuzz
