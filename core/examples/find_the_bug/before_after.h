// RunBeforeOrAfter: the main of the programs here: `before` runs the code with the mistake, `after`
// the code without it. One worker: that is where such mistakes show at once, and not once a week.
#ifndef SLUICE_CORE_EXAMPLES_FIND_THE_BUG_BEFORE_AFTER_H_
#define SLUICE_CORE_EXAMPLES_FIND_THE_BUG_BEFORE_AFTER_H_

#include <cstdio>
#include <string_view>

#include "core/examples/backend_argument.h"
#include "core/sluice.h"

using TaskMaker = sluice::core::Task<int> (*)();

inline int RunBeforeOrAfter(int argc, char** argv, TaskMaker before, TaskMaker after) {
  const sluice::core::Backend backend = BackendArgument(argc, argv);
  const std::string_view which = argc == 2 ? argv[1] : "";
  if (which != "before" && which != "after") {
    std::fprintf(stderr, "usage: %s before|after\n", argv[0]);
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  return sluice::core::RunMain(which == "before" ? before() : after(), {.backend = backend});
}

#endif  // SLUICE_CORE_EXAMPLES_FIND_THE_BUG_BEFORE_AFTER_H_
