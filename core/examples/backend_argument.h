// BackendArgument: a last argument `--backend=epoll` or `--backend=io_uring`, which the programs
// here take so that their tests run on both. Without it the runtime chooses.
#ifndef SLUICE_CORE_EXAMPLES_BACKEND_ARGUMENT_H_
#define SLUICE_CORE_EXAMPLES_BACKEND_ARGUMENT_H_

#include <string_view>

#include "core/runtime/backend.h"

// Takes it off the arguments.
inline sluice::core::Backend BackendArgument(int& argc, char** argv) {
  const std::string_view last = argv[argc - 1];
  const bool epoll = last == "--backend=epoll";
  const bool io_uring = last == "--backend=io_uring";
  if (epoll || io_uring) --argc;
  return epoll      ? sluice::core::Backend::kEpoll
         : io_uring ? sluice::core::Backend::kIoUring
                    : sluice::core::Backend::kAuto;
}

#endif  // SLUICE_CORE_EXAMPLES_BACKEND_ARGUMENT_H_
