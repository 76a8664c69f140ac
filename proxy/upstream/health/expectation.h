// Expectation: finds the bytes that a check waits for in what an endpoint sends, in pieces of any
// size.
//
//   Expectation expected("+PONG");
//   for (...) if (expected.Take(bytes)) break;           // it has come; rest() is what is behind it
//
// It may stand anywhere in what is sent, so that a greeting needs no exact text. It keeps no more of
// what came than could still be the beginning of it.
// Pure. Checked by: tests/proxy/upstream/health/answer_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_HEALTH_EXPECTATION_H_
#define SLUICE_PROXY_UPSTREAM_HEALTH_EXPECTATION_H_

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::proxy {

class Expectation {
 public:
  // `expected` outlives it.
  explicit Expectation(std::string_view expected) : expected_(expected) {}

  // Returns true once it has come; then nothing more is to be given.
  bool Take(std::string_view bytes) {
    held_.append(bytes);
    const size_t at = held_.find(expected_);
    if (at != std::string::npos) {
      held_.erase(0, at + expected_.size());
      return true;
    }
    const size_t most = expected_.size() - 1;  // an empty text would have been found
    held_.erase(0, held_.size() - std::min(held_.size(), most));
    return false;
  }

  // Once it has come: what was given and is behind it.
  std::string TakeRest() { return std::move(held_); }

 private:
  const std::string_view expected_;
  std::string held_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_HEALTH_EXPECTATION_H_
