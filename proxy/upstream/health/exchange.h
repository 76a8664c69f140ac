// Exchange: how far a check has come that sends and expects bytes, step by step.
//
//             ┌──────────────── the next step ◄───────────────┐
//             ▼                                               │
//   step: to send? ── Sent ──► to expect? ── Take: found ─────┴─ all done ──► PASSED
//                                 │
//                                 └─ not among the first kMostAnswer bytes ──► TOO MUCH
//
//   Exchange exchange(steps);
//   for (;;) switch (exchange.wants()) ...
//       kSend:    send exchange.to_send(), then exchange.Sent()
//       kReceive: bytes = bytes.substr(exchange.Take(bytes)), with more of them if none are left
//
// What a step expects may be anywhere in what follows the bytes that the step before has found. So
// the result depends on the bytes alone, and not on the pieces that they come in. Nothing is kept
// of them but how they begin, for the message of a failure.
// Pure. Checked by: tests/proxy/upstream/health/exchange_test.cc, tests/fuzz (exchange).
#ifndef SLUICE_PROXY_UPSTREAM_HEALTH_EXCHANGE_H_
#define SLUICE_PROXY_UPSTREAM_HEALTH_EXCHANGE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::proxy {

// A text that is looked for in a stream, byte by byte (Knuth, Morris and Pratt).
class SoughtText {
 public:
  SoughtText() = default;
  explicit SoughtText(std::string text);

  const std::string& text() const { return text_; }
  size_t size() const { return text_.size(); }
  // How much of the text the stream ends with when `next` comes behind what ends with `matched`
  // bytes of it: fewer than all.
  size_t Match(size_t matched, char next) const {
    while (matched > 0 && text_[matched] != next) matched = shorter_[matched - 1];
    return text_[matched] == next ? matched + 1 : 0;
  }

 private:
  std::string text_;
  // For each beginning of the text: the longest shorter one that it ends with.
  std::vector<size_t> shorter_;
};

struct ExchangeStep {
  std::string send;   // "": nothing
  SoughtText expect;  // the same
};
using ExchangeSteps = std::vector<ExchangeStep>;

class Exchange {
 public:
  enum class Wants : uint8_t { kSend, kReceive, kNothing, kTooMuch };
  static constexpr size_t kMostAnswer = 65536;  // bytes, of all steps together
  static constexpr size_t kMostShown = 64;

  // `steps` outlives it.
  explicit Exchange(const ExchangeSteps& steps) : steps_(steps) { Enter(); }

  Wants wants() const { return wants_; }
  std::string_view to_send() const { return steps_[step_].send; }
  void Sent();
  // Returns how many bytes it has used: all, or those up to the end of what was expected. While it
  // wants to receive.
  size_t Take(std::string_view bytes);

  // Once it has passed: what the last step got, for the log.
  std::string Answer() const;
  // Once it has not passed: what it waits for, as in "no answer with X", and where that is, as in
  // " in step 2 of 3, which got X".
  std::string WaitsFor() const;
  std::string Where() const;

 private:
  void Enter();
  void GoOn();
  std::string Shown() const;

  const ExchangeSteps& steps_;
  size_t step_ = 0;
  Wants wants_ = Wants::kNothing;
  size_t matched_ = 0;  // of what this step expects
  size_t taken_ = 0;
  size_t taken_before_ = 0;  // this step
  std::string first_bytes_;  // of this step
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_HEALTH_EXCHANGE_H_
