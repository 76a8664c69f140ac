// ForAllCuts and RunCut: an operation is cut short at every place there is, and begun again.
//
// An operation waits for steps of the other side: a byte that is written, a byte that is read. At
// each step it may be cut short, in two ways, or not:
//
//     kGoOn      all runs that can, and the next step comes
//     kQuiet     all runs that can, then its scope is cancelled: it waits for the next step
//     kAtOnce    its scope is cancelled together with the step: what the step has brought is on its
//                way to it, and must not be lost
//
// ForAllCuts makes every row of so many of these: 3^count runs. RunCut runs one of them: what is
// cut short (ECANCELED) is begun again, until it brings something else.
#ifndef SLUICE_TESTS_CORE_BYTES_CUT_H_
#define SLUICE_TESTS_CORE_BYTES_CUT_H_

#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "core/task/task.h"
#include "core/testing/duplex.h"
#include "core/testing/probe.h"
#include "tests/core/support/text.h"

namespace sluice::core::testing {

enum class Cut { kGoOn, kQuiet, kAtOnce };
using Cuts = std::vector<Cut>;

inline std::string NameOf(const Cuts& cuts) {
  std::string name;
  for (const Cut cut : cuts) name += cut == Cut::kGoOn ? '-' : cut == Cut::kQuiet ? 'q' : 'c';
  return name;
}

// `body(cuts)` is a Task<void>.
template <typename Body>
Task<void> ForAllCuts(size_t count, Body body) {
  size_t rows = 1;
  for (size_t i = 0; i < count; ++i) rows *= 3;
  for (size_t row = 0; row < rows; ++row) {
    Cuts cuts;
    for (size_t i = 0, rest = row; i < count; ++i, rest /= 3) {
      cuts.push_back(static_cast<Cut>(rest % 3));
    }
    const ::testing::ScopedTrace trace(__FILE__, __LINE__, NameOf(cuts));
    co_await body(cuts);
    if (::testing::Test::HasFailure()) co_return;
  }
}

// `make()` brings the awaitable; `step()` is a Task<void>; `on_cut(value)` sees what a cut brought.
template <typename Make, typename Step, typename OnCut>
auto RunCut(const Cuts& cuts, Make make, Step step, OnCut on_cut)
    -> Task<typename Probe<Make>::Value> {
  size_t at = 0;
  while (true) {
    Probe probe(make);
    bool cut = false;
    while (at < cuts.size() && !cut && co_await probe.Pending()) {
      co_await step();
      const Cut how = cuts[at++];
      cut = how != Cut::kGoOn;
      if (how == Cut::kQuiet) co_await Settle();
    }
    if (!cut) {
      const bool ended = co_await probe.Ready();
      EXPECT_TRUE(ended) << "it waits after the last step";
      cut = !ended;
      if (ended) co_return probe.Take();
    }
    auto value = co_await probe.Cancel();
    if (value.ok() || value.error() != ECANCELED) co_return value;
    if (at == cuts.size() && ::testing::Test::HasFailure()) co_return value;
    on_cut(value);
  }
}

// Steps: the bytes of a text, one by one, and then the end.
class Feed {
 public:
  Feed(Duplex& to, std::string text) : to_(to), text_(std::move(text)) {}
  Task<void> operator()() {
    if (at_ == text_.size()) {
      EXPECT_TRUE((co_await to_.Shutdown()).ok());
      ended_ = true;
    } else {
      EXPECT_EQ(*co_await to_.Write(BytesOf(text_).subspan(at_++, 1)), 1u);
    }
  }

  bool ended() const { return ended_; }

 private:
  Duplex& to_;
  const std::string text_;
  size_t at_ = 0;
  bool ended_ = false;
};

// Steps: a byte is read. What there is then, and what comes until the end, is in `text`.
class Drink {
 public:
  Drink(Duplex& from, std::string& text) : from_(from), text_(text) {}
  Task<void> operator()() {
    std::string byte(1, '\0');
    EXPECT_EQ(*co_await from_.Read(RoomIn(byte)), 1u);
    text_ += byte;
  }

 private:
  Duplex& from_;
  std::string& text_;
};

inline Task<void> ReadRest(Duplex& from, std::string& text) {
  std::string part(100, '\0');
  while (true) {
    IoResult<size_t> got = co_await from.Read(RoomIn(part));
    EXPECT_TRUE(got.ok());
    if (!got.ok() || *got == 0) co_return;
    text.append(part, 0, *got);
  }
}

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_BYTES_CUT_H_
