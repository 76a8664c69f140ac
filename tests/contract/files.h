// Files and pipes for the contract's tests of what reads and writes them.
#ifndef SLUICE_TESTS_CONTRACT_FILES_H_
#define SLUICE_TESTS_CONTRACT_FILES_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>

#include "tests/contract/sockets.h"

namespace sluice::contract {

inline std::span<std::byte> RoomIn(std::string& text) {
  return std::as_writable_bytes(std::span(text));
}

// Removed when it goes.
struct TemporaryFile {
  TemporaryFile() : path(::testing::TempDir() + "/file_test_XXXXXX"), fd(mkostemp(path.data(), 0)) {
    EXPECT_GE(fd.get(), 0);
  }
  ~TemporaryFile() { unlink(path.c_str()); }
  std::string path;
  Fd fd;
};

struct Ends {
  Ends(int reader, int writer) : reader(reader), writer(writer) {}
  int reader;
  int writer;
};
inline Ends MakePipe() {
  std::array<int, 2> both{};
  EXPECT_EQ(pipe2(both.data(), O_CLOEXEC), 0);
  return {both[0], both[1]};
}

}  // namespace sluice::contract

#endif  // SLUICE_TESTS_CONTRACT_FILES_H_
