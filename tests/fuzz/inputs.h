// The inputs of a run: the corpus in the tree, and random ones, which their seed alone decides.
#ifndef SLUICE_TESTS_FUZZ_INPUTS_H_
#define SLUICE_TESTS_FUZZ_INPUTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/fuzz/target.h"

namespace sluice::fuzz {

struct NamedInput {
  std::string name;
  std::string bytes;
};

// By name. Paths are relative to the root of the repository, where tests run.
std::vector<NamedInput> ReadCorpus(const Target& target);
std::string ReadFile(const std::string& path);

// With words: an input of the corpus, edited. Without: random bytes.
std::string RandomInput(const Target& target, const std::vector<NamedInput>& corpus, uint64_t seed);

}  // namespace sluice::fuzz

#endif  // SLUICE_TESTS_FUZZ_INPUTS_H_
