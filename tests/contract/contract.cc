#include "tests/contract/contract.h"

#include <dirent.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "epoll/epoll_reactor.h"
#include "iouring/probe.h"
#include "iouring/uring_reactor.h"
#include "tests/contract/sockets.h"

namespace sluice::contract {
namespace {

constexpr unsigned kSecondsPerCase = 120;

const absl::StatusOr<iouring::Features>& Uring() {
  static const auto* const features = new absl::StatusOr<iouring::Features>(iouring::Probe());
  return *features;
}

core::ReactorFactory FactoryFor(Backend backend) {
  if (backend == Backend::kEpoll) {
    auto table = std::make_shared<epoll::DescriptorTable>();
    return [table](core::BufferPool& pool) { return epoll::EpollReactor::Make(table, pool); };
  }
  iouring::Features features = *Uring();
  if (backend == Backend::kUringSingle) features.recv_credit = false;
  return [features](core::BufferPool& pool) { return iouring::UringReactor::Make(features, pool); };
}

}  // namespace

void PrintTo(const Setting& setting, std::ostream* out) {
  switch (setting.backend) {
    case Backend::kUring:
      *out << "io_uring_";
      break;
    case Backend::kUringSingle:
      *out << "io_uring_single_";
      break;
    case Backend::kEpoll:
      *out << "epoll_";
      break;
  }
  *out << setting.workers << (setting.large_buffers ? "_large" : "");
}

std::string NameOf(const ::testing::TestParamInfo<Setting>& info) {
  return ::testing::PrintToString(info.param);
}

size_t CountDescriptors() {
  DIR* directory = opendir("/proc/self/fd");
  size_t count = 0;
  while (readdir(directory) != nullptr) ++count;
  closedir(directory);
  return count;
}

void ContractTest::SetUp() {
  if (GetParam().backend != Backend::kEpoll && !Uring().ok()) {
    const std::string reason = "no io_uring here: " + std::string(Uring().status().message());
    if (std::getenv("SLUICE_ALLOW_NO_IO_URING") != nullptr) GTEST_SKIP() << reason;
    FAIL() << reason << " (SLUICE_ALLOW_NO_IO_URING=1 skips these cases)";
  }
  PairListener();
  alarm(kSecondsPerCase);  // a case that hangs ends the run, and its name is the last one printed
  descriptors_before_ = CountDescriptors();
}

core::Runtime& ContractTest::runtime() {
  if (runtime_ == nullptr) {
    if (GetParam().large_buffers) {
      options.large_buffers = 2;
      options.large_buffer_size = 8 * options.buffer_size;
    }
    const core::RuntimeOptions all = {.workers = workers(), .worker = options};
    runtime_ = std::make_unique<core::Runtime>(all, clock, FactoryFor(GetParam().backend));
  }
  return *runtime_;
}

// On a thread of its own. When a ring is closed the kernel comes back later to the thread that has
// used it, as if it had a signal (io_ring_exit_work), and a recv that meets the urgent mark just
// then answers EAGAIN: on the thread of the next test it would wait for an arrival too many.
void ContractTest::Run(core::Task<void> main) {
  core::Runtime& all = runtime();
  absl::Status status;
  std::thread([&] { status = all.Run(std::move(main)); }).join();
  EXPECT_TRUE(status.ok()) << status;
}

void ContractTest::TearDown() {
  if (IsSkipped()) return;
  runtime_.reset();  // every pool checks that no lease is out
  EXPECT_EQ(CountDescriptors(), descriptors_before_) << "descriptors left open";
  alarm(0);
}

}  // namespace sluice::contract
