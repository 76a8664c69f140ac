// R2 of reads and writes into the caller's memory, and of opens: what is cancelled, in whatever
// state and from whatever worker, has moved nothing, or says how much.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "core/io/read_write.h"
#include "core/reactor/op.h"
#include "tests/contract/contract.h"
#include "tests/contract/files.h"
#include "tests/contract/move.h"
#include "tests/contract/sockets.h"
#include "tests/contract/streams.h"
#include "tests/core/support/seed.h"

namespace sluice::contract {
namespace {

using core::FileOp;
using core::OpKind;
using core::ReadInto;
using core::WriteFrom;

class FileCancelTest : public ContractTest {
 public:
  core::Worker& first() { return *worker(0); }
  core::Worker& other() { return *worker(workers() - 1); }

  // On the first worker; true: done at once.
  Task<bool> Begin(core::Op& op) {
    const core::Context context = co_await core::CurrentContext();
    co_await MoveTo(first());
    co_return core::SubmitHere(op, *context.task);
  }
  static Task<void> End(core::Op& op) {
    co_await Until([&op] { return !op.in_flight; });
  }
};
SLUICE_CONTRACT(FileCancelTest, kAll);

Task<void> BeforeDataMain(FileCancelTest& test) {
  Ends ends = MakePipe();
  for (int i = 0; i < 30; ++i) {
    std::string bytes(10, '!');
    FileOp op(OpKind::kRead, ends.reader);
    op.data = bytes.data();
    op.size = 10;
    EXPECT_FALSE(co_await test.Begin(op));
    co_await Turns(i % 4);
    co_await MoveTo(test.other());
    op.Cancel();
    op.Cancel();
    co_await FileCancelTest::End(op);
    EXPECT_EQ(op.result, -ECANCELED);
    EXPECT_EQ(bytes, "!!!!!!!!!!");
    EXPECT_EQ(write(ends.writer, "alive", 5), 5);
    EXPECT_EQ(*co_await ReadInto(ends.reader, RoomIn(bytes)), 5u);
  }
  CloseHere(ends.reader);
  CloseHere(ends.writer);
}
TEST_P(FileCancelTest, AReadThatIsCancelledBeforeDataLeavesThePipeAsItWas) {
  Run(BeforeDataMain(*this));
}

// Whenever the cancel comes, each byte is read once.
Task<void> ManyMomentsMain(FileCancelTest& test) {
  core::testing::Random random(core::testing::Seed());
  Ends ends = MakePipe();
  size_t position = 0;
  for (int i = 0; i < 300; ++i) {
    std::string bytes(3000, '\0');
    FileOp op(OpKind::kRead, ends.reader);
    op.data = bytes.data();
    op.size = 3000;
    EXPECT_FALSE(co_await test.Begin(op));
    const std::string piece = BytesAt(position, core::testing::Between(random, 1, 3000));
    const uint64_t before = core::testing::Between(random, 0, 40);
    const uint64_t after = core::testing::Between(random, 0, 40);
    for (uint64_t yields = before; yields > 0; --yields) co_await Yield();
    EXPECT_EQ(write(ends.writer, piece.data(), piece.size()), static_cast<ssize_t>(piece.size()));
    if (i % 3 == 0) co_await MoveTo(test.other());
    for (uint64_t yields = after; yields > 0; --yields) co_await Yield();
    op.Cancel();
    co_await FileCancelTest::End(op);
    std::string got;
    if (op.result != -ECANCELED) got = bytes.substr(0, static_cast<size_t>(op.result));
    while (got.size() < piece.size()) {
      std::string rest(piece.size() - got.size(), '\0');
      const size_t more = *co_await ReadInto(ends.reader, RoomIn(rest));
      got.append(rest, 0, more);
    }
    EXPECT_TRUE(got == piece) << "round " << i;
    position += piece.size();
  }
  CloseHere(ends.reader);
  CloseHere(ends.writer);
}
TEST_P(FileCancelTest, AReadThatIsCancelledAtManyMomentsLosesNothing) {
  Run(ManyMomentsMain(*this));
}

Task<void> CancelWriteMain(FileCancelTest& test) {
  Ends ends = MakePipe();
  const std::string text = BytesAt(0, 2'000'000);
  std::string all;
  size_t sent = 0;
  size_t cancelled = 0;
  const auto drain = [&](size_t most) {
    std::string part(most, '\0');
    fcntl(ends.reader, F_SETFL, O_NONBLOCK);
    const ssize_t got = read(ends.reader, part.data(), part.size());
    if (got > 0) all.append(part, 0, static_cast<size_t>(got));
    return got > 0;
  };
  for (int i = 0; sent < text.size(); ++i) {
    std::string part = text.substr(sent, 100'000);
    FileOp op(OpKind::kWrite, ends.writer);
    op.data = part.data();
    op.size = static_cast<uint32_t>(part.size());
    if (!co_await test.Begin(op)) {
      co_await Turns(i % 3);
      if (i % 4 == 1) drain(10'000);
      if (i % 3 == 0) co_await MoveTo(test.other());
      op.Cancel();
      co_await FileCancelTest::End(op);
    }
    part.assign(part.size(), '!');
    EXPECT_NE(op.result, 0);
    if (op.result > 0) {
      sent += static_cast<size_t>(op.result);
    } else {
      EXPECT_EQ(op.result, -ECANCELED);
      ++cancelled;
    }
    if (i % 2 == 0) drain(30'000);
  }
  while (drain(100'000)) {
  }
  EXPECT_GT(cancelled, 0u);
  EXPECT_TRUE(all == text);
  CloseHere(ends.reader);
  CloseHere(ends.writer);
}
TEST_P(FileCancelTest, AWriteThatIsCancelledSaysHowMuch) { Run(CancelWriteMain(*this)); }

// Of a file: the call is made as a whole or not at all, and its bytes are handed on.
Task<void> CancelFileMain(FileCancelTest& test) {
  TemporaryFile file;
  const std::string text = BytesAt(3, 50'000);
  EXPECT_EQ(*co_await WriteFrom(file.fd.get(), AsBytes(text), 0), text.size());
  for (int i = 0; i < 200; ++i) {
    std::string bytes(text.size(), '!');
    FileOp op(i % 4 == 3 ? OpKind::kOpen : OpKind::kRead, i % 4 == 3 ? AT_FDCWD : file.fd.get());
    op.data = bytes.data();
    op.size = static_cast<uint32_t>(bytes.size());
    op.offset = 0;
    if (i % 4 == 3) {
      op.data = file.path.c_str();
      op.flags = O_RDONLY;
    }
    if (!co_await test.Begin(op)) {
      co_await Turns(i % 5);
      co_await MoveTo(i % 3 == 0 ? test.other() : test.first());
      op.Cancel();
      co_await FileCancelTest::End(op);
    }
    if (op.kind == OpKind::kOpen && op.result >= 0) {
      CloseHere(op.result);
    } else if (op.kind == OpKind::kRead && op.result >= 0) {
      EXPECT_EQ(op.result, static_cast<int32_t>(text.size()));
      EXPECT_TRUE(bytes == text);
    } else {
      EXPECT_EQ(op.result, -ECANCELED);
      EXPECT_EQ(bytes, std::string(text.size(), '!'));
    }
  }
}
TEST_P(FileCancelTest, OfAFileACancelledReadBringsAllOrNothing) { Run(CancelFileMain(*this)); }

// More than there are threads for: those that wait for one leave the queue when they are cancelled.
Task<void> CrowdMain(FileCancelTest& test) {
  TemporaryFile file;
  EXPECT_EQ(*co_await WriteFrom(file.fd.get(), AsBytes(std::string(1000, 'x')), 0), 1000u);
  constexpr size_t kOps = 2000;
  std::vector<std::unique_ptr<FileOp>> ops;
  std::vector<std::string> rooms(kOps, std::string(1000, '!'));
  const core::Context context = co_await core::CurrentContext();
  co_await MoveTo(test.first());
  for (size_t i = 0; i < kOps; ++i) {
    FileOp& op = *ops.emplace_back(std::make_unique<FileOp>(OpKind::kRead, file.fd.get()));
    op.data = rooms[i].data();
    op.size = 1000;
    op.offset = 0;
    (void)core::SubmitHere(op, *context.task);
  }
  for (size_t i = 0; i < kOps; i += 2) ops[i]->Cancel();
  for (size_t i = 0; i < kOps; ++i) {
    co_await FileCancelTest::End(*ops[i]);
    if (ops[i]->result == -ECANCELED) {
      EXPECT_EQ(i % 2, 0u);
      EXPECT_EQ(rooms[i][0], '!');
    } else {
      EXPECT_EQ(ops[i]->result, 1000);
      EXPECT_EQ(rooms[i], std::string(1000, 'x'));
    }
  }
}
TEST_P(FileCancelTest, MoreThanThereAreThreads) { Run(CrowdMain(*this)); }

}  // namespace
}  // namespace sluice::contract
