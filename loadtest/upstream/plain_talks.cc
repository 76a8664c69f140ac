// The upstreams without framing, for the clients of other programs.

#include <string>

#include "loadtest/upstream/framed_talk.h"
#include "loadtest/upstream/talk.h"
#include "loadtest/upstream/wire.h"

namespace sluice::loadtest {
namespace {

class EchoTalk final : public Talk {
 public:
  bool Take(std::string_view data) override {
    held_.append(data);
    return true;
  }
  std::string_view Next() override { return std::string_view(held_).substr(sent_); }
  void Sent(size_t bytes) override {
    sent_ += bytes;
    if (sent_ < held_.size()) return;
    held_.clear();
    sent_ = 0;
  }
  bool wants_more() const override { return held_.empty(); }

 private:
  std::string held_;
  size_t sent_ = 0;
};

class SinkTalk final : public Talk {
 public:
  bool Take(std::string_view) override { return true; }
  std::string_view Next() override { return {}; }
  void Sent(size_t) override {}
};

class SourceTalk final : public Talk {
 public:
  bool Take(std::string_view) override { return true; }
  void TakeEnd() override { ended_ = true; }
  std::string_view Next() override {
    static const Pattern& pattern = *[] {
      auto* filled = new Pattern;
      Fill(*filled);
      return filled;
    }();
    return ended_ ? std::string_view()
                  : std::string_view(pattern.data() + at_, kPatternBytes - at_);
  }
  void Sent(size_t bytes) override { at_ = (at_ + bytes) % kPatternBytes; }

 private:
  size_t at_ = 0;
  bool ended_ = false;
};

class HttpTalk final : public Talk {
 public:
  bool Take(std::string_view data) override {
    for (const char byte : data) {
      const bool fits = byte == kEnd[matched_];
      matched_ = fits ? matched_ + 1 : (byte == kEnd[0] ? 1 : 0);
      if (matched_ < kEnd.size()) continue;
      matched_ = 0;
      owed_ += kAnswer.size();
    }
    return true;
  }
  // The end of the answer that is being sent; the others follow.
  std::string_view Next() override {
    if (owed_ == 0) return {};
    const size_t rest = owed_ % kAnswer.size();
    return kAnswer.substr(rest == 0 ? 0 : kAnswer.size() - rest);
  }
  void Sent(size_t bytes) override { owed_ -= bytes; }

 private:
  static constexpr std::string_view kEnd = "\r\n\r\n";
  static constexpr size_t kAnswerBytes = 256;
  static inline const std::string kText = [] {
    const std::string head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 190\r\n\r\n";
    return head + std::string(kAnswerBytes - head.size(), 'r');
  }();
  static inline const std::string_view kAnswer = kText;

  size_t matched_ = 0;
  size_t owed_ = 0;  // bytes of answers
};

}  // namespace

std::unique_ptr<Talk> MakeTalk(const std::string& kind, uint64_t endless_part) {
  if (kind == "framed") return std::make_unique<FramedTalk>(endless_part);
  if (kind == "echo") return std::make_unique<EchoTalk>();
  if (kind == "sink") return std::make_unique<SinkTalk>();
  if (kind == "source") return std::make_unique<SourceTalk>();
  if (kind == "http") return std::make_unique<HttpTalk>();
  return nullptr;
}

}  // namespace sluice::loadtest
