// What the contract's tests share: a runtime over each backend, and the promises by number.
//
// The suite says what core/reactor/reactor.h promises (R1..R7), once for io_uring, for io_uring as
// on kernels without a credit for multishot recv ("single"), and for epoll, with one worker or two.
// Where io_uring cannot be used its cases fail, unless SLUICE_ALLOW_NO_IO_URING is set.
//
// Every case also checks that it leaves no descriptor open, no lease out and no op in flight.
#ifndef SLUICE_TESTS_CONTRACT_CONTRACT_H_
#define SLUICE_TESTS_CONTRACT_CONTRACT_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>

#include "core/base/clock.h"
#include "core/runtime/runtime.h"
#include "core/sched/worker.h"
#include "core/task/task.h"

namespace sluice::contract {

enum class Backend { kUring, kUringSingle, kEpoll };

struct Setting {
  Backend backend;
  uint32_t workers;
  bool large_buffers = false;  // besides the small ones, for streams that fill theirs
};

void PrintTo(const Setting& setting, std::ostream* out);
std::string NameOf(const ::testing::TestParamInfo<Setting>& info);

class ContractTest : public ::testing::TestWithParam<Setting> {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Runs `main` to its end; `options` before it.
  void Run(core::Task<void> main);
  core::Runtime& runtime();
  core::RuntimeHandle handle() { return runtime().handle(); }
  core::Worker* worker(uint32_t index) { return &handle().worker(index); }
  uint32_t workers() const { return GetParam().workers; }
  bool two_workers() const { return GetParam().workers == 2; }

  core::MonotonicClock clock;
  core::WorkerOptions options{.buffers = 256, .buffer_size = 4096};

 private:
  std::unique_ptr<core::Runtime> runtime_;
  size_t descriptors_before_ = 0;
};

// How many descriptors this process has open.
size_t CountDescriptors();

inline constexpr Setting kAll[] = {
    {Backend::kUring, 1},       {Backend::kUring, 2}, {Backend::kUring, 2, true},
    {Backend::kEpoll, 1},       {Backend::kEpoll, 2}, {Backend::kEpoll, 2, true},
    {Backend::kUringSingle, 1},
};
inline constexpr Setting kOneWorker[] = {
    {Backend::kUring, 1}, {Backend::kUringSingle, 1}, {Backend::kEpoll, 1}};

#define SLUICE_CONTRACT(suite, settings) \
  INSTANTIATE_TEST_SUITE_P(, suite, ::testing::ValuesIn(settings), ::sluice::contract::NameOf)

}  // namespace sluice::contract

#endif  // SLUICE_TESTS_CONTRACT_CONTRACT_H_
