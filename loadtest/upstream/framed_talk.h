// FramedTalk: the upstream's side of wire.h.
#ifndef SLUICE_LOADTEST_UPSTREAM_FRAMED_TALK_H_
#define SLUICE_LOADTEST_UPSTREAM_FRAMED_TALK_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "loadtest/upstream/talk.h"
#include "loadtest/upstream/wire.h"

namespace sluice::loadtest {

class FramedTalk final : public Talk {
 public:
  // Answers without end are sent in parts of at most this many bytes, each by its own send(2).
  explicit FramedTalk(uint64_t endless_part = kEndless) : endless_part_(endless_part) {}

  bool Take(std::string_view data) override;
  void TakeEnd() override;
  std::string_view Next() override;
  void Sent(size_t bytes) override;

 private:
  size_t TakeHeader(std::string_view data);
  bool endless() const {
    return header_.request_bytes == kEndless || header_.answer_bytes == kEndless;
  }

  const uint64_t endless_part_;
  RequestHeader header_ = {};
  uint64_t header_have_ = 0;   // bytes of it
  uint64_t request_left_ = 0;  // after the header
  bool answering_ = false;
  uint64_t received_ = 0;
  uint64_t sent_ = 0;  // of the answer
  bool ending_ = false;
  Trailer trailer_ = {};
  uint64_t trailer_sent_ = 0;
};

}  // namespace sluice::loadtest

#endif  // SLUICE_LOADTEST_UPSTREAM_FRAMED_TALK_H_
