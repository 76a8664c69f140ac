// ToStream of Lines and Split: units, errors, ends, and lines that a cut leaves whole.
#include "core/streams/from_lines.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "core/bytes/buf_reader.h"
#include "core/bytes/span_reader.h"
#include "core/bytes/transferred.h"
#include "core/streams/stream.h"
#include "core/testing/duplex.h"
#include "core/testing/faulty.h"
#include "core/testing/fixture.h"
#include "core/testing/probe.h"
#include "tests/core/support/text.h"

namespace sluice::core::testing {
namespace {

class FromLinesTest : public OneWorkerTest {};
using Strings = std::vector<std::string>;

template <Stream S>
Task<Strings> All(S stream) {
  Strings all;
  while (auto item = co_await stream.Next()) {
    all.push_back(item->ok() ? **item : "error " + std::to_string(item->error()));
  }
  EXPECT_TRUE((co_await stream.Next()).ended());
  co_return all;
}

Task<void> UnitsMain() {
  const std::string text = "one\r\ntwo\n\nfours";
  {
    SpanReader source{BytesOf(text)};
    BufReader reader(source);
    EXPECT_EQ(co_await All(ToStream(Lines(reader, 10))), (Strings{"one", "two", "", "fours"}));
  }
  {
    SpanReader source{BytesOf(text)};
    BufReader reader(source);
    EXPECT_EQ(co_await All(ToStream(Split(reader, 'o', 20))),
              (Strings{"", "ne\r\ntw", "\n\nf", "urs"}));
  }
  {
    SpanReader source{BytesOf(text)};
    BufReader reader(source);
    EXPECT_EQ(co_await All(ToStream(Lines(reader, 4))),
              (Strings{"one", "two", "", "error " + std::to_string(kTooLarge)}));
  }
  {
    Faulty source(SpanReader(BytesOf(text)), {.read_fails_at = 10, .read_error = ECONNRESET});
    BufReader reader(source);
    EXPECT_EQ(co_await All(ToStream(Lines(reader, 9))),
              (Strings{"one", "two", "", "error " + std::to_string(ECONNRESET)}));
  }
}
TEST_F(FromLinesTest, UnitsThenTheEndOrAnError) { Run(UnitsMain()); }

Task<void> CutMain() {
  auto [ours, theirs] = Duplex::Make(64);
  BufReader reader(ours);
  auto lines = ToStream(Lines(reader, 20));
  Probe next([&] { return lines.Next(); });
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_TRUE((co_await theirs.Write(BytesOf("one and "))).ok());
  EXPECT_TRUE(co_await next.Pending());
  EXPECT_TRUE((co_await next.Cancel()).cancelled());
  EXPECT_TRUE((co_await theirs.Write(BytesOf("a half\ntwo"))).ok());
  EXPECT_TRUE((co_await theirs.Shutdown()).ok());
  EXPECT_EQ(co_await All(std::move(lines)), (Strings{"one and a half", "two"}));
}
TEST_F(FromLinesTest, ACutLosesNothingOfALine) { Run(CutMain()); }

}  // namespace
}  // namespace sluice::core::testing
