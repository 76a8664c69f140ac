#include "conf/reader/diagnostics.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "conf/text/text.h"

namespace sluice::conf {

std::string FormatPosition(Position at) { return Cat(at.line, ":", at.column); }

std::string FormatError(const Error& error) {
  if (error.at.line == kWholeFile.line) return Cat(Printable(error.file), ": ", error.message);
  return Cat(Printable(error.file), ":", FormatPosition(error.at), ": error: ", error.message);
}

std::string FormatErrors(const std::vector<Error>& errors) {
  std::string lines;
  for (const Error& error : errors) lines += Cat(lines.empty() ? "" : "\n", FormatError(error));
  return lines;
}

std::string FormatWarning(const Error& warning) {
  return Cat(Printable(warning.file), ":", FormatPosition(warning.at),
             ": warning: ", warning.message);
}

Position PositionOf(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const size_t line_start = before.rfind('\n') + 1;  // npos + 1 == 0
  return {.line = static_cast<int>(std::ranges::count(before, '\n')) + 1,
          .column = static_cast<int>(before.size() - line_start) + 1};
}

void Errors::Add(Position at, std::string_view message) {
  errors_.push_back({files_[static_cast<size_t>(at.file)], at, std::string(message)});
}

int Errors::AddFile(std::string_view file) {
  files_.emplace_back(file);
  return static_cast<int>(files_.size()) - 1;
}

void Errors::AddAll(const std::vector<Error>& errors, int file) {
  for (Error error : errors) {
    error.at.file = file;
    errors_.push_back(std::move(error));
  }
}

std::string Errors::Place(Position at, Position from) const {
  if (at.file == from.file) return FormatPosition(at);
  return Cat(Printable(files_[static_cast<size_t>(at.file)]), ":", FormatPosition(at));
}

std::string Errors::DidYouMean(std::string_view name, const std::vector<std::string>& candidates) {
  if (comparisons_ + candidates.size() > kMaxComparisons) return "";
  comparisons_ += candidates.size();
  return conf::DidYouMean(name, candidates);
}

std::vector<Error> Errors::Take() {
  std::vector<Error> errors = std::move(errors_);
  errors_.clear();
  std::ranges::sort(errors, {},
                    [](const Error& e) { return std::tie(e.at.file, e.at, e.message); });
  if (errors.size() > kMaxErrors) {
    const size_t more = errors.size() - kMaxErrors;
    const Position at = errors[kMaxErrors].at;
    errors.resize(kMaxErrors);
    errors.push_back({files_[static_cast<size_t>(at.file)], at,
                      Cat("and ", more, " more ", noun_, " from here on")});
  }
  return errors;
}

}  // namespace sluice::conf
