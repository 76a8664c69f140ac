// SocketFile: whose file a UNIX listener may take, and which one it removes.

#include "core/net/socket_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/net/socket_api.h"
#include "core/net/unix_diag.h"

namespace sluice::core::testing {
namespace {

Address At(const std::string& path) { return Address::UnixPath(path); }

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { Close(); }
  int get() const { return fd_; }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  void Set(int fd) {
    Close();
    fd_ = fd;
  }

 private:
  int fd_;
};

class SocketFileTest : public ::testing::Test {
 protected:
  SocketFileTest() {
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    path_ = folder_ + "/s";
  }
  ~SocketFileTest() override { std::filesystem::remove_all(folder_); }

  // The error, 0 if there is none.
  int Listen(Fd& fd, SocketFile& file, const ListenOptions& options = {.backlog = 8}) {
    IoResult<int> made = api_.Listen(At(path_), options, file);
    if (!made.ok()) return made.error();
    fd.Set(*made);
    return 0;
  }
  // A socket of `type` bound to the path by another program; stream sockets listen if `listening`.
  int Stranger(int type, bool listening) {
    const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    const Address name = At(path_);
    EXPECT_EQ(bind(fd, name.get(), name.size()), 0);
    if (listening) EXPECT_EQ(listen(fd, 8), 0);
    return fd;
  }
  bool Connects() const {
    const Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const Address name = At(path_);
    return connect(fd.get(), name.get(), name.size()) == 0;
  }
  static bool HasVisitor(int listener) {
    pollfd each = {listener, POLLIN, 0};
    return poll(&each, 1, 0) == 1;
  }
  bool Exists() const {
    struct stat info;
    return lstat(path_.c_str(), &info) == 0;
  }
  mode_t Mode() const {
    struct stat info;
    EXPECT_EQ(stat(path_.c_str(), &info), 0);
    return info.st_mode & 07777;
  }

  std::string folder_ = "/tmp/socket_file.XXXXXX";  // short: sun_path
  std::string path_;
  SocketApi api_;
};

TEST_F(SocketFileTest, AStaleFileIsReplacedAndItsSuccessorRemoved) {
  close(Stranger(SOCK_STREAM, true));
  ASSERT_TRUE(Exists());
  Fd fd;
  SocketFile file;
  ASSERT_EQ(Listen(fd, file), 0);
  EXPECT_EQ(file.path, path_);
  EXPECT_TRUE(Connects());
  api_.RemoveSocketFile(file);
  EXPECT_FALSE(Exists());
}

// All sockets that have the file are found without a connection to any of them.
TEST_F(SocketFileTest, WhatSomebodyHasIsTakenAndNobodyIsDisturbed) {
  struct stat probe;
  {
    const Fd known(Stranger(SOCK_STREAM, true));
    ASSERT_EQ(lstat(path_.c_str(), &probe), 0);
    if (FindSocketHolder(probe) == SocketHolder::kUnknown) GTEST_SKIP() << "no sock_diag(7)";
    EXPECT_EQ(FindSocketHolder(probe), SocketHolder::kSocket);
  }
  EXPECT_EQ(FindSocketHolder(probe), SocketHolder::kNone);
  unlink(path_.c_str());
  for (const auto& [type, listening] : {std::pair{SOCK_STREAM, true},
                                        {SOCK_STREAM, false},  // between its bind and its listen
                                        {SOCK_SEQPACKET, true},
                                        {SOCK_DGRAM, false}}) {
    const Fd other(Stranger(type, listening));
    Fd fd;
    SocketFile file;
    for (int attempt = 0; attempt < 25; ++attempt) EXPECT_EQ(Listen(fd, file), EADDRINUSE);
    EXPECT_TRUE(Exists());
    if (listening) EXPECT_FALSE(HasVisitor(other.get()));
    EXPECT_EQ(file.live, FileId());
    unlink(path_.c_str());
  }
}

// What a listener accepted before it went away bears its name.
TEST_F(SocketFileTest, AConnectionThatOutlivesItsListenerHoldsNoFile) {
  Fd listener(Stranger(SOCK_STREAM, true));
  const Fd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Address name = At(path_);
  ASSERT_EQ(connect(client.get(), name.get(), name.size()), 0);
  const Fd accepted(accept(listener.get(), nullptr, nullptr));
  ASSERT_GE(accepted.get(), 0);
  listener.Close();
  Fd fd;
  SocketFile file;
  EXPECT_EQ(Listen(fd, file), 0);
}

TEST_F(SocketFileTest, OtherKindsOfFilesAreTakenAndLeftAlone) {
  const std::string target = folder_ + "/target";
  close(Stranger(SOCK_STREAM, true));
  ASSERT_EQ(rename(path_.c_str(), target.c_str()), 0);
  const std::vector<std::pair<const char*, int (*)(const char*, const char*)>> kinds = {
      {"file", [](const char* path, const char*) { return creat(path, 0600) < 0 ? -1 : 0; }},
      {"folder", [](const char* path, const char*) { return mkdir(path, 0700); }},
      {"FIFO", [](const char* path, const char*) { return mkfifo(path, 0600); }},
      {"link to nothing", [](const char* path, const char*) { return symlink("/none", path); }},
      {"link to a stale socket",
       [](const char* path, const char* to) { return symlink(to, path); }},
  };
  for (const auto& [what, make] : kinds) {
    ASSERT_EQ(make(path_.c_str(), target.c_str()), 0) << what;
    struct stat before;
    struct stat after;
    ASSERT_EQ(lstat(path_.c_str(), &before), 0);
    Fd fd;
    SocketFile file;
    EXPECT_EQ(Listen(fd, file), EADDRINUSE) << what;
    ASSERT_EQ(lstat(path_.c_str(), &after), 0) << what;
    EXPECT_EQ(before.st_ino, after.st_ino) << what;
    std::filesystem::remove(path_);
  }
}

TEST_F(SocketFileTest, OnlyItsOwnFileIsRemoved) {
  for (const char* instead : {"successor", "stranger", "file", "link", "nothing"}) {
    const std::string what = instead;
    Fd fd;
    SocketFile file;
    ASSERT_EQ(Listen(fd, file), 0) << what;
    const std::string moved = folder_ + "/moved";
    ASSERT_EQ(rename(path_.c_str(), moved.c_str()), 0);
    Fd other;
    SocketFile successor;
    if (what == "successor") ASSERT_EQ(Listen(other, successor), 0);
    if (what == "stranger") other.Set(Stranger(SOCK_STREAM, true));
    if (what == "file") std::ofstream(path_) << "data";
    if (what == "link") ASSERT_EQ(symlink(moved.c_str(), path_.c_str()), 0);
    api_.RemoveSocketFile(file);
    EXPECT_EQ(Exists(), what != "nothing") << what;
    EXPECT_TRUE(std::filesystem::exists(moved));
    fd.Close();
    if (what == "successor") {
      EXPECT_TRUE(Connects());
      api_.RemoveSocketFile(successor);
      EXPECT_FALSE(Exists());
    }
    std::filesystem::remove(path_);
    std::filesystem::remove(moved);
  }
}

TEST_F(SocketFileTest, ExactlyOneOfManyThatStartAtOnceListens) {
  constexpr int kRounds = 100;
  constexpr int kProcesses = 6;
  for (int round = 0; round < kRounds; ++round) {
    close(Stranger(SOCK_STREAM, true));
    int start[2];
    int listens[2];
    int hold[2];
    ASSERT_EQ(pipe2(start, O_CLOEXEC), 0);
    ASSERT_EQ(pipe2(listens, O_CLOEXEC), 0);
    ASSERT_EQ(pipe2(hold, O_CLOEXEC), 0);
    std::vector<pid_t> children;
    for (int i = 0; i < kProcesses; ++i) {
      const pid_t child = fork();
      if (child == 0) {
        char byte;
        close(start[1]);
        close(hold[1]);
        (void)!read(start[0], &byte, 1);  // all at once: the end of the pipe
        SocketFile file;
        const IoResult<int> fd = SocketApi().Listen(At(path_), {.backlog = 8}, file);
        if (fd.ok()) (void)!write(listens[1], "", 1);
        // The process that listens goes on until all have tried.
        (void)!read(hold[0], &byte, fd.ok() ? 1 : 0);
        _exit(fd.ok() ? 0 : fd.error() == EADDRINUSE ? 1 : 2);
      }
      children.push_back(child);
    }
    close(start[0]);
    close(start[1]);
    close(hold[0]);
    // The losers end by themselves.
    for (int i = 0; i < kProcesses - 1; ++i) {
      siginfo_t info;
      ASSERT_EQ(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
      int status = 0;
      ASSERT_EQ(waitpid(info.si_pid, &status, 0), info.si_pid);
      EXPECT_EQ(WEXITSTATUS(status), 1) << "round " << round;
    }
    // They may have lost to a file that was bound and did not listen yet.
    close(listens[1]);
    char byte;
    EXPECT_EQ(read(listens[0], &byte, 1), 1) << "round " << round;
    close(listens[0]);
    EXPECT_TRUE(Connects()) << "round " << round;
    close(hold[1]);
    int status = 0;
    ASSERT_GT(wait(&status), 0);
    EXPECT_EQ(WEXITSTATUS(status), 0) << "round " << round;
    if (HasFailure()) return;
    unlink(path_.c_str());
  }
}

// The directory's lock may be held by any process that can read the directory.
TEST_F(SocketFileTest, WhoeverKeepsTheLockKeepsNobodyFromStarting) {
  const Fd folder(open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(flock(folder.get(), LOCK_EX), 0);
  close(Stranger(SOCK_STREAM, true));
  Fd fd;
  SocketFile file;
  EXPECT_EQ(Listen(fd, file), 0);
  api_.RemoveSocketFile(file);
  EXPECT_FALSE(Exists());
}

TEST_F(SocketFileTest, ModeAndOwnerAreExact) {
  for (const mode_t mask : {0u, 077u, 0777u}) {
    for (const int mode : {0660, 0606, 0, 0777}) {
      const mode_t before = umask(mask);
      Fd fd;
      SocketFile file;
      EXPECT_EQ(Listen(fd, file, {.backlog = 8, .unix_mode = mode}), 0);
      umask(before);
      EXPECT_EQ(Mode(), static_cast<mode_t>(mode));
      api_.RemoveSocketFile(file);
    }
  }
  Fd fd;
  SocketFile file;
  // A group of its own may always be set; another user only by root.
  ASSERT_EQ(Listen(fd, file, {.backlog = 8, .unix_mode = 0620, .unix_gid = getegid()}), 0);
  EXPECT_EQ(Mode(), 0620u);
  api_.RemoveSocketFile(file);
  if (geteuid() != 0) GTEST_SKIP() << "the rest needs root";
  ASSERT_EQ(Listen(fd, file, {.backlog = 8, .unix_uid = 12345, .unix_gid = 54321}), 0);
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 12345u);
  EXPECT_EQ(info.st_gid, 54321u);
  api_.RemoveSocketFile(file);
}

TEST_F(SocketFileTest, WhatMayNotBeGivenAwayLeavesNoFile) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to be somebody else";
  ASSERT_EQ(chmod(folder_.c_str(), 0777), 0);
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(12345) != 0 || setuid(12345) != 0) _exit(3);
    SocketFile file;
    const IoResult<int> fd = SocketApi().Listen(At(path_), {.backlog = 8, .unix_uid = 0}, file);
    _exit(fd.ok() ? 2 : fd.error() == EPERM ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_FALSE(Exists());
}

}  // namespace
}  // namespace sluice::core::testing
