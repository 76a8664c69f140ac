// Runs a target in a child process, so that a crash and an endless loop are failures like others.
//
//   SLUICE_FUZZ_SEED, SLUICE_FUZZ_COUNT   other random inputs, more of them
//   SLUICE_FUZZ_FILE                      this input alone, in this process: for a debugger
//   SLUICE_FUZZ_TRACE                     the reactor target tells every step
//
// A failure leaves its input in a file and names it.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "tests/fuzz/inputs.h"
#include "tests/fuzz/target.h"

namespace sluice::fuzz {
namespace {

constexpr unsigned kSecondsPerInput = 240;  // some take 5 without a sanitizer, 60 with tsan
constexpr unsigned kSecondsPerMistake = 5;  // one that loses a wake-up shows by silence

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// The corpus, then the random inputs.
class Inputs {
 public:
  Inputs()
      : corpus_(ReadCorpus(TheTarget())),
        seed_(FromEnvironment("SLUICE_FUZZ_SEED", 1)),
        count_(FromEnvironment("SLUICE_FUZZ_COUNT", TheTarget().random_inputs)) {}
  size_t count() const { return corpus_.size() + count_; }
  NamedInput at(size_t index) const {
    if (index < corpus_.size()) return corpus_[index];
    const uint64_t seed = seed_ + index - corpus_.size();
    return {"SLUICE_FUZZ_SEED=" + std::to_string(seed) + " SLUICE_FUZZ_COUNT=1",
            RandomInput(TheTarget(), corpus_, seed)};
  }

 private:
  const std::vector<NamedInput> corpus_;
  const uint64_t seed_;
  const uint64_t count_;
};

struct Outcome {
  bool passed;
  size_t last;  // input that was running
  int status;
};

Outcome RunAll(const Inputs& inputs, size_t mistake) {
  void* memory =
      mmap(nullptr, sizeof(size_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  EXPECT_NE(memory, MAP_FAILED);
  auto* current = static_cast<volatile size_t*>(memory);
  std::cout.flush();
  const pid_t child = fork();
  if (child == 0) {
    if (mistake != 0) dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
    for (size_t i = 0; i < inputs.count(); ++i) {
      *current = i;
      alarm(mistake == 0 ? kSecondsPerInput : kSecondsPerMistake);
      TheTarget().run(inputs.at(i).bytes, mistake);
    }
    _exit(0);
  }
  Outcome outcome = {.passed = false, .last = 0, .status = 0};
  EXPECT_EQ(waitpid(child, &outcome.status, 0), child);
  outcome.passed = WIFEXITED(outcome.status) && WEXITSTATUS(outcome.status) == 0;
  outcome.last = *current;
  munmap(memory, sizeof(size_t));
  return outcome;
}

std::string Keep(const NamedInput& input) {
  const char* folder = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR");
  const std::string path = std::string(folder == nullptr ? "/tmp" : folder) + "/" +
                           TheTarget().name + "-failed-" + std::to_string(getpid());
  std::ofstream(path, std::ios::binary) << input.bytes;
  return path;
}

TEST(Fuzz, CorpusAndRandomInputs) {
  if (const char* file = std::getenv("SLUICE_FUZZ_FILE")) {
    TheTarget().run(ReadFile(file), FromEnvironment("SLUICE_FUZZ_MISTAKE", 0));
    return;
  }
  const Inputs inputs;
  std::cout << TheTarget().name << ": " << inputs.count() << " inputs\n";
  const Outcome outcome = RunAll(inputs, 0);
  if (outcome.passed) return;
  const NamedInput input = inputs.at(outcome.last);
  ADD_FAILURE() << (WIFSIGNALED(outcome.status) && WTERMSIG(outcome.status) == SIGALRM
                        ? "it does not end, input "
                        : "input ")
                << input.name << "\nSLUICE_FUZZ_FILE=" << Keep(input) << " runs it again";
}

TEST(Fuzz, NoticesPlantedMistakes) {
  const Inputs inputs;
  ASSERT_FALSE(TheTarget().mistakes.empty());
  for (size_t i = 0; i < TheTarget().mistakes.size(); ++i) {
    const Outcome outcome = RunAll(inputs, i + 1);
    EXPECT_FALSE(outcome.passed) << "nobody notices: " << TheTarget().mistakes[i];
    std::cout << TheTarget().mistakes[i] << ": noticed at input " << outcome.last + 1 << "\n";
  }
}

}  // namespace
}  // namespace sluice::fuzz
