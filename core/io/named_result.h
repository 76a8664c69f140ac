// NamedResult<T>: what opening a file or starting a program brought: a value, or an error that says
// what was tried, with what, and why it failed (NamedError).
//
//     NamedResult<File> file = co_await File::Open("/etc/motd");
//     if (!file.ok()) return Fail(file.message());     // "open /etc/motd: Permission denied"
#ifndef SLUICE_CORE_IO_NAMED_RESULT_H_
#define SLUICE_CORE_IO_NAMED_RESULT_H_

#include <string>
#include <string_view>

#include "core/io/result_or_failure.h"

namespace sluice::core {

struct NamedError {
  std::string_view operation;  // a literal
  std::string name;            // a path, or a program
  int error = 0;               // an errno

  std::string message() const;
};

template <typename T>
using NamedResult = ResultOrFailure<T, NamedError>;

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_NAMED_RESULT_H_
