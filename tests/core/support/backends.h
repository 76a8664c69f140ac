// Tests of whole runtimes on both backends, with one worker and several: a fixture for them.
#ifndef SLUICE_TESTS_CORE_SUPPORT_BACKENDS_H_
#define SLUICE_TESTS_CORE_SUPPORT_BACKENDS_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/runtime/backend.h"
#include "core/runtime/options.h"

namespace sluice::core::testing {

struct BackendSetting {
  Backend backend;
  uint32_t workers;
};

inline std::string NameOfSetting(const ::testing::TestParamInfo<BackendSetting>& info) {
  return absl::StrCat(info.param.backend == Backend::kIoUring ? "io_uring_" : "epoll_",
                      info.param.workers);
}

class BackendTest : public ::testing::TestWithParam<BackendSetting> {
 protected:
  void SetUp() override {
    const absl::StatusOr<ChosenBackend> chosen = ChooseBackend(GetParam().backend);
    if (!chosen.ok()) {
      const std::string reason(chosen.status().message());
      if (std::getenv("SLUICE_ALLOW_NO_IO_URING") != nullptr) GTEST_SKIP() << reason;
      FAIL() << reason << " (SLUICE_ALLOW_NO_IO_URING=1 skips these cases)";
    }
    alarm(100);  // a case that hangs ends the run, and its name is the last one printed
  }

  static RuntimeOptions Options() {
    return {.workers = GetParam().workers,
            .worker = {.buffers = 16, .buffer_size = 4096},
            .backend = GetParam().backend};
  }
};

inline constexpr BackendSetting kEveryBackend[] = {
    {Backend::kIoUring, 1}, {Backend::kIoUring, 3}, {Backend::kEpoll, 1}, {Backend::kEpoll, 3}};

#define SLUICE_ON_EVERY_BACKEND(suite)                                                           \
  INSTANTIATE_TEST_SUITE_P(, suite, ::testing::ValuesIn(::sluice::core::testing::kEveryBackend), \
                           ::sluice::core::testing::NameOfSetting)

}  // namespace sluice::core::testing

#endif  // SLUICE_TESTS_CORE_SUPPORT_BACKENDS_H_
