// FramedTalk: the upstream's side of wire.h.
#ifndef SLUICE_LOADTEST_UPSTREAM_FRAMED_TALK_H_
#define SLUICE_LOADTEST_UPSTREAM_FRAMED_TALK_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
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
  struct Answer {
    uint64_t id;
    uint64_t bytes;
  };

  // Both return how many bytes were taken.
  size_t TakeHeader(std::string_view data);
  size_t TakeBody(std::string_view data);
  void Gather();

  const uint64_t endless_part_;
  RequestHeader header_ = {};
  uint64_t header_have_ = 0;   // bytes of it
  uint64_t request_left_ = 0;  // after the header
  bool endless_ = false;       // the last request or its answer has no end
  std::deque<Answer> owed_;    // the first one is being sent
  uint64_t received_ = 0;      // of the last request
  uint64_t sent_ = 0;          // of the first answer
  std::string gathered_;       // answers that are sent together
  size_t gathered_sent_ = 0;
  bool ending_ = false;
  Trailer trailer_ = {};
  uint64_t trailer_sent_ = 0;
};

}  // namespace sluice::loadtest

#endif  // SLUICE_LOADTEST_UPSTREAM_FRAMED_TALK_H_
