#include "loadtest/upstream/framed_talk.h"

#include <algorithm>
#include <cstring>

namespace sluice::loadtest {
namespace {

constexpr size_t kMostOwed = 1024;      // answers
constexpr size_t kGathered = 64 << 10;  // bytes

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
  if (header_have_ == 0) received_ = 0;
  const size_t taken = std::min<size_t>(sizeof(header_) - header_have_, data.size());
  std::memcpy(reinterpret_cast<char*>(&header_) + header_have_, data.data(), taken);
  header_have_ += taken;
  if (header_have_ < sizeof(header_)) return taken;
  endless_ = header_.request_bytes == kEndless || header_.answer_bytes == kEndless;
  request_left_ = header_.request_bytes == kEndless
                      ? kEndless
                      : header_.request_bytes - std::min(header_.request_bytes, kSmallestRequest);
  const bool whole = request_left_ == 0 || request_left_ == kEndless;
  if (whole && header_.answer_bytes > 0) owed_.push_back({header_.id, header_.answer_bytes});
  if (request_left_ == 0 && !endless_) header_have_ = 0;
  return taken;
}

size_t FramedTalk::TakeBody(std::string_view data) {
  if (request_left_ == kEndless) return data.size();
  const size_t taken = std::min<uint64_t>(request_left_, data.size());
  request_left_ -= taken;
  if (request_left_ > 0) return taken;
  owed_.push_back({header_.id, header_.answer_bytes});
  if (!endless_) header_have_ = 0;
  return taken;
}

bool FramedTalk::Take(std::string_view data) {
  while (!data.empty()) {
    const bool in_header = header_have_ < sizeof(header_);
    // What follows a request whose answer has no end is no request.
    if (!in_header && request_left_ == 0) return false;
    const size_t taken = in_header ? TakeHeader(data) : TakeBody(data);
    received_ += taken;
    data.remove_prefix(taken);
    if (owed_.size() > kMostOwed) return false;
  }
  return true;
}

void FramedTalk::TakeEnd() {
  owed_.clear();
  gathered_.clear();
  ending_ = endless_;
  trailer_ = {kTrailerMagic, received_, sent_};
}

// Small answers that are owed at the same time go by one send(2), as those of any server would.
void FramedTalk::Gather() {
  const Pattern& pattern = SharedPattern();
  gathered_sent_ = 0;
  while (!owed_.empty() && owed_.front().bytes + gathered_.size() <= kGathered) {
    const size_t at = gathered_.size();
    gathered_.append(pattern.data(), owed_.front().bytes);
    std::memcpy(gathered_.data() + at, &owed_.front().id, sizeof(owed_.front().id));
    owed_.pop_front();
  }
}

std::string_view FramedTalk::Next() {
  if (ending_) {
    const char* bytes = reinterpret_cast<const char*>(&trailer_);
    return {bytes + trailer_sent_, sizeof(trailer_) - trailer_sent_};
  }
  if (gathered_.empty() && sent_ == 0 && owed_.size() > 1) Gather();
  if (!gathered_.empty()) return std::string_view(gathered_).substr(gathered_sent_);
  if (owed_.empty()) return {};
  const Answer& answer = owed_.front();
  Pattern& pattern = SharedPattern();
  const size_t at = sent_ % kPatternBytes;
  const uint64_t most = endless_ ? endless_part_ : kEndless;
  const size_t size = std::min({kPatternBytes - at, answer.bytes - sent_, most});
  if (at < sizeof(answer.id)) std::memcpy(pattern.data(), &answer.id, sizeof(answer.id));
  return {pattern.data() + at, size};
}

void FramedTalk::Sent(size_t bytes) {
  if (ending_) {
    trailer_sent_ += bytes;
    return;
  }
  if (!gathered_.empty()) {
    gathered_sent_ += bytes;
    if (gathered_sent_ == gathered_.size()) gathered_.clear();
    return;
  }
  sent_ += bytes;
  if (sent_ < owed_.front().bytes || endless_) return;
  sent_ = 0;
  owed_.pop_front();
}

}  // namespace sluice::loadtest
