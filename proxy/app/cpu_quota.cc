#include "proxy/app/cpu_quota.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <limits>
#include <sstream>
#include <string_view>
#include <vector>

#include "core/sched/idle_set.h"

namespace sluice::proxy {
namespace {

// Where a hierarchy is mounted: `top`, a folder of the hierarchy, is seen at `point`.
struct Mount {
  std::string top;
  std::string point;
};

// One hierarchy that may limit CPU time, and the group of this process in it.
struct Hierarchy {
  bool is_v2 = false;
  std::string group;
  std::optional<Mount> mount;
};

bool HasWord(const std::string& list, std::string_view word) {
  std::istringstream words(list);
  for (std::string each; std::getline(words, each, ',');) {
    if (each == word) return true;
  }
  return false;
}

// The octal escapes of mountinfo: a blank is \040.
std::string Unescape(const std::string& text) {
  const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) &&
                           is_octal(text[i + 2]) && is_octal(text[i + 3]);
    if (!is_escape) {
      plain += text[i];
      continue;
    }
    plain +=
        static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return plain;
}

// Lines "ID:CONTROLLERS:PATH"; version 2 has the ID 0 and names no controllers.
std::vector<Hierarchy> ReadGroups(const std::string& root) {
  std::vector<Hierarchy> found;
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool is_v2 = line.substr(0, first) == "0" && controllers.empty();
    if (!is_v2 && !HasWord(controllers, "cpu")) continue;
    found.push_back({.is_v2 = is_v2, .group = line.substr(second + 1), .mount = {}});
  }
  return found;
}

// Lines "ID PARENT MAJOR:MINOR TOP POINT OPTIONS [MORE...] - TYPE SOURCE SUPER_OPTIONS".
void FindMounts(const std::string& root, std::vector<Hierarchy>& hierarchies) {
  std::ifstream file(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string skipped, top, point, field, type, source, options;
    fields >> skipped >> skipped >> skipped >> top >> point;
    while (fields >> field && field != "-") {
    }
    if (!(fields >> type >> source >> options)) continue;
    for (Hierarchy& each : hierarchies) {
      const bool is_it =
          each.is_v2 ? type == "cgroup2" : type == "cgroup" && HasWord(options, "cpu");
      if (is_it) each.mount = Mount{.top = Unescape(top), .point = Unescape(point)};
    }
  }
}

// The group's path below the mount point, "" for the mount itself. A group that lies outside of
// what is mounted (a container's view) is taken for the mount itself.
std::string BelowMount(const Hierarchy& hierarchy) {
  const std::string& top = hierarchy.mount->top;
  const std::string& group = hierarchy.group;
  if (group.find("/..") != group.npos || group == "/") return "";
  if (top == "/") return group;
  const bool is_inside =
      group.starts_with(top) && (group.size() == top.size() || group[top.size()] == '/');
  return is_inside ? group.substr(top.size()) : "";
}

std::optional<uint32_t> CpusOf(int64_t quota, int64_t period) {
  if (quota <= 0 || period <= 0) return std::nullopt;
  const int64_t cpus = (quota - 1) / period + 1;
  return static_cast<uint32_t>(std::min<int64_t>(cpus, std::numeric_limits<uint32_t>::max()));
}

std::optional<uint32_t> QuotaOf(const std::string& folder, bool is_v2) {
  int64_t quota = -1;
  int64_t period = 0;
  if (is_v2) {
    std::ifstream(folder + "/cpu.max") >> quota >> period;  // "max" is no number
  } else {
    std::ifstream(folder + "/cpu.cfs_quota_us") >> quota;
    std::ifstream(folder + "/cpu.cfs_period_us") >> period;
  }
  return CpusOf(quota, period);
}

}  // namespace

std::optional<uint32_t> CpuQuota(const std::string& root) {
  std::vector<Hierarchy> hierarchies = ReadGroups(root);
  FindMounts(root, hierarchies);
  std::optional<uint32_t> least;
  for (const Hierarchy& each : hierarchies) {
    if (!each.mount) continue;
    for (std::string below = BelowMount(each);; below.resize(below.rfind('/'))) {
      const std::optional<uint32_t> cpus = QuotaOf(root + each.mount->point + below, each.is_v2);
      if (cpus) least = std::min(least.value_or(*cpus), *cpus);
      if (below.find('/') == below.npos) break;
    }
  }
  return least;
}

uint32_t CpusOfAffinity() {
  // A machine may have more CPUs than a cpu_set_t has bits.
  for (int count = CPU_SETSIZE; count <= 1 << 20; count *= 4) {
    std::vector<cpu_set_t> allowed(CPU_ALLOC_SIZE(count) / sizeof(cpu_set_t));
    const size_t bytes = allowed.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, allowed.data()) == 0) {
      return static_cast<uint32_t>(std::max(CPU_COUNT_S(bytes, allowed.data()), 1));
    }
    if (errno != EINVAL) break;
  }
  return 1;
}

uint32_t UsableCpus(const std::string& root) {
  const uint32_t cpus = std::min<uint32_t>(CpusOfAffinity(), core::IdleSet::kMaxWorkers);
  return std::min(cpus, CpuQuota(root).value_or(cpus));
}

}  // namespace sluice::proxy
