// What a test says of a model: that it holds, or that a mutant of it does not.
#ifndef SLUICE_TESTS_MODEL_EXPECT_H_
#define SLUICE_TESTS_MODEL_EXPECT_H_

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>

#include "tests/model/run.h"

namespace sluice::model {

using Model = std::function<void(Execution&)>;

inline void Report(const Result& result) {
  std::printf("  %llu executions, %.1f steps each\n",
              static_cast<unsigned long long>(result.executions),
              static_cast<double>(result.steps) / static_cast<double>(result.executions));
}

// All executions (or as many as are sampled) have been seen and none failed. SLUICE_MODEL_ALL=1
// takes the bound on preemptions away, for a test that has the time.
inline void ExpectHolds(const Model& model, Options options = {}) {
  if (std::getenv("SLUICE_MODEL_ALL") != nullptr) options.preemptions = -1;
  const Result result = Explore(options, model);
  Report(result);
  EXPECT_FALSE(result.failed) << result.what << "\n"
                              << result.trace << "schedule: " << result.schedule;
  const bool partial = options.samples > 0 || std::getenv("SLUICE_MODEL_SCHEDULE") != nullptr;
  EXPECT_TRUE(result.failed || result.complete || partial) << "too many executions";
}

// The checker finds something, and the schedule leads to the same again.
inline void ExpectFails(const Model& model, Options options = {}) {
  const Result result = Explore(options, model);
  Report(result);
  ASSERT_TRUE(result.failed) << "a planted mistake has not been found";
  std::printf("  found: %s\n", result.what.c_str());
  if (std::getenv("SLUICE_MODEL_TRACES") != nullptr) {
    std::printf("%sschedule: %s\n", result.trace.c_str(), result.schedule.c_str());
  }
  options.schedule = result.schedule;
  const Result again = Explore(options, model);
  EXPECT_EQ(again.what, result.what);
  EXPECT_EQ(again.trace, result.trace);
}

inline void ExpectCaught(const Model& model, Mutation mutation, Options options = {}) {
  options.mutations = {std::move(mutation)};
  ExpectFails(model, options);
}

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_EXPECT_H_
