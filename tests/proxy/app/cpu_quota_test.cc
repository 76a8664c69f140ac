#include "proxy/app/cpu_quota.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace sluice::proxy {
namespace {

namespace fs = std::filesystem;

constexpr char kV2Mounts[] =
    "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    "30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr char kV1Mounts[] =
    "31 22 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    "32 22 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n";

// A machine of files.
class CpuQuotaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::string(std::getenv("TEST_TMPDIR")) + "/rootXXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { fs::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) const {
    const fs::path file = root_ + path;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void V2(const std::string& group) const {
    Write("/proc/self/cgroup", "0::" + group + "\n");
    Write("/proc/self/mountinfo", kV2Mounts);
  }
  void V1(const std::string& group) const {
    Write("/proc/self/cgroup", "4:cpuset:/elsewhere\n3:cpu,cpuacct:" + group + "\n0::/\n");
    Write("/proc/self/mountinfo", kV1Mounts);
  }
  void V1Quota(const std::string& group, const std::string& quota,
               const std::string& period) const {
    Write("/sys/fs/cgroup/cpu,cpuacct" + group + "/cpu.cfs_quota_us", quota + "\n");
    Write("/sys/fs/cgroup/cpu,cpuacct" + group + "/cpu.cfs_period_us", period + "\n");
  }
  std::optional<uint32_t> Quota() const { return CpuQuota(root_); }

  std::string root_;
};

TEST_F(CpuQuotaTest, NothingIsThere) { EXPECT_EQ(Quota(), std::nullopt); }

TEST_F(CpuQuotaTest, V2RoundsUpAndIsAtLeastOne) {
  V2("/app");
  const std::string file = "/sys/fs/cgroup/app/cpu.max";
  const std::pair<const char*, std::optional<uint32_t>> cases[] = {
      {"max 100000\n", std::nullopt},
      {"100000 100000\n", 1},
      {"100001 100000\n", 2},
      {"1000 100000\n", 1},
      {"250000 100000\n", 3},
      {"400000 50000\n", 8},
      {"", std::nullopt},
      {"nonsense", std::nullopt},
      {"100000", std::nullopt},
      {"100000 0\n", std::nullopt},
      {"0 100000\n", std::nullopt},
      {"9223372036854775807 1\n", UINT32_MAX}};
  for (const auto& [text, cpus] : cases) {
    Write(file, text);
    EXPECT_EQ(Quota(), cpus) << text;
  }
}

TEST_F(CpuQuotaTest, TheSmallestOnTheWayUpCounts) {
  V2("/a/b/c");
  Write("/sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
  EXPECT_EQ(Quota(), std::nullopt);
  Write("/sys/fs/cgroup/a/cpu.max", "500000 100000\n");
  EXPECT_EQ(Quota(), 5u);
  Write("/sys/fs/cgroup/a/b/cpu.max", "150000 100000\n");
  EXPECT_EQ(Quota(), 2u);
  Write("/sys/fs/cgroup/a/b/c/cpu.max", "900000 100000\n");
  EXPECT_EQ(Quota(), 2u);
  Write("/sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_EQ(Quota(), 1u);
  Write("/sys/fs/cgroup/other/cpu.max", "1000 100000\n");  // not above it
  EXPECT_EQ(Quota(), 1u);
}

TEST_F(CpuQuotaTest, V1) {
  V1("/docker/x");
  V1Quota("/docker/x", "-1", "100000");
  EXPECT_EQ(Quota(), std::nullopt);
  V1Quota("/docker/x", "350000", "100000");
  EXPECT_EQ(Quota(), 4u);
  V1Quota("/docker", "20000", "10000");
  EXPECT_EQ(Quota(), 2u);
  V1Quota("", "-1", "100000");
  EXPECT_EQ(Quota(), 2u);
}

// In a container the mount shows only a part of the hierarchy, and the paths may be those outside.
TEST_F(CpuQuotaTest, MountsOfAPart) {
  Write("/proc/self/cgroup", "3:cpu,cpuacct:/docker/x/inner\n");
  Write("/proc/self/mountinfo",
        "32 22 0:28 /docker/x /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n");
  Write("/sys/fs/cgroup/cpu/inner/cpu.cfs_quota_us", "300000\n");
  Write("/sys/fs/cgroup/cpu/inner/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Quota(), 3u);
  Write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n");
  Write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Quota(), 2u);
  // A path that is not inside of what is mounted: the mount itself.
  for (const char* group : {"/docker/xy", "/../other", "/"}) {
    Write("/proc/self/cgroup", std::string("3:cpu,cpuacct:") + group + "\n");
    EXPECT_EQ(Quota(), 2u) << group;
  }
}

TEST_F(CpuQuotaTest, BothVersionsAndABlankInTheMountPoint) {
  Write("/proc/self/cgroup", "3:cpu:/a\n0::/b\n");
  Write("/proc/self/mountinfo",
        "30 22 0:26 / /sys/fs/two\\040words rw - cgroup2 cgroup2 rw\n"
        "31 22 0:27 / /sys/fs/cpu rw shared:1 master:2 - cgroup cgroup rw,cpu\n");
  Write("/sys/fs/cpu/a/cpu.cfs_quota_us", "400000\n");
  Write("/sys/fs/cpu/a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Quota(), 4u);
  Write("/sys/fs/two words/b/cpu.max", "200000 100000\n");
  EXPECT_EQ(Quota(), 2u);
}

TEST_F(CpuQuotaTest, LinesThatAreNone) {
  Write("/proc/self/cgroup", "\n:\n0:\nx::\n0::/app\n");
  Write("/proc/self/mountinfo", std::string("\n1 2\n- -\n") + kV2Mounts + "30 22\n");
  Write("/sys/fs/cgroup/app/cpu.max", "200000 100000\n");
  EXPECT_EQ(Quota(), 2u);
}

TEST_F(CpuQuotaTest, AffinityAndQuotaTogether) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  EXPECT_EQ(CpusOfAffinity(), static_cast<uint32_t>(CPU_COUNT(&before)));
  EXPECT_EQ(UsableCpus(root_), std::min(CpusOfAffinity(), 256u));
  V2("/app");
  Write("/sys/fs/cgroup/app/cpu.max", "9900000 100000\n");
  EXPECT_EQ(UsableCpus(root_), std::min(CpusOfAffinity(), 99u));
  Write("/sys/fs/cgroup/app/cpu.max", "50000 100000\n");
  EXPECT_EQ(UsableCpus(root_), 1u);
  Write("/sys/fs/cgroup/app/cpu.max", "9900000 100000\n");
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(UsableCpus(root_), 1u);
  sched_setaffinity(0, sizeof(before), &before);
}

}  // namespace
}  // namespace sluice::proxy
