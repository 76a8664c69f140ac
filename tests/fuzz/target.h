// A fuzz target: a function of some bytes that ends the process when a promise is broken.
//
// Every target is built twice: `NAME_test` runs the corpus and a fixed number of seeded random
// inputs, and then plants each of the target's mistakes, which has to be noticed (driver.cc);
// `NAME` is a libFuzzer program, for long runs by command (libfuzzer.cc).
// Threads: `run` is called by one thread at a time.
#ifndef SLUICE_TESTS_FUZZ_TARGET_H_
#define SLUICE_TESTS_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::fuzz {

struct Target {
  std::string name;                       // of its folder in corpus/
  std::vector<std::string> folders = {};  // more to start from
  // `mistake`: 0, or the number (from 1) of the mistake to plant.
  void (*run)(std::string_view input, size_t mistake);
  std::vector<std::string> mistakes;
  // What random inputs are made of besides the corpus; empty: they are bytes without a form.
  std::vector<std::string> words;
  size_t random_inputs;  // in one run of the test
  size_t max_size;       // of a random input, bytes
};

// A word that is no text.
inline std::string Bytes(std::initializer_list<int> bytes) {
  std::string text;
  for (const int byte : bytes) text += static_cast<char>(byte);
  return text;
}

// Each target defines it.
const Target& TheTarget();

// Ends the process; `what` is the promise that was broken.
[[noreturn]] inline void Fail(std::string_view what, std::string_view detail = "") {
  std::fprintf(stderr, "broken: %.*s: %.*s\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(detail.size()), detail.data());
  std::abort();
}

inline void Expect(bool holds, std::string_view what, std::string_view detail = "") {
  if (!holds) Fail(what, detail);
}

}  // namespace sluice::fuzz

#endif  // SLUICE_TESTS_FUZZ_TARGET_H_
