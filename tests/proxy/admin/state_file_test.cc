// StateFile: what is written is what is read, whatever has been changed; what is broken is told.
#include "proxy/admin/state_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "core/log/logger.h"

namespace sluice::proxy {
namespace {

using Changes = EndpointActions::Changes;

class Lines final : public core::Logger {
 public:
  Lines() : Logger(core::LogLevel::kInfo) {}
  void Write(core::LogLevel, std::string_view line) override { all.emplace_back(line); }
  uint64_t dropped() const override { return 0; }
  bool Drain(core::Duration) override { return true; }

  std::vector<std::string> all;
};

ByHand Added(std::string_view address, std::string_view name, uint32_t weight) {
  conf::Endpoint endpoint{.address = *core::Address::Parse(address), .weight = weight};
  endpoint.name = name;
  ByHand by_hand;
  by_hand.added = endpoint;
  return by_hand;
}

class StateFileTest : public ::testing::Test {
 protected:
  StateFileTest() {
    const char* const folder = getenv("TEST_TMPDIR");
    std::string pattern = std::string(folder == nullptr ? "/tmp" : folder) + "/state.XXXXXX";
    path_ = std::string(mkdtemp(pattern.data())) + "/state";
  }
  std::string Text() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void Put(std::string_view text) const { std::ofstream(path_) << text; }

  std::string path_;
  Lines lines_;
};

TEST_F(StateFileTest, WhatIsWrittenIsRead) {
  Changes changes;
  changes["app"]["10.0.0.1:80"].state = AdminState::kDrain;
  ByHand& odd = changes["app"]["a b/c?d=e&f%\n"];
  odd.state = AdminState::kMaintenance;
  odd.weight = 0;
  changes["app"]["[::1]:80"].removed = true;
  changes["app"]["listed"].state = AdminState::kReady;  // whatever a list says
  changes["app"]["late"] = Added("10.0.0.9:80", "late", 7);
  changes["db"]["unix:/run/x"] = Added("unix:/run/x", "", 0);
  changes["db"]["unix:/run/x"].weight = 256;
  const std::string text = EncodeState(changes);
  const absl::StatusOr<StateText> read = DecodeState(text);
  ASSERT_TRUE(read.ok()) << read.status() << "\n" << text;
  EXPECT_TRUE(read->changes == changes) << text;
  EXPECT_EQ(read->left_out, std::vector<std::string>());
  EXPECT_TRUE(DecodeState(EncodeState({}))->changes.empty());
}

TEST_F(StateFileTest, NamesMayBeLong) {
  Changes changes;
  changes["app"][std::string(5000, '%')].state = AdminState::kDrain;
  changes["app"]["a"].removed = true;
  const absl::StatusOr<StateText> read = DecodeState(EncodeState(changes));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->changes == changes);
}

TEST_F(StateFileTest, WhatIsBrokenIsNotTaken) {
  const std::string first = "sluice administrative state 1\n";
  for (const auto& [text, error] : std::vector<std::pair<std::string, std::string>>{
           {"", "1: the first line is not"},
           {"sluice administrative state 2\nend\n", "1: the first line is not"},
           {first, "2: the end is missing"},
           {first + "/app/a?state=drain\n", "3: the end is missing"},
           {first + "end", "3: there is something"},
           {first + "end\n/app/a?state=drain\nend\n", "3: there is something"}}) {
    const absl::StatusOr<StateText> read = DecodeState(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_TRUE(std::string(read.status().message()).starts_with(error)) << read.status();
  }
}

// The others hold: without them, sessions would go to servers in maintenance.
TEST_F(StateFileTest, ALineThatSaysNothingIsLeftOut) {
  const std::string first = "sluice administrative state 1\n/app/ok?state=drain\n";
  const std::string last = "/app/too?removed=true\nend\n";
  Changes others;
  others["app"]["ok"].state = AdminState::kDrain;
  others["app"]["too"].removed = true;
  for (const auto& [line, error] : std::vector<std::pair<std::string, std::string>>{
           {"app/a?state=drain", "it is no line"},
           {"/app?state=drain", "it is no line"},
           {"/app/a?state=drai", "state drai"},
           {"/app/a?set_weight=257", "weight 257"},
           {"/app/a?removed=no", "removed no"},
           {"/app/a?address=10.0.0.1", "address"},
           {"/app/a?name=x", "address is missing"},
           {"/app/%FF?address=10.0.0.1:80&name=%FF", "name is"},
           {"/app/a?stat=drain", "there is no parameter stat"}}) {
    const absl::StatusOr<StateText> read = DecodeState(first + line + "\n" + last);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(read->changes == others) << line;
    ASSERT_EQ(read->left_out.size(), 1u) << line;
    EXPECT_TRUE(read->left_out[0].starts_with("3: " + error)) << read->left_out[0];
  }
}

TEST_F(StateFileTest, WhatIsLeftOutIsTold) {
  Put("sluice administrative state 1\n/app/a?state=drai\n/app/b?removed=true\n/x\nend\n");
  StateFile file(path_, lines_);
  const Changes changes = file.Load();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_TRUE(changes.at("app").at("b").removed);
  ASSERT_EQ(lines_.all.size(), 1u);
  EXPECT_TRUE(lines_.all[0].starts_with("admin.state_file " + path_ +
                                        ":2: state drai (and 1 other lines); it is left out"))
      << lines_.all[0];
}

TEST_F(StateFileTest, AFileThatIsCutIsNotTaken) {
  Changes changes;
  for (int i = 0; i < 20; ++i) changes["app"][std::to_string(i)].state = AdminState::kDrain;
  const std::string text = EncodeState(changes);
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(DecodeState(text.substr(0, size)).ok()) << size;
  }
}

TEST_F(StateFileTest, EachChangeIsInTheFile) {
  Changes now;
  {
    StateFile file(path_, lines_);
    EXPECT_TRUE(file.Load().empty());
    ASSERT_TRUE(file.Start([&now] { return now; }).ok());
    now["app"]["a"].state = AdminState::kDrain;
    file.Changed();
    file.Stop();
  }
  EXPECT_EQ(Text(), "sluice administrative state 1\n/app/a?state=drain\nend\n");
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
  EXPECT_NE(access((path_ + ".new").c_str(), F_OK), 0);
  StateFile next(path_, lines_);
  EXPECT_TRUE(next.Load() == now);
  EXPECT_EQ(lines_.all, std::vector<std::string>());
}

TEST_F(StateFileTest, NothingIsWrittenWithoutAChange) {
  StateFile file(path_, lines_);
  Put(EncodeState({}));
  (void)file.Load();
  ASSERT_TRUE(file.Start([] { return Changes(); }).ok());
  ASSERT_EQ(unlink(path_.c_str()), 0);
  file.Changed();
  file.Stop();
  EXPECT_NE(access(path_.c_str(), F_OK), 0) << "it has what the file had";
}

TEST_F(StateFileTest, WithoutAFileNothingIsWrittenUntilThereIsAChange) {
  StateFile file(path_, lines_);
  (void)file.Load();
  ASSERT_TRUE(file.Start([] { return Changes(); }).ok());
  file.Changed();
  file.Stop();
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
}

TEST_F(StateFileTest, ABrokenFileIsToldAndTheNextChangeTakesItsPlace) {
  Put("sluice administrative state 1\n/app/a?state=drain\n");
  StateFile file(path_, lines_);
  EXPECT_TRUE(file.Load().empty());
  ASSERT_EQ(lines_.all.size(), 1u);
  EXPECT_TRUE(lines_.all[0].starts_with("admin.state_file " + path_ + ":3: the end is missing"))
      << lines_.all[0];
  Changes now;
  now["app"]["b"].removed = true;
  ASSERT_TRUE(file.Start([&now] { return now; }).ok());
  file.Changed();
  file.Stop();
  EXPECT_EQ(Text(), "sluice administrative state 1\n/app/b?removed=true\nend\n");
}

TEST_F(StateFileTest, APauseEndsWithTheLastChangeInTheFile) {
  Changes now;
  now["app"]["a"].removed = true;
  StateFile file(path_, lines_);
  ASSERT_TRUE(file.Start([&now] { return now; }).ok());
  file.Changed();
  EXPECT_TRUE(file.Pause(1min).ok());
  EXPECT_EQ(Text(), EncodeState(now));
  const std::string before = Text();
  now["app"]["b"].removed = true;
  file.Changed();
  EXPECT_TRUE(file.Pause(1min).ok()) << "it is paused already";
  EXPECT_EQ(Text(), before) << "it is another process's now";
  ASSERT_TRUE(file.Resume().ok());
  ASSERT_TRUE(file.Resume().ok());
  EXPECT_TRUE(file.Pause(1min).ok());
  EXPECT_EQ(Text(), EncodeState(now));
}

// As a disk that does not answer: who opens a FIFO for writing waits until another one reads.
TEST_F(StateFileTest, APauseDoesNotWaitForADiskForEver) {
  const std::string beside = path_ + ".new";
  ASSERT_EQ(mkfifo(beside.c_str(), 0600), 0);
  Changes now;
  now["app"]["a"].removed = true;
  StateFile file(path_, lines_);
  ASSERT_TRUE(file.Start([&now] { return now; }).ok());
  file.Changed();
  EXPECT_EQ(file.Pause(10ms), absl::DeadlineExceededError(
                                  "admin.state_file " + path_ +
                                  " cannot be written: its disk has not answered for 0.01 s"));
  EXPECT_TRUE(file.Resume().ok()) << "it goes on anyway";
  const int reader = open(beside.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  // A write that began with the fifo fails, as that is no file.
  for (int i = 0; i < 3 && !file.Pause(1min).ok(); ++i) ASSERT_TRUE(file.Resume().ok());
  EXPECT_EQ(Text(), EncodeState(now));
  close(reader);
}

TEST_F(StateFileTest, APauseTellsWhatIsNotInTheFile) {
  const std::string beside = path_ + ".new";
  ASSERT_EQ(mkdir(beside.c_str(), 0700), 0);
  Changes now;
  now["app"]["a"].removed = true;
  StateFile file(path_, lines_);
  ASSERT_TRUE(file.Start([&now] { return now; }).ok());
  file.Changed();
  const std::string told(file.Pause(1min).message());
  EXPECT_TRUE(told.starts_with("admin.state_file: cannot write " + beside)) << told;
  ASSERT_EQ(rmdir(beside.c_str()), 0);
  ASSERT_TRUE(file.Resume().ok());
  EXPECT_TRUE(file.Pause(1min).ok());
  EXPECT_EQ(Text(), EncodeState(now));
}

TEST_F(StateFileTest, AStartDuringAPauseWaitsForItsEnd) {
  Changes now;
  now["app"]["a"].removed = true;
  StateFile file(path_, lines_);
  EXPECT_TRUE(file.Pause(1min).ok());
  ASSERT_TRUE(file.Start([&now] { return now; }).ok());
  file.Changed();
  EXPECT_TRUE(file.Pause(1min).ok());
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
  ASSERT_TRUE(file.Resume().ok());
  file.Stop();
  EXPECT_EQ(Text(), EncodeState(now));
}

TEST_F(StateFileTest, ThereIsNoWayBackFromItsEnd) {
  StateFile file(path_, lines_);
  ASSERT_TRUE(file.Start([] { return Changes(); }).ok());
  std::thread other([&file] { file.Stop(); });
  file.Stop();
  other.join();
  Changes now;
  now["app"]["a"].removed = true;
  EXPECT_TRUE(file.Start([&now] { return now; }).ok());
  EXPECT_TRUE(file.Resume().ok());
  file.Changed();
  EXPECT_TRUE(file.Pause(1min).ok());
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
}

TEST_F(StateFileTest, AFolderThatCannotBeWrittenIsTold) {
  StateFile file(path_ + "/absent/state", lines_);
  EXPECT_TRUE(file.Load().empty());
  Changes now;
  now["app"]["a"].removed = true;
  ASSERT_TRUE(file.Start([&now] { return now; }).ok());
  file.Changed();
  file.Stop();
  ASSERT_EQ(lines_.all.size(), 1u);
  EXPECT_TRUE(lines_.all[0].starts_with("admin.state_file: cannot write ")) << lines_.all[0];
}

}  // namespace
}  // namespace sluice::proxy
