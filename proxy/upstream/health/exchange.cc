#include "proxy/upstream/health/exchange.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace sluice::proxy {
namespace {

// What is shorter is no secret, and would be found anywhere.
constexpr size_t kShortestHidden = 4;

std::string InQuotes(std::string_view bytes) {
  return absl::StrCat("\"", absl::CHexEscape({bytes.data(), bytes.size()}), "\"");
}

}  // namespace

SoughtText::SoughtText(std::string text) : text_(std::move(text)), shorter_(text_.size(), 0) {
  for (size_t i = 1; i < text_.size(); ++i) shorter_[i] = Match(shorter_[i - 1], text_[i]);
}

// After the last step what it got is kept, to be told.
void Exchange::Enter() {
  wants_ = Wants::kNothing;
  for (; step_ < steps_.size(); ++step_) {
    const ExchangeStep& step = steps_[step_];
    if (step.send.empty() && step.expect.size() == 0) continue;
    wants_ = step.send.empty() ? Wants::kReceive : Wants::kSend;
    matched_ = 0;
    taken_before_ = taken_;
    first_bytes_.clear();
    return;
  }
}

void Exchange::GoOn() {
  ++step_;
  Enter();
}

void Exchange::Sent() {
  if (steps_[step_].expect.size() == 0) return GoOn();
  wants_ = Wants::kReceive;
}

size_t Exchange::Take(std::string_view bytes) {
  const SoughtText& expect = steps_[step_].expect;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (taken_ == kMostAnswer) {
      wants_ = Wants::kTooMuch;
      return i;
    }
    ++taken_;
    if (first_bytes_.size() < kMostShown) first_bytes_ += bytes[i];
    matched_ = expect.Match(matched_, bytes[i]);
    if (matched_ < expect.size()) continue;
    GoOn();
    return i + 1;
  }
  return bytes.size();
}

std::string Exchange::WaitsFor() const {
  if (wants_ == Wants::kSend) return "end of sending";
  return absl::StrCat("answer with ", InQuotes(steps_[step_].expect.text().substr(0, kMostShown)));
}

// A server may repeat what it was sent, and that may be a password.
std::string Exchange::Shown() const {
  std::string shown = first_bytes_;
  for (const ExchangeStep& step : steps_) {
    const absl::string_view sent = absl::StripAsciiWhitespace(step.send);
    if (sent.size() >= kShortestHidden) absl::StrReplaceAll({{sent, "***"}}, &shown);
  }
  return InQuotes(shown);
}

std::string Exchange::Answer() const {
  return first_bytes_.empty() ? "all has been sent" : absl::StrCat("answered ", Shown());
}

std::string Exchange::Where() const {
  std::string where = absl::StrCat(" in step ", step_ + 1, " of ", steps_.size());
  if (wants_ == Wants::kSend) return where;
  const size_t came = taken_ - taken_before_;
  if (came == 0) return absl::StrCat(where, ", which got nothing");
  absl::StrAppend(&where, ", which got ", Shown());
  if (came > first_bytes_.size()) {
    absl::StrAppend(&where, " and ", came - first_bytes_.size(), " bytes more");
  }
  return where;
}

}  // namespace sluice::proxy
