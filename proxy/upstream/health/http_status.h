// HttpStatus: reads the status of an HTTP/1 answer, from its first bytes on, in pieces of any size.
//
//   HTTP/1.x SP d d d (SP | CR | LF)          RFC 9112, section 4
//
//   HttpStatus status;
//   for (...) if (status.Take(bytes) != HttpStatus::State::kMore) break;
//   if (status.state() == HttpStatus::State::kDone) Use(status.code());
//
// What follows the code is not looked at: the reason, headers, the body. 14 bytes decide.
// Pure. Checked by: tests/proxy/upstream/health/http_status_test.cc, tests/fuzz (http_status).
#ifndef SLUICE_PROXY_UPSTREAM_HEALTH_HTTP_STATUS_H_
#define SLUICE_PROXY_UPSTREAM_HEALTH_HTTP_STATUS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::proxy {

class HttpStatus {
 public:
  enum class State : uint8_t {
    kMore,  // all that came fits, and more has to come
    kDone,
    kBad,  // this is no HTTP/1 answer
  };

  // After kDone and kBad nothing changes any more.
  State Take(std::string_view bytes) {
    for (const char each : bytes) {
      if (state_ != State::kMore) break;
      TakeOne(each);
    }
    return state_;
  }

  State state() const { return state_; }
  uint16_t code() const { return code_; }  // 100 to 599, once it is done

 private:
  static constexpr std::string_view kBegin = "HTTP/1.";
  static constexpr size_t kVersion = kBegin.size();
  static constexpr size_t kBlank = kVersion + 1;
  static constexpr size_t kCode = kBlank + 1;
  static constexpr size_t kEnd = kCode + 3;

  static bool IsDigit(char c) { return c >= '0' && c <= '9'; }

  void TakeOne(char c) {
    bool fits = false;
    if (at_ < kVersion) {
      fits = c == kBegin[at_];
    } else if (at_ == kVersion) {
      fits = IsDigit(c);
    } else if (at_ == kBlank) {
      fits = c == ' ';
    } else if (at_ < kEnd) {
      fits = at_ == kCode ? c >= '1' && c <= '5' : IsDigit(c);
      code_ = static_cast<uint16_t>(code_ * 10 + (c - '0'));
    } else {
      fits = c == ' ' || c == '\r' || c == '\n';
      state_ = State::kDone;
    }
    if (!fits) state_ = State::kBad;
    ++at_;
  }

  State state_ = State::kMore;
  uint8_t at_ = 0;
  uint16_t code_ = 0;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_HEALTH_HTTP_STATUS_H_
