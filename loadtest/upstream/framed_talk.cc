#include "loadtest/upstream/framed_talk.h"

#include <algorithm>
#include <cstring>

namespace sluice::loadtest {
namespace {

// Shared by all connections: the id at its front is written again before each first part is sent.
Pattern& SharedPattern() {
  static Pattern& pattern = *[] {
    auto* filled = new Pattern;
    Fill(*filled);
    return filled;
  }();
  return pattern;
}

}  // namespace

size_t FramedTalk::TakeHeader(std::string_view data) {
  const size_t taken = std::min<size_t>(sizeof(header_) - header_have_, data.size());
  std::memcpy(reinterpret_cast<char*>(&header_) + header_have_, data.data(), taken);
  header_have_ += taken;
  if (header_have_ == sizeof(header_)) {
    request_left_ = header_.request_bytes == kEndless
                        ? kEndless
                        : header_.request_bytes - std::min(header_.request_bytes, kSmallestRequest);
  }
  return taken;
}

bool FramedTalk::Take(std::string_view data) {
  received_ += data.size();
  if (header_have_ < sizeof(header_)) data.remove_prefix(TakeHeader(data));
  if (header_have_ < sizeof(header_)) return true;
  if (request_left_ == kEndless) {
    answering_ = header_.answer_bytes > 0;
    return true;
  }
  if (data.size() > request_left_) return false;  // a second request before the first answer
  request_left_ -= data.size();
  answering_ = request_left_ == 0;
  return true;
}

void FramedTalk::TakeEnd() {
  answering_ = false;
  ending_ = endless();
  trailer_ = {kTrailerMagic, received_, sent_};
}

std::string_view FramedTalk::Next() {
  if (ending_) {
    const char* bytes = reinterpret_cast<const char*>(&trailer_);
    return {bytes + trailer_sent_, sizeof(trailer_) - trailer_sent_};
  }
  if (!answering_) return {};
  Pattern& pattern = SharedPattern();
  const size_t at = sent_ % kPatternBytes;
  const uint64_t most = endless() ? endless_part_ : kEndless;
  const size_t size = std::min({kPatternBytes - at, header_.answer_bytes - sent_, most});
  if (at < sizeof(header_.id)) std::memcpy(pattern.data(), &header_.id, sizeof(header_.id));
  return {pattern.data() + at, size};
}

void FramedTalk::Sent(size_t bytes) {
  if (ending_) {
    trailer_sent_ += bytes;
    return;
  }
  sent_ += bytes;
  if (sent_ < header_.answer_bytes || endless()) return;
  sent_ = received_ = 0;
  header_have_ = 0;
  answering_ = false;
}

}  // namespace sluice::loadtest
