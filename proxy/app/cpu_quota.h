// How many CPUs this process may use: those of its affinity, and the quota of its cgroups, which is
// how a container is limited (`docker run --cpus`, a Kubernetes limit, systemd's CPUQuota=).
//
//   /proc/self/cgroup: the paths    /proc/self/mountinfo: where the hierarchies are mounted
//            └──────────────┬──────────────┘
//                           ▼
//   the group's folder and every one above it, up to the mount: the smallest quota counts
//     version 2: cpu.max = "max 100000" or "QUOTA PERIOD"
//     version 1: cpu.cfs_quota_us (-1: none) and cpu.cfs_period_us
#ifndef SLUICE_PROXY_APP_CPU_QUOTA_H_
#define SLUICE_PROXY_APP_CPU_QUOTA_H_

#include <cstdint>
#include <optional>
#include <string>

namespace sluice::proxy {

// CPUs' worth of time that the cgroups grant, rounded up, at least 1; nullopt: as much as there is.
// `root` stands before every path that is read; tests have a folder of their own there. What cannot
// be read limits nothing.
std::optional<uint32_t> CpuQuota(const std::string& root = "");

// CPUs of the process's affinity, at least 1.
uint32_t CpusOfAffinity();

// What `workers: auto` stands for: the smaller of both, at most the runtime's maximum.
uint32_t UsableCpus(const std::string& root = "");

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_APP_CPU_QUOTA_H_
