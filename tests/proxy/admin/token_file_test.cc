#include "proxy/admin/token_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace sluice::proxy {
namespace {

std::string Folder() { return std::getenv("TEST_TMPDIR"); }

std::string FileWith(const std::string& text) {
  std::string path = Folder() + "/token";
  std::ofstream(path) << text;
  return path;
}

TEST(TokenFile, TheFirstLineIsTheToken) {
  EXPECT_EQ(*ReadToken("token", FileWith("s3cret")), "s3cret");
  EXPECT_EQ(*ReadToken("token", FileWith(" s3cret \r\nmore\n")), "s3cret");
}

TEST(TokenFile, AnythingElseIsAnErrorThatNamesTheFile) {
  for (const std::string& path : {FileWith("\nsecond line"), Folder(), Folder() + "/absent"}) {
    const absl::StatusOr<std::string> token = ReadToken("token", path);
    ASSERT_FALSE(token.ok()) << path;
    EXPECT_NE(token.status().message().find(path), absl::string_view::npos) << token.status();
  }
  const std::string pipe = Folder() + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_FALSE(ReadToken("token", pipe).ok()) << "and does not wait";
}

}  // namespace
}  // namespace sluice::proxy
