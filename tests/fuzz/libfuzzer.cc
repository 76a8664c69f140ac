// libFuzzer's side of a target. SLUICE_FUZZ_MISTAKE plants a mistake, to see how soon it is found.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const char* const chosen = std::getenv("SLUICE_FUZZ_MISTAKE");
  static const size_t mistake = chosen == nullptr ? 0 : std::strtoul(chosen, nullptr, 10);
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  sluice::fuzz::TheTarget().run(input, mistake);
  return 0;
}
