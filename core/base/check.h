// Checks of facts that only a programming error can break: they print the place and abort.
//
// SLUICE_CHECK is always on; SLUICE_DCHECK only in builds without NDEBUG (asan and tsan have it
// on).
// A build that defines SLUICE_MODEL_CHECK brings a CheckFailed of its own (tests/model).
#ifndef SLUICE_CORE_BASE_CHECK_H_
#define SLUICE_CORE_BASE_CHECK_H_

#include <cstdio>
#include <cstdlib>

namespace sluice::core {

#ifdef SLUICE_MODEL_CHECK
[[noreturn]] void CheckFailed(const char* file, int line, const char* what);
#else
[[noreturn, gnu::cold, gnu::noinline]] inline void CheckFailed(const char* file, int line,
                                                               const char* what) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what);
  std::abort();
}
#endif

}  // namespace sluice::core

#define SLUICE_CHECK(condition)                                    \
  do {                                                             \
    if (!(condition)) [[unlikely]]                                 \
      ::sluice::core::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)

// For mistakes of those who use a library: `advice` is a sentence that says what to do instead.
#define SLUICE_CHECK_USE(condition, advice)                                    \
  do {                                                                         \
    if (!(condition)) [[unlikely]]                                             \
      ::sluice::core::CheckFailed(__FILE__, __LINE__, #condition ": " advice); \
  } while (false)

#ifdef NDEBUG
#define SLUICE_DCHECK(condition) \
  do {                           \
    (void)sizeof(condition);     \
  } while (false)
#else
#define SLUICE_DCHECK(condition) SLUICE_CHECK(condition)
#endif

#endif  // SLUICE_CORE_BASE_CHECK_H_
