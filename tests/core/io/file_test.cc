// File: positions, lines, errors with the path, and cancellation that loses nothing.
#include "core/io/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <span>
#include <string>
#include <utility>

#include "core/bytes/buf_reader.h"
#include "core/bytes/copy.h"
#include "core/bytes/whole.h"
#include "core/io/pipe.h"
#include "core/runtime/runtime.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "core/task/yield.h"
#include "tests/core/io/pairs.h"
#include "tests/core/support/backends.h"

namespace sluice::core::testing {
namespace {

class FileTest : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    std::string name = ::testing::TempDir() + "/file_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override {
    for (const char* name : {"file", "fifo"}) unlink(Path(name).c_str());
    rmdir(directory_.c_str());
  }
  void Run(Task<void> task) { Runtime(Options()).BlockOn(std::move(task)); }
  std::string Path(std::string_view name) const { return directory_ + "/" + std::string(name); }

 private:
  std::string directory_;
};
SLUICE_ON_EVERY_BACKEND(FileTest);

Task<void> Turns(size_t count) {
  for (size_t i = 0; i < count; ++i) co_await Yield();
}

Task<File> NewFile(std::string path) {
  NamedResult<File> file = co_await File::Create(std::move(path));
  EXPECT_TRUE(file.ok()) << file.message();
  co_return std::move(*file);
}

Task<void> PositionsMain(std::string path) {
  File file = co_await NewFile(path);
  EXPECT_EQ(*co_await file.Write(BytesOf("hello ")), 6u);
  EXPECT_EQ(*co_await file.Write(BytesOf("world")), 5u);
  EXPECT_EQ(file.position(), 11u);
  EXPECT_EQ(*co_await file.WriteAt(BytesOf("W"), 6), 1u);
  EXPECT_EQ(*co_await file.Size(), 11u);
  EXPECT_TRUE((co_await file.Sync()).ok());
  EXPECT_EQ(co_await ReadAll(file), "");  // the position is at the end
  file.Seek(0);
  EXPECT_EQ(co_await ReadAll(file, 4), "hello World");
  std::string bytes(5, '\0');
  EXPECT_EQ(*co_await file.ReadAt(RoomIn(bytes), 3), 5u);
  EXPECT_EQ(bytes, "lo Wo");
  EXPECT_EQ(*co_await file.ReadAt(RoomIn(bytes), 100), 0u);
  EXPECT_EQ(file.position(), 11u);
  File moved = std::move(file);
  EXPECT_FALSE(file.is_open());  // NOLINT(bugprone-use-after-move): what it promises
  EXPECT_EQ(*co_await moved.Write(BytesOf("!")), 1u);
  EXPECT_EQ(*co_await moved.Size(), 12u);
  moved.Close();
  EXPECT_FALSE(moved.is_open());
  NamedResult<File> again = co_await File::Open(path);
  EXPECT_EQ(co_await ReadAll(*again), "hello World!");
  NamedResult<File> appends = co_await File::Open(path, O_WRONLY | O_APPEND);
  EXPECT_EQ(*co_await appends->Write(BytesOf("?")), 1u);
  EXPECT_EQ(*co_await again->Size(), 13u);
  *again = co_await NewFile(path);  // emptied, and the one before is closed
  EXPECT_EQ(*co_await again->Size(), 0u);
}
TEST_P(FileTest, PositionsSizesAndMoves) { Run(PositionsMain(Path("file"))); }

Task<void> MadeBeforeMain(std::string path) {
  File file = co_await NewFile(path);
  EXPECT_EQ(*co_await file.WriteAt(BytesOf("abcdef"), 0), 6u);
  std::string first(3, '\0');
  std::string second(3, '\0');
  FileRead later = file.Read(RoomIn(second));
  EXPECT_EQ(*co_await file.Read(RoomIn(first)), 3u);
  EXPECT_EQ(*co_await later, 3u);
  EXPECT_EQ(first + second, "abcdef");
  EXPECT_EQ(file.position(), 6u);
}
TEST_P(FileTest, AReadIsWhereTheFileIsWhenItIsAwaited) { Run(MadeBeforeMain(Path("file"))); }

Task<void> ErrorsMain(std::string path, std::string directory) {
  NamedResult<File> none = co_await File::Open(path);
  EXPECT_EQ(none.error(), ENOENT);
  EXPECT_EQ(none.message(), "open " + path + ": No such file or directory");
  NamedResult<File> bad = co_await File::Create(directory);
  EXPECT_EQ(bad.message(), "create " + directory + ": Is a directory");
  NamedResult<File> parent = co_await File::Open(directory);
  std::string bytes(1, '\0');
  IoResult<size_t> got = co_await parent->Read(RoomIn(bytes));
  EXPECT_EQ(parent->Error("read", got.error()).message(), "read " + directory + ": Is a directory");
  EXPECT_EQ(parent->path(), directory);
}
TEST_P(FileTest, ErrorsSayWhatFailedAndWhere) {
  Run(ErrorsMain(Path("file"), Path("").substr(0, Path("").size() - 1)));
}

Task<void> LinesMain(std::string path) {
  constexpr size_t kLines = 5000;
  File file = co_await NewFile(path);
  std::string text;
  for (size_t i = 0; i < kLines; ++i) text += "line " + std::to_string(i) + "\n";
  EXPECT_TRUE((co_await WriteAll(file, BytesOf(text))).ok());
  file.Seek(0);
  BufReader reader(file, 4096);
  Lines lines(reader, 100);
  for (size_t i = 0; i < kLines; ++i) {
    auto line = co_await lines.Next();
    EXPECT_EQ(**line, "line " + std::to_string(i));
  }
  EXPECT_FALSE((*co_await lines.Next()).has_value());
}
TEST_P(FileTest, Lines) { Run(LinesMain(Path("file"))); }

Task<void> PartsMain(std::string path) {
  File file = co_await NewFile(path);
  std::array<std::span<const std::byte>, 3> parts = {BytesOf(""), BytesOf("one,"), BytesOf("two")};
  EXPECT_TRUE((co_await WriteAll(file, std::span(parts))).ok());
  EXPECT_TRUE((co_await file.Shutdown()).ok());
  file.Seek(0);
  EXPECT_EQ(co_await ReadAll(file), "one,two");
}
TEST_P(FileTest, Parts) { Run(PartsMain(Path("file"))); }

// Two that race for the position have read and written each byte once all the same.
Task<void> CutMain(std::string path) {
  const std::string text = LettersAt(0, 300'000);
  File file = co_await NewFile(path);
  for (size_t i = 0; file.position() < text.size(); ++i) {
    std::string part = text.substr(file.position(), 10'000);
    const uint64_t before = file.position();
    auto cut = co_await Select(file.Write(BytesOf(part)), Turns(i % 4));
    part.assign(part.size(), '!');
    if (!cut.Get<0>().ok()) EXPECT_EQ(cut.Get<0>().error(), ECANCELED);
    EXPECT_EQ(file.position(), before + (cut.Get<0>().ok() ? *cut.Get<0>() : 0));
  }
  file.Seek(0);
  std::string all;
  std::string part(9'000, '\0');
  for (size_t i = 0;; ++i) {
    auto cut = co_await Select(file.Read(RoomIn(part)), Turns(i % 4));
    if (!cut.Get<0>().ok()) {
      EXPECT_EQ(cut.Get<0>().error(), ECANCELED);
    } else if (*cut.Get<0>() == 0) {
      break;
    } else {
      all.append(part, 0, *cut.Get<0>());
    }
    part.assign(part.size(), '!');
    EXPECT_EQ(file.position(), all.size());
  }
  EXPECT_TRUE(all == text);
}
TEST_P(FileTest, WhatIsCutShortSaysHowMuch) { Run(CutMain(Path("file"))); }

Task<void> CutOpenMain(std::string path) {
  {
    File file = co_await NewFile(path);
  }
  for (int i = 0; i < 100; ++i) {
    auto cut = co_await Select(File::Open(path), Turns(static_cast<size_t>(i) % 5));
    NamedResult<File>& file = cut.Get<0>();
    if (!file.ok()) EXPECT_EQ(file.message(), "open " + path + ": Operation canceled");
  }
}
TEST_P(FileTest, AnOpenThatIsCutShortOpensNothingOrBringsTheFile) {
  Run(CutOpenMain(Path("file")));
}

Task<std::string> ReadFifo(std::string path) {
  NamedResult<File> reader = co_await File::Open(path);
  EXPECT_TRUE(reader.ok()) << reader.message();
  co_return co_await ReadAll(*reader);
}
Task<void> WriteFifo(std::string path) {
  NamedResult<File> writer = co_await File::Open(path, O_WRONLY);
  EXPECT_TRUE(writer.ok()) << writer.message();
  co_await Turns(5);
  EXPECT_EQ(*co_await writer->Write(BytesOf("through ")), 8u);
  co_await Turns(5);
  EXPECT_EQ(*co_await writer->WriteAt(BytesOf("a pipe"), 1000), 6u);
}
Task<void> FifoMain(std::string path) {
  EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
  auto [text, zero] = co_await Join(ReadFifo(path), WriteFifo(path));
  (void)zero;
  EXPECT_EQ(text, "through a pipe");
}
TEST_P(FileTest, ANamedPipeIsReadAsItComes) { Run(FifoMain(Path("fifo"))); }

// One of each direction, as of any stream.
Task<void> BothWaysMain(std::string path) {
  EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
  NamedResult<File> fifo = co_await File::Open(path, O_RDWR);
  EXPECT_TRUE(fifo.ok()) << fifo.message();
  auto [got, sent] = co_await Join(
      [](File& from) -> Task<std::string> {
        std::string bytes(10, '\0');
        IoResult<size_t> count = co_await from.Read(RoomIn(bytes));
        co_return bytes.substr(0, *count);
      }(*fifo),
      [](File& to) -> Task<size_t> {
        co_await Turns(5);
        co_return *co_await to.Write(BytesOf("both"));
      }(*fifo));
  EXPECT_EQ(got, "both");
  EXPECT_EQ(sent, 4u);
}
TEST_P(FileTest, OfANamedPipeAReadAndAWriteMayWait) { Run(BothWaysMain(Path("fifo"))); }

Task<void> CopyMain(std::string path) {
  const std::string text = LettersAt(9, 200'000);
  File file = co_await NewFile(path);
  EXPECT_TRUE((co_await WriteAll(file, BytesOf(text))).ok());
  file.Seek(0);
  IoResult<Pipe> pipe = Pipe::Make();
  auto [copied, all] = co_await Join(
      [](File& from, PipeWriter& to) -> Task<Transferred> {
        CopyBuffer buffer;
        const Transferred done = co_await Copy(from, to, buffer);
        to.Close();
        co_return done;
      }(file, pipe->writer),
      ReadAll(pipe->reader));
  EXPECT_EQ(copied.bytes(), text.size());
  EXPECT_TRUE(all == text);
}
TEST_P(FileTest, IsAStreamLikeOthers) { Run(CopyMain(Path("file"))); }

Task<size_t> ReadHere(File& file) {
  std::string bytes(10, '\0');
  co_return *co_await file.Read(RoomIn(bytes));
}
Task<void> TwoMain(std::string path) {
  File file = co_await NewFile(std::move(path));
  (void)co_await Join(ReadHere(file), ReadHere(file));
}
Task<size_t> ReadThere(File& file) {
  std::string bytes(10, '\0');
  co_return *co_await file.ReadAt(RoomIn(bytes), 0);
}
Task<void> TwoOfAFifoMain(std::string path) {
  EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
  NamedResult<File> fifo = co_await File::Open(path, O_RDWR);
  unlink(path.c_str());
  (void)co_await Join(ReadHere(*fifo), ReadThere(*fifo));
}
Task<void> ClosedMain(std::string path) {
  File file = co_await NewFile(std::move(path));
  file.Close();
  (void)co_await ReadHere(file);
}
TEST_P(FileTest, MisuseEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(Run(TwoMain(Path("file"))), "at its position at the same time");
  EXPECT_DEATH(Run(TwoOfAFifoMain(Path("fifo"))), "two reads of a file that has no positions");
  EXPECT_DEATH(Run(ClosedMain(Path("file"))), "the file is closed");
}

}  // namespace
}  // namespace sluice::core::testing
