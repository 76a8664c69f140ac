// How many threads this process has, those among them that the kernel has started for a ring.
#ifndef SLUICE_TESTS_CONTRACT_THREADS_H_
#define SLUICE_TESTS_CONTRACT_THREADS_H_

#include <cstddef>
#include <filesystem>
#include <iterator>

namespace sluice::contract {

inline size_t ThreadCount() {
  const std::filesystem::directory_iterator threads("/proc/self/task");
  return static_cast<size_t>(std::distance(begin(threads), end(threads)));
}

}  // namespace sluice::contract

#endif  // SLUICE_TESTS_CONTRACT_THREADS_H_
